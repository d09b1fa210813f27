//! What can be measured: one file each.

mod archive_file;
mod commits;
mod download;
mod many_files;
mod memory;
mod publish;
mod resolve;
mod search;
mod series;
mod timing;

use anyhow::Result;
use clap::ValueEnum;

use crate::ground::Ground;
use crate::peer::Peer;
use crate::table::Table;

/// A scenario. The order is that of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// A large file, new, changed a little and unchanged, against digesting and copying it, and docker-registry
    Publish,
    /// A large file, over HTTP and deployed, against nginx and docker-registry
    Download,
    /// A file four times larger, up and down: how far server and clients grow
    Memory,
    /// Thousands of small files, against packing and putting them
    ManyFiles,
    /// References by the second, against a small file from nginx
    Resolve,
    /// Files of a charm's archive by the second, against the same file from nginx
    ArchiveFile,
    /// Tiny publishes by the second, against as many small files, each flushed
    Commits,
    /// An index of many charms that nobody wrote: what it takes, and how fast it answers
    Search,
    /// Versions of real files, against casync and zstd patches; fetches them from their registries
    Series,
    /// Private names and unknown ones, ten thousand pairs of requests: whether time tells them apart
    Timing,
}

impl Scenario {
    /// Returns its name, as it is typed.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|it| it.get_name().to_owned()).unwrap_or_default()
    }

    /// Returns the programs that it needs.
    pub(crate) const fn peers(self) -> &'static [Peer] {
        match self {
            Self::Publish => publish::PEERS,
            Self::Download => download::PEERS,
            Self::Memory => memory::PEERS,
            Self::ManyFiles => many_files::PEERS,
            Self::Resolve => resolve::PEERS,
            Self::ArchiveFile => archive_file::PEERS,
            Self::Commits | Self::Search => &[],
            Self::Series => series::PEERS,
            Self::Timing => timing::PEERS,
        }
    }

    /// Measures.
    pub(crate) fn run(self, ground: &Ground) -> Result<Table> {
        match self {
            Self::Publish => publish::run(ground),
            Self::Download => download::run(ground),
            Self::Memory => memory::run(ground),
            Self::ManyFiles => many_files::run(ground),
            Self::Resolve => resolve::run(ground),
            Self::ArchiveFile => archive_file::run(ground),
            Self::Commits => commits::run(ground),
            Self::Search => search::run(ground),
            Self::Series => series::run(ground),
            Self::Timing => timing::run(ground),
        }
    }
}
