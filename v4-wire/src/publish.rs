//! The publish conversation: plan, send, commit.
//!
//! ```text
//! POST /v4/publish                          PlanRequest   -> PlanAnswer      what is there, what to prove, what to send
//! GET  /v4/publish/SESSION/blobs/SHA256                   -> UploadProgress  how far an upload is
//! PUT  /v4/publish/SESSION/blobs/SHA256?offset=N  bytes   -> UploadProgress  the next part, or a recipe for it
//! POST /v4/publish/SESSION/blobs                  a pack  -> PackAnswer      many small blobs in one request
//! GET  /v4/publish/SESSION/chunks/SHA256                  -> a chunk map     of a base that the plan proposed
//! POST /v4/publish/SESSION/commit           CommitRequest -> CommitAnswer    all or nothing
//! ```
//!
//! A part is the bytes themselves, or with the media type [`RECIPE`](crate::RECIPE) a recipe (`delta::recipe`) that makes
//! bytes from exactly that offset on, of bases that the plan proposed and of blobs that this session has sent.

use std::collections::BTreeMap;

use charm_model::digest::{Blake3, Content, Sha256};
use charm_model::finding::Finding;
use charm_model::name::{Series, StreamName, UserName};
use charm_model::reference::{BaseId, Reference, Revision};
use charm_model::shape::{Manifest, ManifestFile, Place, ShapeId};
use charm_model::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// Everything that is to be published, named by digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    /// The base; made if it does not exist yet.
    pub base: BaseId,
    /// The series of a single-series charm. A charm that names its series itself needs none, a bundle has `bundle`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<Series>,
    /// The charm's or bundle's archive; left out, only resources are published, for the newest charm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<Content>,
    /// The files of each stream that is published.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub streams: BTreeMap<StreamName, Vec<StreamFile>>,
    /// Whether to say what would happen, and do nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// A file of a stream, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamFile {
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// What it is.
    #[serde(flatten)]
    pub file: ManifestFile,
}

impl StreamFile {
    /// Returns a manifest as a list.
    pub fn list(manifest: &Manifest) -> Vec<Self> {
        manifest.0.iter().map(|(place, file)| Self { place: place.clone(), file: *file }).collect()
    }
}

/// What the store says to a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanAnswer {
    /// The session to send to; none for a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// What becomes of the archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charm: Option<CharmPlan>,
    /// What becomes of each stream.
    pub streams: BTreeMap<StreamName, StreamPlan>,
    /// What to do about each distinct blob.
    pub blobs: BTreeMap<Sha256, BlobPlan>,
    /// What the store has to say about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

/// An open publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its identifier.
    pub id: String,
    /// Until when it can be gone on with.
    pub expires: Timestamp,
    /// The largest part that the store takes in one request, in bytes.
    pub max_part: u64,
    /// What a part that is not a blob's last has to be a multiple of, in bytes, for all of it to be kept: 1 on a disk,
    /// the length of a bucket's part in a bucket.
    #[serde(default = "one_byte")]
    pub part_step: u64,
    /// What the store takes in one pack.
    #[serde(default)]
    pub pack: PackLimits,
    /// The account that a proof is bound to: the caller's.
    pub account: UserName,
}

const fn one_byte() -> u64 {
    1
}

/// What a pack of small blobs may hold. A store that says nothing takes none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackLimits {
    /// The largest blob that may be sent so, in bytes.
    pub blob_bytes: u64,
    /// The most blobs.
    pub blobs: usize,
    /// The most bytes of all blobs together.
    pub bytes: u64,
}

/// What became of a pack: how far each of its blobs is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackAnswer {
    /// By SHA-256.
    pub blobs: BTreeMap<Sha256, UploadProgress>,
}

/// What becomes of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CharmPlan {
    /// The revision that it is, or would be.
    pub revision: Revision,
    /// Whether the newest revision has this archive already. An archive of other bytes and the same files turns out
    /// to be unchanged only at the commit.
    pub unchanged: bool,
}

/// What becomes of a stream's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamPlan {
    /// The revision that they are, or would be.
    pub revision: Revision,
    /// Whether the newest revision has exactly these files already.
    pub unchanged: bool,
    /// Their shape.
    pub shape: ShapeId,
}

/// What to do about a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum BlobPlan {
    /// Nothing: this base has it.
    Have,
    /// Answer the salt at the commit, as `charm_model::proof` says, or send it.
    Prove {
        /// Fresh, for this session and blob alone.
        salt: Blake3,
    },
    /// Send it, from that offset.
    Send {
        /// How many bytes have arrived in this session.
        offset: u64,
        /// What the base has that may be much like it and that the caller may read, the likeliest first: its bytes need
        /// not be sent again. Empty for what is small.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        bases: Vec<Content>,
    },
}

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadProgress {
    /// How many bytes are flushed to disk; the next part begins here.
    pub offset: u64,
    /// Whether all have arrived and are what was announced.
    pub complete: bool,
}

/// The end of a publish.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitRequest {
    /// The answers to the salts, by blob.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub proofs: BTreeMap<Sha256, Blake3>,
}

/// What became of a publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum CommitAnswer {
    /// All of it is published.
    Committed(Published),
    /// These blobs are not there yet, or were not proved: send them, and commit again.
    Incomplete {
        /// How far each upload is.
        send: BTreeMap<Sha256, UploadProgress>,
    },
}

/// What a publish made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The fully qualified references: one for each stream that was published, the default stream's first.
    pub ids: Vec<Reference>,
    /// The charm's revision, and whether it is new.
    pub charm: PublishedRevision,
    /// Each stream's revision, and whether it is new.
    pub streams: BTreeMap<StreamName, PublishedRevision>,
    /// Bytes of everything that was published.
    pub logical_bytes: u64,
    /// Bytes that were sent in this session.
    pub received_bytes: u64,
    /// The number of the event that tells of it; none if nothing changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<u64>,
    /// What the store has to say about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

/// A revision that a publish made or found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedRevision {
    /// The number.
    pub revision: Revision,
    /// Whether this publish made it.
    pub new: bool,
}
