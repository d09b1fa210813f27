//! Sizes as people write them.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context as _, Error, bail};

/// A number of bytes, written with a binary unit: `1GiB`, `64MiB`, `512KiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Size(pub(crate) u64);

const UNITS: [(&str, u32); 4] = [("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];

impl FromStr for Size {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let unit = UNITS.iter().find_map(|(name, shift)| Some((text.strip_suffix(name)?, *shift)));
        let (number, shift) =
            unit.with_context(|| format!("`{text}` has no unit: write `1GiB` or `64MiB`"))?;
        let number: u64 = number.trim().parse().with_context(|| format!("`{text}` is not a size"))?;
        match number.checked_mul(1 << shift) {
            Some(n_bytes @ 1..) => Ok(Self(n_bytes)),
            _ => bail!("`{text}` is out of range"),
        }
    }
}

impl fmt::Display for Size {
    /// Prints the largest unit of which there is one, with a decimal where it is not exact.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, shift) = UNITS.into_iter().find(|(_, shift)| self.0 >> shift > 0).unwrap_or(("B", 0));
        let tenths = (u128::from(self.0) * 10) >> shift;
        match tenths % 10 {
            0 => write!(f, "{} {name}", tenths / 10),
            tenth => write!(f, "{}.{tenth} {name}", tenths / 10),
        }
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("1GiB" => "1 GiB")]
    #[test_case("1536MiB" => "1.5 GiB")]
    #[test_case("64 MiB" => "64 MiB")]
    #[test_case("100B" => "100 B")]
    fn a_size_is_printed_in_its_largest_unit(text: &str) -> String {
        text.parse::<Size>().unwrap().to_string()
    }

    #[test_case("1")]
    #[test_case("0MiB")]
    #[test_case("GiB")]
    #[test_case("99999999999GiB")]
    fn refuses_a_size(text: &str) {
        assert!(text.parse::<Size>().is_err());
    }
}
