//! Moving pointers, withdrawing, and looking back.

use std::collections::{BTreeMap, BTreeSet};

use charm_model::name::{Channel, Series, StreamName};
use charm_model::reference::{Reference, Revision};
use charm_model::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// Moves a channel's pointers to the reference of the address: `POST /v4/ID/release`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// The channel; `stable` unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// The resource revisions of streams besides the reference's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub streams: BTreeMap<StreamName, Revision>,
    /// Streams that shall have no current resources.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub drop: BTreeSet<StreamName>,
    /// Refuse unless this is current now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_current: Option<Expected>,
    /// Why, for the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a caller believes to be current.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Expected {
    /// Nothing was ever released: `none`.
    Nothing,
    /// That charm revision and, if the reference names them, those resources.
    Entity(Reference),
}

impl TryFrom<String> for Expected {
    type Error = charm_model::reference::ReferenceError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == "none" { Ok(Self::Nothing) } else { text.parse().map(Self::Entity) }
    }
}

impl From<Expected> for String {
    fn from(expected: Expected) -> Self {
        match expected {
            Expected::Nothing => "none".to_owned(),
            Expected::Entity(reference) => reference.to_string(),
        }
    }
}

/// One move of a channel's pointers: the answer to a release, and an entry of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The number of the event that tells of it.
    pub event: u64,
    /// The channel.
    pub channel: Channel,
    /// The series whose pointers moved.
    pub series: Vec<Series>,
    /// Where it pointed before; none if nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Reference>,
    /// Where it points since.
    pub to: Reference,
    /// The current resources of each stream, before and since.
    pub streams: BTreeMap<StreamName, StreamMove>,
    /// Who moved it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, if the mover said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether anything moved; an answer about what was current already says no, and made no event.
    pub moved: bool,
}

/// A stream's pointer, before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamMove {
    /// Before; none if nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Revision>,
    /// Since; none if the stream was dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Revision>,
}

/// Moves of a base's pointers, newest first: `GET /v4/ID/history`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The moves.
    pub moves: Vec<Move>,
    /// The event to ask for older moves before; none if these are the oldest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
}

/// Where every pointer of a base stands: `GET /v4/ID/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The reference of the base.
    pub base: Reference,
    /// The number of the last event that the answer has seen.
    pub event: u64,
    /// The pointers, by channel, then series.
    pub heads: Vec<HeadStatus>,
    /// The newest charm revision of each series; the multi-series charm's under `-`.
    pub newest: BTreeMap<String, Revision>,
    /// The newest resource revision of each stream.
    pub streams: BTreeMap<StreamName, Revision>,
    /// What is withdrawn.
    pub withdrawn: Vec<Reference>,
}

/// Where one pointer stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadStatus {
    /// The channel.
    pub channel: Channel,
    /// The series.
    pub series: Series,
    /// What it points at, with the default stream's resources.
    pub id: Reference,
    /// The current resources of each stream.
    pub streams: BTreeMap<StreamName, Revision>,
}

/// Withdraws what the address names, the resources if it names their revision, else the charm: `PUT /v4/ID/withdrawn`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithdrawRequest {
    /// Why; shown to everybody who names the revision.
    pub reason: String,
    /// What to release in place of it, in the same step, wherever it is current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub move_to: Option<Reference>,
}

/// What a withdrawal, or taking it back, came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// What is withdrawn, or is no longer.
    pub id: Reference,
    /// Whether it is withdrawn now.
    pub withdrawn: bool,
    /// The number of the event that tells of it; none if nothing changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<u64>,
    /// The pointers that moved away from it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<Move>,
}
