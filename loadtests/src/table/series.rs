//! What is made of several measurements of the same thing.

use std::fmt;

/// The median of some values, with the least and the greatest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) greatest: f64,
}

impl Spread {
    /// Returns that of values; without any, it is no number.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let (n_values, last) = (sorted.len(), sorted.len().saturating_sub(1));
        Self { least: at(0), median: f64::midpoint(at(last / 2), at(n_values / 2)), greatest: at(last) }
    }
}

/// Returns the value in the middle.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    Spread::of(values).median
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { least, median, greatest } = self;
        write!(f, "{median:.2} ({least:.2}–{greatest:.2})")
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(&[3.0] => "3.00 (3.00–3.00)"; "one")]
    #[test_case(&[3.0, 1.0] => "2.00 (1.00–3.00)"; "two")]
    #[test_case(&[9.0, 1.0, 2.0] => "2.00 (1.00–9.00)"; "three")]
    #[test_case(&[9.0, 1.0, 2.0, 4.0] => "3.00 (1.00–9.00)"; "four")]
    fn a_spread_is_the_middle_and_both_ends(values: &[f64]) -> String {
        Spread::of(values.iter().copied()).to_string()
    }
}
