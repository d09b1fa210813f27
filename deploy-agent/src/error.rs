//! Why a unit stays as it is.

use std::io;
use std::path::{Path, PathBuf};

use charm_archive::ArchiveError;
use charm_model::finding::Finding;
use charm_model::reference::Reference;
use charm_model::shape::ShapeDifference;
use store_client::ClientError;
use thiserror::Error;

use crate::layout::LayoutError;
use crate::verify::Difference;

/// Why a unit was not changed, or could not be looked at. Whatever it is, the unit runs what it ran before.
#[derive(Debug, Error)]
pub enum DeployError {
    /// The store, or the way to it.
    #[error(transparent)]
    Store(#[from] ClientError),

    /// The reference means a bundle.
    #[error("{0} is a bundle: it describes a whole model, and a unit runs one charm")]
    Bundle(Reference),
    /// Nothing was ever installed there.
    #[error("nothing is installed in `{}`", .0.display())]
    NotInstalled(PathBuf),
    /// Another charm runs there.
    #[error("`{}` runs {installed} already", dir.display())]
    OtherInstalled {
        /// The unit's directory.
        dir: PathBuf,
        /// What it runs.
        installed: Reference,
    },
    /// Something that is not ours stands where a link of the unit belongs.
    #[error("`{}` is there already, and charm-deploy did not make it", .0.display())]
    InTheWay(PathBuf),
    /// There is nothing to go back to.
    #[error("`{}` has run nothing but {installed}: there is no tree to go back to", dir.display())]
    NothingBefore {
        /// The unit's directory.
        dir: PathBuf,
        /// What it runs.
        installed: Reference,
    },
    /// Another process works on the unit.
    #[error("another charm-deploy works on `{}`", .0.display())]
    Busy(PathBuf),

    /// The store's answer contradicts itself, or its bytes.
    #[error("the store contradicts itself about {id}: {what}")]
    Contradiction {
        /// What was resolved.
        id: Reference,
        /// What does not fit what.
        what: String,
    },
    /// The store's files are not those that the charm declares.
    #[error("the resources of {id} are not what the charm declares: {difference}")]
    Shape {
        /// What was resolved.
        id: Reference,
        /// What is missing and what is extra.
        difference: ShapeDifference,
    },
    /// The charm is not one that this program can run.
    #[error("{id} cannot be installed")]
    Unfit {
        /// What was resolved.
        id: Reference,
        /// Everything that is wrong with it.
        findings: Vec<Finding>,
    },
    /// The archive is not one that is unpacked.
    #[error("the archive of {id} is refused")]
    Archive {
        /// What was resolved.
        id: Reference,
        /// Why.
        #[source]
        source: ArchiveError,
    },
    /// The archive has files of its own where resources belong: a link there would lead writes out of the tree.
    #[error("the archive of {id} has an entry `{entry}`, where the resources belong")]
    ResourcesInArchive {
        /// What was resolved.
        id: Reference,
        /// The first such entry.
        entry: String,
    },
    /// The resources cannot stand beside each other on one unit.
    #[error("the resources of {id} do not fit on a unit")]
    Layout {
        /// What was resolved.
        id: Reference,
        /// Why.
        #[source]
        source: LayoutError,
    },
    /// The tree that should run again is not what it was.
    #[error("the tree of {id} has changed since it was installed: {} of its files differ", differences.len())]
    Altered {
        /// What the tree was.
        id: Reference,
        /// What is missing or changed.
        differences: Vec<Difference>,
    },

    /// The unit's own records cannot be read.
    #[error("`{}` is damaged: {reason}", path.display())]
    Damaged {
        /// Which part.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A local file cannot be read or written.
    #[error("`{}` cannot be read or written", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl DeployError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        |source| Self::Io { path: path.to_owned(), source }
    }

    pub(crate) fn damaged(path: &Path, reason: &impl ToString) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.to_string() }
    }
}
