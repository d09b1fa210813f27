//! Keeping to a rate: all transfers of one store share it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::rate::Rate;

/// The most bytes that are handed to the network at once. Whoever waits for a slow line to take them must see it move.
const MAX_FRAME_BYTES: u64 = 64 << 10;

/// How many frames a second there are at least, as far as the rate allows: a coarse one would come in bursts.
const MIN_FRAMES_PER_SECOND: u64 = 16;

/// A pace to keep to, or none.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: Option<Rate>,
    /// When the bytes so far will have passed.
    free_at: Mutex<Option<Instant>>,
}

impl Pace {
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        Self { rate, free_at: Mutex::new(None) }
    }

    /// Returns the most bytes that are to be handed on at once.
    pub(crate) fn frame_bytes(&self) -> usize {
        let n_bytes = self.rate.map_or(MAX_FRAME_BYTES, |rate| {
            (rate.bytes_per_second() / MIN_FRAMES_PER_SECOND).clamp(1, MAX_FRAME_BYTES)
        });
        usize::try_from(n_bytes).unwrap_or(usize::MAX)
    }

    /// Waits until that many more bytes may move.
    pub(crate) async fn take(&self, n_bytes: usize) {
        if let Some(rate) = self.rate {
            sleep_until(self.reserve(rate, n_bytes, Instant::now())).await;
        }
    }

    /// Returns when that many bytes may move, and keeps the line busy for them.
    fn reserve(&self, rate: Rate, n_bytes: usize, now: Instant) -> Instant {
        let nanos = u128::from(n_bytes as u64) * 1_000_000_000 / u128::from(rate.bytes_per_second());
        let needed = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        // A line that stood idle has nothing to catch up with.
        let begin = free_at.map_or(now, |it| it.max(now));
        *free_at = Some(begin + needed);
        begin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_pass_at_the_rate_and_a_pause_saves_nothing_up() {
        let rate = "1kB".parse().unwrap();
        let (pace, now) = (Pace::new(Some(rate)), Instant::now());
        let waits = |now: Instant| [(); 3].map(|()| (pace.reserve(rate, 500, now) - now).as_millis());
        assert_eq!(waits(now), [0, 500, 1000]);
        assert_eq!(waits(now + Duration::from_mins(1)), [0, 500, 1000]);
    }

    #[test]
    fn frames_are_small_where_the_line_is_slow() {
        let frame = |rate: Option<&str>| Pace::new(rate.map(|it| it.parse().unwrap())).frame_bytes();
        assert_eq!(
            [frame(None), frame(Some("1GB")), frame(Some("16kB")), frame(Some("3B"))],
            [65536, 65536, 1000, 1]
        );
    }
}
