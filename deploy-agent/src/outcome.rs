//! What a verb did.

use charm_model::reference::Reference;
use serde::Serialize;

use crate::state::State;

/// What a verb did to a unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// What changed.
    pub change: Change,
    /// What the unit runs now.
    #[serde(flatten)]
    pub state: State,
    /// What it ran before; none if nothing.
    pub before: Option<Reference>,
    /// Which bytes moved.
    #[serde(flatten)]
    pub moved: Moved,
    /// How long all of it took, in seconds.
    pub seconds: f64,
    /// What a person should know besides: a withdrawal, leftovers that could not be removed.
    pub notes: Vec<String>,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// The unit ran nothing before.
    Installed,
    /// It runs another charm, other resources, or both.
    Upgraded,
    /// It runs what it ran before the last switch.
    RolledBack,
    /// It runs the same, built anew because files had been changed or lost.
    Repaired,
    /// It runs the same, and the next upgrade asks for something else.
    Following,
    /// Nothing.
    Unchanged,
}

/// Which bytes moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Moved {
    /// What the unit runs: the archive and all files together.
    pub logical_bytes: u64,
    /// What of it was on this machine's disk already, as whole files or within others.
    pub reused_bytes: u64,
    /// What came from the store for the rest: the bytes themselves, patches, chunk maps.
    pub fetched_bytes: u64,
    /// What was said about it, both ways.
    pub talk_bytes: u64,
}

impl Moved {
    /// Returns what moved if the store was not asked for any of it.
    pub(crate) fn nothing(logical_bytes: u64) -> Self {
        Self { logical_bytes, reused_bytes: logical_bytes, fetched_bytes: 0, talk_bytes: 0 }
    }
}
