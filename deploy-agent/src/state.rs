//! What a unit runs, as its `charm-deploy.json` says it.

use charm_model::digest::{Content, Sha256};
use charm_model::name::{Architecture, Channel, StreamName};
use charm_model::reference::{Reference, Revision};
use charm_model::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use v4_wire::publish::StreamFile;
use v4_wire::resolve::Rule;

/// The form of the file. A program that meets another one refuses the unit rather than guess.
pub const SCHEMA: &str = "charm-deploy/state@1";

/// One installed charm with its resources: enough to check every byte of it without the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// [`SCHEMA`].
    pub schema: String,
    /// The reference as it was asked for: what an upgrade without a reference asks for again.
    pub asked: Reference,
    /// The channel whose pointers answered.
    pub channel: Channel,
    /// The fully qualified reference.
    pub id: Reference,
    /// The unit's architecture.
    pub arch: Architecture,
    /// The archive.
    pub archive: InstalledArchive,
    /// The resources; none where the charm has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<InstalledResources>,
    /// Which rules chose.
    pub rule: Rule,
    /// The number of the last event that the store's answer had seen.
    pub event: u64,
    /// When the unit was switched to it.
    pub installed_at: Timestamp,
    /// What a rollback leads to.
    pub previous: Option<Reference>,
}

/// The archive of an installed charm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledArchive {
    /// Size and digests of the zip file.
    #[serde(flatten)]
    pub content: Content,
    /// The digest of the files inside.
    pub tree: Sha256,
}

/// The resources of an installed charm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledResources {
    /// The stream.
    pub stream: StreamName,
    /// The revision.
    pub revision: Revision,
    /// The digest of the whole manifest, other architectures included.
    pub manifest: Sha256,
    /// The files of this architecture and `common`.
    pub files: Vec<StreamFile>,
}

impl State {
    /// Returns the files of the resources, if there are any.
    pub fn files(&self) -> &[StreamFile] {
        self.resources.as_ref().map_or(&[], |resources| &resources.files)
    }

    /// Returns the bytes of the archive and all files together.
    pub fn size_bytes(&self) -> u64 {
        self.archive.content.size + self.files().iter().map(|it| it.file.content.size).sum::<u64>()
    }

    /// Says whether both are the same bytes, chosen in whatever way.
    pub fn is_same_charm(&self, other: &Self) -> bool {
        self.id == other.id
            && self.arch == other.arch
            && self.archive == other.archive
            && self.resources == other.resources
    }

    /// Says whether an upgrade without a reference asks both for the same.
    pub fn follows_same(&self, other: &Self) -> bool {
        self.asked == other.asked && self.channel == other.channel
    }
}
