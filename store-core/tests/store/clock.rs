//! A clock that goes on as it is told to.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use charm_model::timestamp::Timestamp;
use store_core::Clock;

/// Never shows the same moment twice, so that "before" and "after" always differ.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn new() -> Self {
        Self(AtomicI64::new(1_800_000_000_000_000))
    }

    pub(crate) fn advance(&self, time: Duration) {
        self.0.fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.fetch_add(1, Ordering::Relaxed))
    }
}
