//! How far an index has read the event log.

use std::fmt;
use std::str::FromStr;

use charm_model::timestamp::Timestamp;

/// An event of the log: everything up to it is in the index.
///
/// Its time tells it from the event of the same number in another log, such as one that was restored from a copy and
/// went on from there. Written `NUMBER@MICROSECONDS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The event's number; 0 before the first.
    pub event: u64,
    /// When it happened.
    pub at: Timestamp,
}

impl Cursor {
    /// Before the first event of any log.
    pub const START: Self = Self { event: 0, at: Timestamp::from_micros(0) };
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.event, self.at.as_micros())
    }
}

/// The text is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotACursor;

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let (event, at) = text.split_once('@').ok_or(NotACursor)?;
        let at = at.parse().map(Timestamp::from_micros).map_err(|_| NotACursor)?;
        Ok(Self { event: event.parse().map_err(|_| NotACursor)?, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_as_it_was_written() {
        let cursor = Cursor { event: 7, at: Timestamp::from_micros(-3) };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "7", "7@", "@7", "x@7"] {
            assert_eq!(text.parse::<Cursor>(), Err(NotACursor), "{text}");
        }
    }
}
