//! The result: the store's measurements beside its peers', ratios first.

mod markdown;
mod searches;
mod series;
mod travel;

use anyhow::Result;
use serde::Serialize;

use crate::cli::Format;
use crate::memory::Memory;
pub(crate) use crate::table::searches::{Searches, Times};
use crate::table::series::{Spread, median};
pub(crate) use crate::table::travel::{Form, Step, Way};

/// What all scenarios have found.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Table {
    rows: Vec<Row>,
    promises: Vec<Promise>,
    steps: Vec<Step>,
    searches: Vec<Searches>,
}

/// One comparison, round by round.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    what: String,
    peer: String,
    unit: Unit,
    ours: Vec<Sample>,
    peers: Vec<f64>,
}

/// What one round took of the store.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Sample {
    /// In the row's unit.
    pub(crate) value: f64,
    /// What the server had in memory.
    pub(crate) server: Memory,
    /// The most that the client had in memory, where that is a program of its own.
    pub(crate) client_peak_bytes: Option<u64>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Unit {
    Seconds,
    PerSecond,
}

/// Something that must hold on every machine.
#[derive(Debug, Serialize)]
struct Promise {
    text: String,
    is_kept: bool,
}

impl Sample {
    /// Returns what this and another take, one after the other.
    pub(crate) fn then(self, other: Self) -> Self {
        let peak_bytes = self.server.peak_bytes.max(other.server.peak_bytes);
        Self {
            value: self.value + other.value,
            server: Memory { peak_bytes, ..self.server },
            client_peak_bytes: self.client_peak_bytes.max(other.client_peak_bytes),
        }
    }
}

impl Row {
    /// Begins a comparison of seconds.
    pub(crate) fn seconds(what: impl Into<String>, peer: impl Into<String>) -> Self {
        Self::new(what.into(), peer.into(), Unit::Seconds)
    }

    /// Begins a comparison of how many are done in a second.
    pub(crate) fn per_second(what: impl Into<String>, peer: impl Into<String>) -> Self {
        Self::new(what.into(), peer.into(), Unit::PerSecond)
    }

    fn new(what: String, peer: String, unit: Unit) -> Self {
        Self { what, peer, unit, ours: Vec::new(), peers: Vec::new() }
    }

    /// Adds a round.
    pub(crate) fn add(&mut self, ours: Sample, peer: f64) {
        self.ours.push(ours);
        self.peers.push(peer);
    }

    /// Returns how many times the peer's time the store takes: below 1, the store is faster. The quotients are those
    /// of each round, whose two measurements had the same neighbours.
    fn ratio(&self) -> Spread {
        let pairs = self.ours.iter().zip(&self.peers);
        Spread::of(pairs.map(|(ours, peer)| match self.unit {
            Unit::Seconds => ours.value / peer,
            Unit::PerSecond => peer / ours.value,
        }))
    }

    fn median(&self) -> f64 {
        median(self.ours.iter().map(|it| it.value))
    }

    fn peer_median(&self) -> f64 {
        median(self.peers.iter().copied())
    }

    fn server_peak_bytes(&self) -> u64 {
        self.ours.iter().map(|it| it.server.peak_bytes).max().unwrap_or(0)
    }

    /// Returns by how many bytes the server has grown at most since the first round began.
    pub(crate) fn server_growth_bytes(&self) -> u64 {
        let before_bytes = self.ours.first().map_or(0, |it| it.server.before_bytes);
        self.server_peak_bytes().saturating_sub(before_bytes)
    }

    /// Returns the most that a client had at once.
    pub(crate) fn client_peak_bytes(&self) -> Option<u64> {
        self.ours.iter().filter_map(|it| it.client_peak_bytes).max()
    }
}

impl Table {
    /// Makes a table of rows.
    pub(crate) fn new(rows: impl IntoIterator<Item = Row>) -> Self {
        Self { rows: rows.into_iter().collect(), ..Self::default() }
    }

    /// Makes a table of what travelled.
    pub(crate) fn of_steps(steps: Vec<Step>) -> Self {
        Self { steps, ..Self::default() }
    }

    /// Makes a table of what search costs.
    pub(crate) fn of_searches(searches: Searches) -> Self {
        Self { searches: vec![searches], ..Self::default() }
    }

    /// Adds rows.
    #[must_use]
    pub(crate) fn with(mut self, rows: impl IntoIterator<Item = Row>) -> Self {
        self.rows.extend(rows);
        self
    }

    /// Adds a promise, and whether it was kept.
    #[must_use]
    pub(crate) fn promising(mut self, text: String, is_kept: bool) -> Self {
        self.promises.push(Promise { text, is_kept });
        self
    }

    /// Adds what another scenario has found.
    pub(crate) fn extend(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.promises.extend(other.promises);
        self.steps.extend(other.steps);
        self.searches.extend(other.searches);
    }

    /// Says whether every promise was kept.
    pub(crate) fn promises_are_kept(&self) -> bool {
        self.promises.iter().all(|it| it.is_kept)
    }

    /// Returns it as text.
    pub(crate) fn render(&self, format: Format) -> Result<String> {
        match format {
            Format::Human => Ok(markdown::render(self)),
            Format::Json => Ok(serde_json::to_string(self)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(value: f64) -> Sample {
        let server = Memory { before_bytes: 10 << 20, peak_bytes: 30 << 20 };
        Sample { value, server, client_peak_bytes: Some(12 << 20) }
    }

    fn row(mut row: Row, rounds: &[(f64, f64)]) -> Row {
        for (ours, peer) in rounds {
            row.add(sample(*ours), *peer);
        }
        row
    }

    #[test]
    fn a_ratio_is_that_of_the_rounds_and_not_of_the_medians() {
        let row = row(Row::seconds("a", "b"), &[(2.0, 1.0), (20.0, 10.0), (2.0, 0.5)]);
        assert!((row.ratio().median - 2.0).abs() < 1e-9);
    }

    #[test]
    fn twice_as_many_in_a_second_is_half_the_time() {
        let row = row(Row::per_second("a", "b"), &[(200.0, 100.0)]);
        assert!((row.ratio().median - 0.5).abs() < 1e-9);
    }

    #[test]
    fn a_table_is_markdown_with_ratios_first() {
        let rows = [
            row(Row::seconds("publish", "openssl"), &[(1.5, 1.0), (1.2, 1.0), (1.3, 1.0)]),
            row(Row::per_second("resolve", "nginx"), &[(5000.0, 10_000.0)]),
        ];
        let table = Table::new(rows).promising("grows by less than 64 MiB: 20 MiB".to_owned(), true);
        assert_eq!(
            table.render(Format::Human).unwrap(),
            "\
| what    | × peer           | store   | peer     |         | server, peak (growth) | client, peak |
| ------- | ---------------- | ------- | -------- | ------- | --------------------- | ------------ |
| publish | 1.30 (1.20–1.50) | 1.30 s  | 1.00 s   | openssl | 30 MiB (20 MiB)       | 12 MiB       |
| resolve | 2.00 (2.00–2.00) | 5,000/s | 10,000/s | nginx   | 30 MiB (20 MiB)       | 12 MiB       |

- kept: grows by less than 64 MiB: 20 MiB
"
        );
    }
}
