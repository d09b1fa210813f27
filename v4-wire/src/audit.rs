//! Who did what, or tried to: `GET /v4/audit`.

use charm_model::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// A page of the audit, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// The number to ask for older ones with, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
}

/// One thing that was done or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its number; later ones are higher.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// Who; left out where nobody knows. The operator is `admin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The identifier of the token by which it was done; left out where a password was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What: an event's kind such as `released`, what was done to a group or token, or a request's method; of one that was
    /// about a base, with its path.
    pub action: String,
    /// To what: a base, a group, a token, or the path of a request that was about no base.
    pub object: String,
    /// Whether it was done.
    pub allowed: bool,
    /// Why it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The number of the event that tells of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<u64>,
    /// From what to what.
    pub detail: serde_json::Value,
}
