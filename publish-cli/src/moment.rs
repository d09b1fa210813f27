//! Moments as people read them.

use std::time::{Duration, SystemTime};

use charm_model::timestamp::Timestamp;
use terminal::count;

/// Returns the present moment, by this machine's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "how long ago a person began is between that person and the machine"
)]
pub(crate) fn now() -> Timestamp {
    SystemTime::now().into()
}

/// Returns a moment to the minute: nobody comes back in the last one.
pub(crate) fn minute(moment: Timestamp) -> String {
    let text = moment.to_string();
    match text.get(..16).and_then(|it| it.split_once('T')) {
        Some((date, time)) => format!("{date} {time} UTC"),
        None => text,
    }
}

/// Returns how long ago something was, in the largest unit that it fills: `12 minutes ago`.
pub(crate) fn ago(time: Duration) -> String {
    let seconds = time.as_secs();
    let (number, noun) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{} ago", count(usize::try_from(number).unwrap_or(usize::MAX), noun))
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(0 => "0 seconds ago")]
    #[test_case(60 => "1 minute ago")]
    #[test_case(779 => "12 minutes ago")]
    #[test_case(3600 => "1 hour ago")]
    #[test_case(200_000 => "2 days ago")]
    fn a_while(seconds: u64) -> String {
        ago(Duration::from_secs(seconds))
    }
}
