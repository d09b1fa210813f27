//! `verify`: whether a unit's files are still those that were installed.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde::Serialize;
use store_client::content_of;
use walkdir::{DirEntry, WalkDir};

use crate::charm;
use crate::durable;
use crate::error::DeployError;
use crate::listing::{Listing, Node};
use crate::lock::Lock;
use crate::state::State;
use crate::tree::{self, ARCHIVE, CHARM};
use crate::unit::{Installed, Unit};

/// What a unit's files look like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// What the unit runs.
    #[serde(flatten)]
    pub state: State,
    /// How many files, links and directories should be there.
    pub n_entries: usize,
    /// Everything that is not as it was installed; nothing, if all is well.
    pub differences: Vec<Difference>,
    /// What hooks have added to the charm's directory. It does no harm, and the next switch leaves it behind.
    pub extra: Vec<String>,
}

/// Something that is not as it was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where, relative to the unit's directory.
    pub path: String,
    /// What became of it.
    pub what: Deviation,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Deviation {
    /// It is not there.
    Missing,
    /// Its bytes, its mode, its target or its kind is another.
    Changed,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            Deviation::Missing => "missing",
            Deviation::Changed => "changed",
        };
        write!(f, "{what:8} {}", self.path)
    }
}

/// Reads every file of the tree that a unit runs.
///
/// # Errors
///
/// [`DeployError::NotInstalled`]; differences are no error but the answer.
pub fn verify(dir: &Path) -> Result<Verification, DeployError> {
    let unit = Unit::new(dir);
    let _lock = Lock::to_read(&unit)?;
    let installed = unit.must_be_installed()?;
    let mut verification = examine(&unit, &installed)?;
    let lost = unit.missing_links()?;
    let lost =
        lost.into_iter().map(|(name, _)| Difference { path: name.to_owned(), what: Deviation::Missing });
    verification.differences.splice(0..0, lost);
    Ok(verification)
}

/// Compares a tree with what its state and its archive say.
pub(crate) fn examine(unit: &Unit, installed: &Installed) -> Result<Verification, DeployError> {
    let dir = unit.tree(installed.tree);
    let mut comparison = Comparison::default();
    let expected = match archive_deviation(&dir.join(ARCHIVE), &installed.state) {
        None => whole_listing(&dir, &installed.state)?,
        // Without the archive nobody knows the charm's own files; the resources are known still.
        Some(what) => {
            let path = format!(".charm-deploy/trees/{}/{ARCHIVE}", installed.tree);
            comparison.differences.push(Difference { path, what });
            comparison.is_partial = true;
            tree::resources(&installed.state)?
        }
    };
    let n_entries = expected.0.len();
    comparison.compare(&dir.join(CHARM), expected)?;
    let Comparison { differences, extra, .. } = comparison;
    Ok(Verification { state: installed.state.clone(), n_entries, differences, extra })
}

fn archive_deviation(archive: &Path, state: &State) -> Option<Deviation> {
    match durable::open_regular(archive).and_then(content_of) {
        Ok(content) if content == state.archive.content => None,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(Deviation::Missing),
        _ => Some(Deviation::Changed),
    }
}

fn whole_listing(dir: &Path, state: &State) -> Result<Listing, DeployError> {
    let table = charm::read_archive(&dir.join(ARCHIVE), &state.id)?;
    let mut listing = charm::listing(&table, state)?;
    listing.0.extend(tree::resources(state)?.0);
    Ok(listing)
}

#[derive(Default)]
struct Comparison {
    differences: Vec<Difference>,
    extra: Vec<String>,
    /// Whether only some of what should be there is known, so that nothing can be called extra.
    is_partial: bool,
}

impl Comparison {
    /// Walks what is there, never through a link, and holds it against what should be.
    fn compare(&mut self, dir: &Path, mut expected: Listing) -> Result<(), DeployError> {
        for entry in WalkDir::new(dir).min_depth(1).sort_by_file_name() {
            let entry = match entry {
                Err(error) if is_gone(&error) => continue,
                entry => entry.map_err(|error| DeployError::io(dir)(error.into()))?,
            };
            let path = relative(entry.path(), dir);
            match expected.0.remove(&path) {
                Some(node) if is_same(&entry, &node) => {}
                Some(_) => self.note(&path, Deviation::Changed),
                None if self.is_partial => {}
                None => self.extra.push(in_unit(&path)),
            }
        }
        for path in expected.0.keys() {
            self.note(path, Deviation::Missing);
        }
        Ok(())
    }

    fn note(&mut self, path: &str, what: Deviation) {
        self.differences.push(Difference { path: in_unit(path), what });
    }
}

fn is_gone(error: &walkdir::Error) -> bool {
    error.io_error().is_some_and(|it| it.kind() == std::io::ErrorKind::NotFound)
}

fn relative(path: &Path, dir: &Path) -> String {
    path.strip_prefix(dir).unwrap_or(path).to_string_lossy().into_owned()
}

fn in_unit(path: &str) -> String {
    format!("{CHARM}/{path}")
}

fn is_same(entry: &DirEntry, node: &Node) -> bool {
    match node {
        Node::Directory => entry.file_type().is_dir(),
        Node::Link { target } => {
            fs::read_link(entry.path()).is_ok_and(|found| found.as_os_str() == target.as_str())
        }
        Node::File { size, sha256, executable } => {
            let is_executable = |mode: u32| mode & 0o111 != 0;
            entry.metadata().is_ok_and(|it| it.len() == *size && is_executable(it.mode()) == *executable)
                && durable::open_regular(entry.path())
                    .and_then(content_of)
                    .is_ok_and(|content| content.digests.sha256 == *sha256)
        }
    }
}
