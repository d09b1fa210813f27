//! How much one caller may ask of one server.
//!
//! Requests are counted for an account if there is one, else for an address: whoever comes with a bad token is nobody, and
//! shuts nobody out who comes with a good one. Passwords are all that can be guessed, and guesses are counted for
//! themselves. What is counted is kept in memory: several servers allow several times as much, and a server that starts
//! again has forgotten it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::FromRequestParts;
use charm_model::rights::Caller;
use charm_model::timestamp::Timestamp;
use http::Extensions;
use http::request::Parts;
use moka::policy::EvictionPolicy;

use crate::problem::Problem;
use crate::router::App;

/// What one caller may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// The most requests in a minute. All of them may come at once.
    pub requests_per_minute: u32,
    /// The most bad passwords in a minute from one address. Those that are being looked at count until they are good.
    pub failed_logins_per_minute: u32,
    /// The most bytes that one account has on their way here at a time.
    pub upload_bytes: u64,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self { requests_per_minute: 6_000, failed_logins_per_minute: 60, upload_bytes: 4 << 30 }
    }
}

/// The most callers that are remembered. Whoever is not seen for long is forgotten first.
const MAX_CALLERS: u64 = 100_000;

/// The most refusals of one account in a minute that are noted in the audit. More are in the log alone.
const REFUSALS_PER_MINUTE: u32 = 30;

/// The address of whoever asks: that of the connection, or what a trusted proxy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or(Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
    }

    /// Returns what is counted as one: of IPv6 the network, for whoever has one address there has all of them.
    pub fn network(self) -> IpAddr {
        match self.0 {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => address.into(),
                None => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            },
        }
    }
}

/// That a request is counted as nobody's, before anything of its body is read.
pub(crate) struct Nobody;

impl FromRequestParts<App> for Nobody {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let address = ClientAddress::of(&parts.extensions);
        app.throttle.request(&Caller::Anonymous, address, app.store.now())?;
        Ok(Self)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Requests(IpAddr),
    Account(String),
    /// All tokens of an account that are good for less than the account is: whoever finds one does not lock out its
    /// owner.
    NarrowTokens(String),
    Guesses(IpAddr),
    Refusals(String),
}

/// Counts what callers ask. Cheap to clone: all clones count together.
#[derive(Debug, Clone)]
pub struct Throttle {
    limits: RequestLimits,
    /// For each caller the moment, in microseconds, up to which its requests are paid for, one after the other: the
    /// generic cell rate algorithm.
    paid: moka::sync::Cache<Key, Arc<Mutex<i64>>>,
    /// For each account the bytes that are on their way here.
    uploads: Arc<Mutex<HashMap<String, u64>>>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self::new(RequestLimits::default())
    }
}

/// Bytes on their way here, as long as the value lives.
#[derive(Debug)]
pub(crate) struct Upload {
    uploads: Arc<Mutex<HashMap<String, u64>>>,
    account: String,
    n_bytes: u64,
}

impl Drop for Upload {
    fn drop(&mut self) {
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sum) = uploads.get_mut(&self.account) {
            *sum -= self.n_bytes;
            if *sum == 0 {
                uploads.remove(&self.account);
            }
        }
    }
}

impl Throttle {
    /// Counts within these limits.
    pub fn new(limits: RequestLimits) -> Self {
        let paid = moka::sync::Cache::builder().max_capacity(MAX_CALLERS);
        // A crowd of newcomers must not push out those who are counted: the least recent goes, not the least frequent.
        let paid = paid.eviction_policy(EvictionPolicy::lru()).time_to_idle(Duration::from_mins(2)).build();
        Self { limits, paid, uploads: Arc::default() }
    }

    /// Counts a request, unless there were too many.
    pub(crate) fn request(
        &self,
        caller: &Caller,
        address: ClientAddress,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let key = match caller {
            Caller::Anonymous => Key::Requests(address.network()),
            Caller::User(identity) if !identity.scope.is_unrestricted() => {
                Key::NarrowTokens(identity.name.to_string())
            }
            Caller::User(identity) => Key::Account(identity.name.to_string()),
            Caller::Admin => Key::Account(ADMIN.to_owned()),
        };
        let limit = self.limits.requests_per_minute;
        let refused = |wait| {
            Problem::throttled(wait, format!("more than {limit} requests in a minute: wait {wait} seconds"))
        };
        self.take(key, limit, now).map(drop).map_err(refused)
    }

    /// Counts a password as a guess, before it is looked at: those that come at once are no fewer than those that come
    /// one after the other.
    pub(crate) fn guess(&self, address: ClientAddress, now: Timestamp) -> Result<Guess, Problem> {
        let limit = self.limits.failed_logins_per_minute;
        let refused = |wait| {
            let message = format!("more than {limit} bad passwords in a minute: wait {wait} seconds");
            Problem::throttled(wait, message)
        };
        let paid = self.take(Key::Guesses(address.network()), limit, now).map_err(refused)?;
        Ok(Guess { paid, price: price(limit) })
    }

    /// Says whether a refusal of somebody who is known is still to be noted.
    pub(crate) fn notes_refusal(&self, caller: &Caller, now: Timestamp) -> bool {
        let account = caller.name().unwrap_or_default().to_owned();
        self.take(Key::Refusals(account), REFUSALS_PER_MINUTE, now).is_ok()
    }

    /// Counts bytes that are about to come, unless too many of the account's are on their way.
    pub(crate) fn upload(&self, caller: &Caller, n_bytes: u64) -> Result<Upload, Problem> {
        let account = caller.name().unwrap_or_default().to_owned();
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = uploads.get(&account).copied().unwrap_or(0).saturating_add(n_bytes);
        let limit = self.limits.upload_bytes;
        // One upload may always come, however large.
        if sum > limit && sum > n_bytes {
            let message = format!("more than {limit} bytes of yours would be on their way here at a time");
            return Err(Problem::throttled(1, message));
        }
        uploads.insert(account.clone(), sum);
        Ok(Upload { uploads: self.uploads.clone(), account, n_bytes })
    }

    fn take(&self, key: Key, per_minute: u32, now: Timestamp) -> Result<Arc<Mutex<i64>>, u64> {
        let counted = self.paid.get_with(key, Arc::default);
        let mut paid = counted.lock().unwrap_or_else(PoisonError::into_inner);
        *paid = take(*paid, price(per_minute), now.as_micros())?;
        drop(paid);
        Ok(counted)
    }
}

/// A password that is counted as a bad one.
#[derive(Debug)]
#[must_use = "a good password has to be given back"]
pub(crate) struct Guess {
    paid: Arc<Mutex<i64>>,
    price: i64,
}

impl Guess {
    /// Counts it no more: it was good, or nobody could say.
    pub(crate) fn give_back(self) {
        *self.paid.lock().unwrap_or_else(PoisonError::into_inner) -= self.price;
    }
}

/// The operator's name, which no user has.
const ADMIN: &str = "admin";

const MINUTE_MICROS: i64 = 60_000_000;

/// Returns how many microseconds one request of so many in a minute costs.
fn price(per_minute: u32) -> i64 {
    MINUTE_MICROS / i64::from(per_minute.max(1))
}

/// Returns up to which moment one more is paid for, or how many seconds it has to wait: nobody may have paid for more than
/// a minute ahead.
fn take(paid: i64, price: i64, now: i64) -> Result<i64, u64> {
    // So far ahead nobody can be, unless the clock was set back.
    let paid = if paid > now + MINUTE_MICROS + price { now } else { paid.max(now) };
    let ahead = paid + price - now - MINUTE_MICROS;
    if ahead <= 0 { Ok(paid + price) } else { Err(ahead.unsigned_abs().div_ceil(1_000_000)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICE: i64 = MINUTE_MICROS / 6;

    /// Takes as many as there are at one moment, and returns up to when they are paid for.
    fn exhausted(now: i64) -> i64 {
        (0..6).try_fold(0, |paid, _| take(paid, PRICE, now)).unwrap()
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out() {
        let now = 3_600 * 1_000_000;
        let paid = exhausted(now);
        assert_eq!(take(paid, PRICE, now), Err(10));
        assert_eq!(
            take(paid, PRICE, now - 5_000_000),
            Err(15),
            "by less than one costs, it is as if time stood still"
        );
        assert_eq!(take(paid, PRICE, now - 11_000_000), Ok(now - 11_000_000 + PRICE));
    }
}
