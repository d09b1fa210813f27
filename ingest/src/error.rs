//! Why something was not taken in.

use std::io;

use charm_archive::ArchiveError;
use charm_model::finding::Finding;
use store_core::StoreError;
use thiserror::Error;

/// Why something was not taken in. Nothing of it is visible then.
#[derive(Debug, Error)]
pub enum IngestError {
    /// `git` is not there, or refused.
    #[error("git could not fetch `{repository}`: {reason}")]
    Git {
        /// What was to be fetched.
        repository: String,
        /// What git said.
        reason: String,
    },
    /// The tree is not a charm or bundle as the store takes it.
    #[error("{}", list(.0))]
    Findings(Vec<Finding>),
    /// The tree cannot be read.
    #[error("the tree cannot be read")]
    Archive(#[from] ArchiveError),
    /// A file cannot be read.
    #[error("a file of the tree cannot be read")]
    Io(#[from] io::Error),
    /// The store refused it.
    #[error("the store refused it")]
    Store(#[from] StoreError),
    /// What was read did not arrive as it was read: the tree changed meanwhile.
    #[error("the tree changed while it was taken in")]
    Changed,
    /// A blocking task was cut off.
    #[error("a task was cut off")]
    Task(#[from] tokio::task::JoinError),
}

fn list(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
