//! Every limit of the store that a caller can meet, with its reason. `docs/OPERATIONS.md` lists them for operators.

use std::time::Duration;

use charm_archive::ArchiveLimits;
use v4_wire::publish::PackLimits;

/// What the store takes, and for how long it waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest blob, in bytes. S3 takes 5 TiB; a terabyte is beyond any resource that was seen.
    pub blob_bytes: u64,
    /// The largest archive of a charm or bundle, in bytes. Gigabytes belong into resources.
    pub archive_bytes: u64,
    /// What may be inside an archive.
    pub archive: ArchiveLimits,
    /// The largest part of an upload in one request, in bytes. A proxy that buffers has to hold one.
    pub part_bytes: u64,
    /// How long the body of a request may bring nothing. Any byte begins it anew, so a line may be as slow as it likes;
    /// shorter than clients wait before they come back, so that they find free what their first attempt held.
    pub body_idle: Duration,
    /// What a pack of small blobs may hold. It is in memory as a whole while it is verified, like a part on its way into
    /// a bucket.
    pub pack: PackLimits,
    /// How long the store follows one recipe, once all of it is there. Two are followed at a time.
    pub recipe_time: Duration,
    /// The most distinct blobs of one publish: two streams of the most files there may be, and half as many again. A plan
    /// of as many has 8 MB.
    pub publish_blobs: usize,
    /// How long a publish can be gone on with. Long enough for a weekend.
    pub session_ttl: Duration,
    /// How long the answer to a salt is taken: 2 minutes, and 1 second for every 20 MB to read.
    pub proof_ttl: Duration,
    /// The bytes that one account can make the store read for proofs in an hour. Beyond, it is asked to send.
    pub proof_bytes_per_hour: u64,
    /// Up to this size, in bytes, SHA-384 is computed while a blob arrives; beyond, right after.
    pub inline_sha384_bytes: u64,
    /// The most events or moves of one answer.
    pub page: u32,
    /// How long nothing may have named a blob before it goes: longer than a publish takes from plan to commit.
    pub blob_grace: Duration,
    /// How long an object that no open publish writes, or whose blob has gone, keeps its bytes: longer than any read that
    /// has begun takes, and time to notice a mistake.
    pub object_grace: Duration,
    /// How many bytes the bases of one owner may have, every revision in full: what the same content would save tells
    /// nobody that somebody else has it.
    pub owner_bytes: Option<u64>,
    /// How long a token is good for if nobody says.
    pub token_ttl: Duration,
    /// How long a search waits until the index has what just happened; then it is answered from what the index has.
    pub search_wait: Duration,
    /// How long a search waits where there is no index yet, which is made in that time for some thousand bases.
    pub first_search_wait: Duration,
    /// How long a token is good for at most, if its user makes it. A forgotten one shall end some day.
    pub token_max_ttl: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        const GIB: u64 = 1 << 30;
        Self {
            blob_bytes: 1024 * GIB,
            archive_bytes: 2 * GIB,
            archive: ArchiveLimits::default(),
            part_bytes: 256 * MIB,
            body_idle: Duration::from_secs(30),
            pack: PackLimits { blob_bytes: 64 << 10, blobs: 1000, bytes: 8 * MIB },
            recipe_time: Duration::from_mins(10),
            publish_blobs: 30_000,
            session_ttl: Duration::from_hours(72),
            proof_ttl: Duration::from_mins(2),
            proof_bytes_per_hour: 64 * GIB,
            inline_sha384_bytes: 16 * MIB,
            page: 1000,
            blob_grace: Duration::from_hours(96),
            object_grace: Duration::from_hours(1),
            owner_bytes: None,
            token_ttl: Duration::from_hours(30 * 24),
            search_wait: Duration::from_millis(500),
            first_search_wait: Duration::from_secs(10),
            token_max_ttl: Duration::from_hours(366 * 24),
        }
    }
}

impl Limits {
    /// Returns what a pack may hold, for its reader.
    pub(crate) fn pack(&self) -> delta::PackLimits {
        let PackLimits { blob_bytes, blobs, bytes } = self.pack;
        delta::PackLimits { blob_bytes, blobs, bytes }
    }

    /// Returns how long the answer to a salt over that many bytes is taken.
    pub(crate) fn proof_ttl_for(&self, size: u64) -> Duration {
        self.proof_ttl + Duration::from_secs(size / 20_000_000)
    }
}
