//! How much is asked of one request: as much as passes in a few seconds, and through every proxy on the way.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::ClientError;

/// With how much is begun, in bytes.
const FIRST: u64 = 8 << 20;
/// Below this, requests cost more than they save.
const LEAST: u64 = 64 << 10;
/// A part that took longer is too large: what is under way is lost when the line breaks.
const SLOW: Duration = Duration::from_secs(8);
/// A part that took less could have been twice as large.
const FAST: Duration = Duration::from_secs(2);
/// A part that took less could have been four times as large.
const VERY_FAST: Duration = Duration::from_millis(500);
/// After how many parts in a row a size that once failed is tried again: it may have been the moment, not the size.
const TRUSTED_AFTER: u32 = 16;

/// The size of the next part, learnt from those before it; all transfers of one publish learn together.
#[derive(Debug)]
pub(crate) struct PartSize {
    least: u64,
    most: u64,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    n_bytes: u64,
    /// A size that was too large.
    failed: Option<u64>,
    n_passed: u32,
}

impl PartSize {
    /// Begins with parts of a few seconds. None will be larger than `most` bytes, and none empty.
    pub(crate) fn up_to(most: u64) -> Self {
        Self::beginning_with(FIRST.min(most.max(1)), most)
    }

    /// Begins with the most that may be: for recipes, which say little of much.
    pub(crate) fn from(most: u64) -> Self {
        Self::beginning_with(most.max(1), most)
    }

    /// Begins with everything at once, and falls back to parts of at most `most` bytes.
    pub(crate) fn whole_or(most: u64) -> Self {
        Self::beginning_with(u64::MAX, most)
    }

    fn beginning_with(n_bytes: u64, most: u64) -> Self {
        let most = most.max(1);
        let state = State { n_bytes, failed: None, n_passed: 0 };
        Self { least: LEAST.min(most), most, state: Mutex::new(state) }
    }

    /// Makes no part smaller than one of which the store keeps anything.
    #[must_use]
    pub(crate) fn in_steps_of(self, step: u64) -> Self {
        Self { least: self.least.max(step), ..self }
    }

    /// Returns the size of the next part, in bytes.
    pub(crate) fn n_bytes(&self) -> u64 {
        self.state().n_bytes
    }

    /// Learns from a part that passed.
    pub(crate) fn passed(&self, n_bytes: u64, took: Duration) {
        let mut state = self.state();
        // The last part of a blob is shorter than it could be and says little.
        if n_bytes < state.n_bytes {
            return;
        }
        state.n_passed += 1;
        if state.n_passed >= TRUSTED_AFTER {
            state.failed = None;
        }
        if took > SLOW {
            state.resize((n_bytes / 2).max(self.least));
        } else if took < FAST {
            let failed = state.failed;
            let times = |n: u64| {
                Some(n_bytes.saturating_mul(n)).filter(|it| failed.is_none_or(|failed| *it < failed))
            };
            if let Some(larger) = times(4).filter(|_| took < VERY_FAST).or_else(|| times(2)) {
                state.resize(larger.min(self.most));
            }
        }
    }

    /// Learns from a part that did not pass. Returns whether the next will be smaller.
    pub(crate) fn failed(&self, n_bytes: u64, error: &ClientError) -> bool {
        if !may_be_too_long(error) || n_bytes <= self.least {
            return false;
        }
        let mut state = self.state();
        // Of several that failed at the same size, the first has taught all there is to learn.
        let smaller = (n_bytes / 4).min(self.most).max(self.least);
        if smaller < state.n_bytes {
            *state = State { n_bytes: smaller, failed: Some(n_bytes), n_passed: 0 };
        }
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn resize(&mut self, n_bytes: u64) {
        if n_bytes != self.n_bytes {
            (self.n_bytes, self.n_passed) = (n_bytes, 0);
        }
    }
}

/// Says whether a request may have failed for its length: some proxies cut after so many bytes or seconds, and each has
/// its own way to say so.
fn may_be_too_long(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { source, .. } => !source.is_connect(),
        ClientError::Silent { .. } => true,
        ClientError::Unavailable { problem, .. } => matches!(problem.status, 408 | 502 | 504),
        ClientError::Limit(problem) => problem.status == 413,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    use super::*;
    use crate::refusal::Refusal;

    const MOST: u64 = 64 << 20;
    const QUICK: Duration = Duration::from_millis(10);

    fn error(status: StatusCode) -> ClientError {
        ClientError::refused(Refusal::read(status, &HeaderMap::new(), b""))
    }

    fn pass(size: &PartSize, n_times: u32, took: Duration) {
        for _ in 0..n_times {
            size.passed(size.n_bytes(), took);
        }
    }

    #[test]
    fn parts_grow_on_a_fast_line_and_shrink_on_a_slow_one() {
        let size = PartSize::up_to(MOST);
        pass(&size, 10, QUICK);
        assert_eq!(size.n_bytes(), MOST);
        pass(&size, 40, Duration::from_mins(1));
        assert_eq!(size.n_bytes(), LEAST);
    }

    #[test]
    fn a_size_that_failed_is_kept_below_until_many_parts_have_passed() {
        let size = PartSize::up_to(MOST);
        assert!(size.failed(8 << 20, &error(StatusCode::BAD_GATEWAY)));
        assert!(size.failed(8 << 20, &error(StatusCode::BAD_GATEWAY)), "another that began before");
        assert_eq!(size.n_bytes(), 2 << 20);
        pass(&size, 10, QUICK);
        assert_eq!(size.n_bytes(), 4 << 20);
        pass(&size, TRUSTED_AFTER, QUICK);
        assert!(size.n_bytes() > 4 << 20);
    }

    #[test]
    fn a_failure_that_is_not_the_size_s_changes_nothing() {
        let size = PartSize::up_to(MOST);
        assert!(!size.failed(8 << 20, &error(StatusCode::SERVICE_UNAVAILABLE)));
        assert!(!size.failed(LEAST, &error(StatusCode::PAYLOAD_TOO_LARGE)), "smaller would not help");
        assert_eq!(size.n_bytes(), FIRST);
    }

    #[test]
    fn a_store_that_takes_little_gets_little_and_never_nothing() {
        assert_eq!(PartSize::up_to(1000).n_bytes(), 1000);
        assert_eq!(PartSize::up_to(0).n_bytes(), 1);
    }

    #[test]
    fn a_part_of_which_the_store_would_keep_nothing_is_not_made_smaller() {
        let size = PartSize::up_to(MOST).in_steps_of(8 << 20);
        assert!(size.failed(64 << 20, &error(StatusCode::BAD_GATEWAY)));
        assert!(!size.failed(8 << 20, &error(StatusCode::BAD_GATEWAY)));
        pass(&size, 40, Duration::from_mins(1));
        assert_eq!(size.n_bytes(), 8 << 20);
    }

    #[test]
    fn what_does_not_come_whole_is_asked_for_in_parts() {
        let size = PartSize::whole_or(MOST);
        assert!(size.failed(u64::MAX, &error(StatusCode::GATEWAY_TIMEOUT)));
        assert_eq!(size.n_bytes(), MOST);
    }
}
