//! The flags, and nothing but the flags.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::payloads;
use crate::scenarios::Scenario;
use crate::size::Size;

/// Measures the store beside programs that do the same work, in the same run.
///
/// Nothing is built here, and nothing is measured but release builds: `cargo xtask bench` builds, then calls this.
#[derive(Debug, Parser)]
#[command(name = "loadtests", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to measure [default: all of it]
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
    /// Size of the large file, such as `1GiB` or `64MiB`; that of `memory` is four times larger
    #[arg(long, default_value = "1GiB")]
    pub(crate) size: Size,
    /// How often each measurement is repeated, taking turns with its peer
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// The server to measure [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    pub(crate) store_server: Option<PathBuf>,
    /// A directory on the disk to be measured [default: that of this program]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// How many small files `many-files` has, two streams together
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(2..=20_000))]
    pub(crate) files: u32,
    /// How many charms and bundles `search` searches
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) entities: u32,
    /// What `series` goes through [default: all]
    #[arg(long, value_name = "NAME", value_parser = payloads::name)]
    pub(crate) series: Vec<String>,
    /// Where `series` keeps what it fetches [default: beside the programs]
    #[arg(long, value_name = "DIR")]
    pub(crate) payloads: Option<PathBuf>,
    /// Print which packages of Debian are missing for these scenarios, and measure nothing
    #[arg(long)]
    pub(crate) missing: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: Format,
}

/// How the result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table, in Markdown.
    Human,
    /// One JSON object, with every single measurement.
    Json,
}

impl Cli {
    /// Returns what to measure, in the order of the table.
    pub(crate) fn scenarios(&self) -> Vec<Scenario> {
        let is_wanted = |it: &Scenario| self.scenarios.is_empty() || self.scenarios.contains(it);
        Scenario::value_variants().iter().copied().filter(is_wanted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_scenario_all_are_measured_and_none_twice() {
        let n_scenarios = |args: &[&str]| {
            let args = ["loadtests"].iter().chain(args);
            Cli::try_parse_from(args).unwrap().scenarios().len()
        };
        assert_eq!(n_scenarios(&[]), Scenario::value_variants().len());
        assert_eq!(n_scenarios(&["download", "download"]), 1);
    }
}
