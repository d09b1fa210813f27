//! How much one caller may ask of one server.
//!
//! Requests are counted for an account if there is one, else for an address. What is counted is kept in memory: several
//! servers allow several times as much, and a server that starts again has forgotten it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::FromRequestParts;
use charm_model::rights::Caller;
use charm_model::timestamp::Timestamp;
use http::Extensions;
use http::request::Parts;

use crate::problem::Problem;
use crate::router::App;

/// What one caller may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// The most requests in a minute. All of them may come at once.
    pub requests_per_minute: u32,
    /// The most bad passwords and tokens in a minute from one address.
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

/// The address of whoever asks: that of the connection, or what a trusted proxy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or(Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
    }

    /// Returns what is counted as one: of IPv6 the network, for whoever has one address there has all of them.
    fn network(self) -> IpAddr {
        match self.0 {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => address.into(),
                None => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            },
        }
    }
}

impl FromRequestParts<App> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Requests(IpAddr),
    Account(String),
    FailedLogins(IpAddr),
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
        let paid = paid.time_to_idle(Duration::from_mins(2)).build();
        Self { limits, paid, uploads: Arc::default() }
    }

    /// Counts a request, unless there were too many.
    pub(crate) fn request(
        &self,
        caller: &Caller,
        address: ClientAddress,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let key = match caller.name() {
            Some(account) => Key::Account(account.to_owned()),
            None => Key::Requests(address.network()),
        };
        let limit = self.limits.requests_per_minute;
        let refused = |wait| {
            Problem::throttled(wait, format!("more than {limit} requests in a minute: wait {wait} seconds"))
        };
        self.take(key, limit, now).map_err(refused)
    }

    /// Refuses to look at a password or token from where too many bad ones came.
    pub(crate) fn login(&self, address: ClientAddress, now: Timestamp) -> Result<(), Problem> {
        let paid = self.paid.get(&Key::FailedLogins(address.network()));
        let Some(paid) = paid else { return Ok(()) };
        let paid = *paid.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = self.limits.failed_logins_per_minute;
        wait(paid, price(limit), now).map_err(|wait| {
            let message =
                format!("more than {limit} bad passwords or tokens in a minute: wait {wait} seconds");
            Problem::throttled(wait, message)
        })
    }

    /// Counts a bad password or token.
    pub(crate) fn failed_login(&self, address: ClientAddress, now: Timestamp) {
        let key = Key::FailedLogins(address.network());
        // That it is too much is said to the next.
        let _ = self.take(key, self.limits.failed_logins_per_minute, now);
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

    fn take(&self, key: Key, per_minute: u32, now: Timestamp) -> Result<(), u64> {
        let paid = self.paid.get_with(key, Arc::default);
        let mut paid = paid.lock().unwrap_or_else(PoisonError::into_inner);
        wait(*paid, price(per_minute), now)?;
        *paid = (*paid).max(now.as_micros()) + price(per_minute);
        Ok(())
    }
}

const MINUTE_MICROS: i64 = 60_000_000;

/// Returns how many microseconds one request of so many in a minute costs.
fn price(per_minute: u32) -> i64 {
    MINUTE_MICROS / i64::from(per_minute.max(1))
}

/// Returns how many seconds one more has to wait, if it has to: nobody may have paid for more than a minute ahead.
fn wait(paid: i64, price: i64, now: Timestamp) -> Result<(), u64> {
    let ahead = paid + price - now.as_micros() - MINUTE_MICROS;
    if ahead <= 0 { Ok(()) } else { Err(ahead.unsigned_abs().div_ceil(1_000_000)) }
}
