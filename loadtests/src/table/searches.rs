//! What search costs at some size.

use serde::Serialize;

use super::markdown::{grid, thousands, whole_mebibytes};

/// One index, and the questions that were put to it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Searches {
    pub(crate) n_bases: u64,
    /// One for each series of a base.
    pub(crate) n_entries: u64,
    /// How long it took to make.
    pub(crate) seconds: f64,
    pub(crate) index_bytes: u64,
    /// The most in memory while it was made, pages of the index that the system can drop included.
    pub(crate) peak_bytes: u64,
    /// What the process keeps in memory once it is made, without such pages.
    pub(crate) kept_bytes: u64,
    pub(crate) search: Times,
    pub(crate) with_facets: Times,
    pub(crate) complete: Times,
}

/// How long questions took, in seconds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Times(Vec<f64>);

impl FromIterator<f64> for Times {
    fn from_iter<I: IntoIterator<Item = f64>>(seconds: I) -> Self {
        let mut seconds: Vec<f64> = seconds.into_iter().collect();
        seconds.sort_by(f64::total_cmp);
        Self(seconds)
    }
}

impl Times {
    /// Returns what so many of a hundred do not exceed; 0 of none.
    fn percentile(&self, percent: usize) -> f64 {
        let place = (self.0.len() * percent).div_ceil(100).saturating_sub(1);
        self.0.get(place).copied().unwrap_or_default()
    }

    pub(crate) fn p99(&self) -> f64 {
        self.percentile(99)
    }

    fn cell(&self) -> String {
        format!("{:.1} / {:.1} ms", self.percentile(50) * 1e3, self.p99() * 1e3)
    }
}

const HEADINGS: [&str; 9] = [
    "bases",
    "entries",
    "made in",
    "on disk",
    "memory, peak",
    "memory, kept",
    "search p50 / p99",
    "with facets and snippets",
    "completion",
];

pub(super) fn render(searches: &[Searches]) -> String {
    if searches.is_empty() {
        return String::new();
    }
    let headings = HEADINGS.map(str::to_owned).to_vec();
    let rows: Vec<_> = [headings].into_iter().chain(searches.iter().map(cells)).collect();
    grid(&rows) + "\n"
}

fn cells(it: &Searches) -> Vec<String> {
    vec![
        thousands(&it.n_bases.to_string()),
        thousands(&it.n_entries.to_string()),
        format!("{:.0} s", it.seconds),
        whole_mebibytes(it.index_bytes).to_string(),
        whole_mebibytes(it.peak_bytes).to_string(),
        whole_mebibytes(it.kept_bytes).to_string(),
        it.search.cell(),
        it.with_facets.cell(),
        it.complete.cell(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ninety_nine_of_a_hundred_are_within_the_percentile() {
        let times: Times = (1..=200).rev().map(f64::from).collect();
        assert!((times.percentile(50) - 100.0).abs() < 1e-9 && (times.p99() - 198.0).abs() < 1e-9);
        assert!(Times(Vec::new()).p99().abs() < 1e-9);
    }
}
