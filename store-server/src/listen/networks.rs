//! How many connections each network has: whoever has one address of it has all of them, and shall not have every turn.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts connections by network.
#[derive(Debug)]
pub(super) struct Networks {
    /// The most of one network.
    most: usize,
    n_connections: Mutex<HashMap<IpAddr, usize>>,
}

impl Networks {
    pub(super) fn with_at_most(most: usize) -> Arc<Self> {
        Arc::new(Self { most, n_connections: Mutex::default() })
    }

    /// Counts one more connection of a network, as long as the value lives; none if the network has its share.
    pub(super) fn admit(self: &Arc<Self>, network: IpAddr) -> Option<Admitted> {
        let mut counts = self.counts();
        let count = counts.entry(network).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Admitted { networks: self.clone(), network })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.n_connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is counted.
#[derive(Debug)]
pub(super) struct Admitted {
    networks: Arc<Networks>,
    network: IpAddr,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut counts = self.networks.counts();
        if let Some(count) = counts.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_its_share_and_no_other_network_pays_for_it() {
        let networks = Networks::with_at_most(2);
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|it| it.parse().unwrap());
        let held = [networks.admit(one), networks.admit(one)];
        assert!(held.iter().all(Option::is_some));
        assert!(networks.admit(one).is_none());
        assert!(networks.admit(other).is_some());
        drop(held);
        assert!(networks.counts().is_empty(), "nothing is remembered of who has gone");
        assert!(networks.admit(one).is_some());
    }
}
