//! A rate as people write it: `5MB`.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::Deserialize;
use thiserror::Error;

/// What a unit stands for, in bytes; longer names first.
const UNITS: [(&str, u64); 7] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

/// A rate, in bytes per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Rate(NonZeroU64);

/// Why a text is not a rate.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a rate: bytes per second are expected, such as `5MB`, `500kB` or `2MiB`")]
pub struct RateError(String);

impl Rate {
    /// Returns that many bytes per second.
    pub const fn new(bytes_per_second: NonZeroU64) -> Self {
        Self(bytes_per_second)
    }

    /// Returns the rate in bytes per second.
    pub const fn bytes_per_second(self) -> u64 {
        self.0.get()
    }
}

impl FromStr for Rate {
    type Err = RateError;

    /// Reads a whole number and a unit, in any case and with or without `/s`: powers of 1000, or of 1024 with an `i`.
    fn from_str(text: &str) -> Result<Self, RateError> {
        let refuse = || RateError(text.to_owned());
        let n_digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, unit) = text.split_at(n_digits);
        let unit = unit.trim_start().trim_end_matches("/s");
        let number: u64 = digits.parse().map_err(|_| refuse())?;
        let known = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
        let factor = known.map(|it| it.1).or(unit.is_empty().then_some(1)).ok_or_else(refuse)?;
        number.checked_mul(factor).and_then(NonZeroU64::new).map(Self).ok_or_else(refuse)
    }
}

impl TryFrom<String> for Rate {
    type Error = RateError;

    fn try_from(text: String) -> Result<Self, RateError> {
        text.parse()
    }
}

impl fmt::Display for Rate {
    /// Prints the largest unit that leaves a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, factor): &&(&str, u64)| self.bytes_per_second().is_multiple_of(*factor);
        let (name, factor) = UNITS.iter().filter(fits).max_by_key(|it| it.1).unwrap_or(&UNITS[6]);
        write!(f, "{}{name}/s", self.bytes_per_second() / factor)
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("5MB" => "5MB/s")]
    #[test_case("500 kb/s" => "500kB/s")]
    #[test_case("2MiB" => "2MiB/s")]
    #[test_case("1234" => "1234B/s")]
    fn reads_and_prints_a_rate(text: &str) -> String {
        text.parse::<Rate>().unwrap().to_string()
    }

    #[test_case("0"; "nothing ever moves")]
    #[test_case(""; "nothing")]
    #[test_case("fast"; "a word")]
    #[test_case("-5MB"; "backwards")]
    #[test_case("5Mbit"; "bits")]
    #[test_case("99999999999GB"; "beyond counting")]
    fn refuses_a_rate(text: &str) {
        assert_eq!(text.parse::<Rate>(), Err(RateError(text.to_owned())));
    }
}
