//! What is too much.
//!
//! Those that an operator may want to change are fields of [`ArchiveLimits`]; the others are what file
//! systems and the format itself take.

use crate::error::ArchiveError;

/// The longest path in an archive, in bytes. Leaves room for the unit's directory below Linux's 4,096.
pub const MAX_PATH_BYTES: usize = 1024;

/// The longest part of a path between slashes, in bytes: what common file systems take.
pub const MAX_PATH_PART_BYTES: usize = 255;

/// The most parts of a path. A directory stays open for each while an archive is unpacked.
pub const MAX_PATH_LEVELS: usize = 32;

/// The longest target of a symbolic link, in bytes.
pub const MAX_LINK_BYTES: u64 = 1024;

/// The longest YAML file of a charm, in bytes; `formats.md` D1.
pub const MAX_TEXT_BYTES: u64 = 1 << 20;

/// The YAML files at the top of a tree that say what the charm is.
pub const TEXT_FILES: &[&str] = &[
    "actions.yaml",
    "bundle.yaml",
    "charmcraft.yaml",
    "config.yaml",
    "lxd-profile.yaml",
    "manifest.yaml",
    "metadata.yaml",
    "metrics.yaml",
    "resources.yaml",
];

/// How much an archive may ask of those who read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// The most entries, directories that are only implied by the paths of others included: each becomes a
    /// file, a link or a directory on a unit.
    pub max_entries: usize,
    /// The longest central directory, in bytes: it is what the reader keeps in memory.
    pub max_directory_bytes: u64,
    /// The most bytes of all files together, uncompressed.
    pub max_total_bytes: u64,
    /// How many times larger than the archive its files may be together, once above
    /// [`Self::ratio_from_bytes`].
    pub max_ratio: u64,
    /// Up to so many uncompressed bytes any ratio is taken: sparse logs and tables of zeros compress well.
    pub ratio_from_bytes: u64,
}

impl Default for ArchiveLimits {
    /// Returns 100,000 entries, a central directory of 16 MiB, 2 GiB uncompressed, and the ratio of 50 above
    /// 64 MiB that `PyPI` applies to its uploads.
    fn default() -> Self {
        Self {
            max_entries: 100_000,
            max_directory_bytes: 16 << 20,
            max_total_bytes: 2 << 30,
            max_ratio: 50,
            ratio_from_bytes: 64 << 20,
        }
    }
}

impl ArchiveLimits {
    /// Refuses a central directory that is too long to be kept in memory.
    pub(crate) fn check_directory(&self, n_entries: u64, n_bytes: u64) -> Result<(), ArchiveError> {
        self.check_entries(n_entries)?;
        at_most("bytes of central directory", self.max_directory_bytes, n_bytes)
    }

    /// Refuses too many files, links and directories.
    pub(crate) fn check_entries(&self, n_entries: u64) -> Result<(), ArchiveError> {
        at_most("entries", self.max_entries as u64, n_entries)
    }

    /// Refuses too many bytes, and bombs.
    ///
    /// The sizes are those that the archive announces. They are as good as counted ones, because no entry is
    /// inflated beyond its announced size.
    pub(crate) fn check_contents(&self, total_bytes: u64, archive_bytes: u64) -> Result<(), ArchiveError> {
        at_most("uncompressed bytes", self.max_total_bytes, total_bytes)?;
        if total_bytes <= self.ratio_from_bytes {
            return Ok(());
        }
        let most = archive_bytes.saturating_mul(self.max_ratio);
        at_most("uncompressed bytes for its size", most, total_bytes)
    }
}

fn at_most(what: &'static str, limit: u64, found: u64) -> Result<(), ArchiveError> {
    if found <= limit { Ok(()) } else { Err(ArchiveError::Limit { what, limit, found }) }
}
