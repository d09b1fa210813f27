//! The event feed: `GET /v4/changes?since=SEQ[&limit=N]`.

use charm_model::reference::BaseId;
use charm_model::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// Events after a cursor, oldest first, of the bases that the caller may know of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// The events.
    pub events: Vec<Change>,
    /// The cursor to go on from. A reader that has got this far has missed nothing before it.
    pub next: u64,
    /// Whether there is more already.
    pub more: bool,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its number: strictly increasing.
    pub seq: u64,
    /// What happened: `published`, `released`, `withdrawn`, `restored`, `rights`, `transferred`.
    pub kind: String,
    /// To which base.
    pub base: BaseId,
    /// When.
    pub at: Timestamp,
    /// What exactly.
    pub body: serde_json::Value,
}
