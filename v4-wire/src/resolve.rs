//! What a reference means: `GET /v4/resolve?id=REFERENCE[&channel=C][&arch=A]`.

use charm_model::digest::{Content, Sha256, Sha384};
use charm_model::name::{Channel, StreamName};
use charm_model::reference::{Reference, Revision};
use charm_model::resolve::{CharmRule, ResourceRule};
use charm_model::shape::ShapeId;
use charm_model::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use crate::publish::StreamFile;

/// One charm or bundle, and its resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// The fully qualified reference.
    pub id: Reference,
    /// `charm` or `bundle`.
    pub kind: Kind,
    /// The channel whose pointers were looked at.
    pub channel: Channel,
    /// Which rules chose.
    pub rule: Rule,
    /// The number of the last event that the answer has seen.
    pub event: u64,
    /// The archive.
    pub archive: ArchiveSummary,
    /// The resources; none where the charm has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourcesSummary>,
    /// Why the charm or its resources are withdrawn, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<String>,
}

/// What an entity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A charm.
    Charm,
    /// A bundle.
    Bundle,
}

/// Which rules chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The charm revision.
    pub charm: CharmRule,
    /// The resource revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRule>,
}

/// An archive's digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveSummary {
    /// Size and digests.
    #[serde(flatten)]
    pub content: Content,
    /// What v4 clients check; none until it is computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha384: Option<Sha384>,
    /// The digest of the files inside, whatever the zip around them.
    pub tree: Sha256,
    /// When it was published.
    pub published: Timestamp,
}

/// A resource revision's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourcesSummary {
    /// The stream.
    pub stream: StreamName,
    /// The revision.
    pub revision: Revision,
    /// The shape of all its files.
    pub shape: ShapeId,
    /// The digest of the whole manifest.
    pub manifest: Sha256,
    /// When it was published.
    pub published: Timestamp,
    /// The files; of one architecture and `common`, if one was asked for.
    pub files: Vec<StreamFile>,
}
