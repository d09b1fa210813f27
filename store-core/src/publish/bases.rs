//! Bases: what a publish may be made of beside what it sends.

use std::collections::{BTreeMap, BTreeSet};

use catalog::Transaction;
use catalog::base::Base;
use catalog::blob::Blob;
use charm_model::digest::{Content, Sha256};
use charm_model::name::StreamName;
use charm_model::rights::{Caller, Right};
use charm_model::shape::{Manifest, Place};
use v4_wire::publish::{BlobPlan, PlanRequest, StreamFile};

use crate::access;
use crate::error::StoreError;
use crate::store::Store;

/// From this size on, in bytes, a blob has bases, and is one.
const BASES_FROM: u64 = 64 << 10;

/// How many bases are proposed for a blob at most.
const MAX_PROPOSED: usize = 8;

/// How many of the newest revisions of a stream, and of the charm, are looked at.
const REVISIONS_LOOKED_AT: u32 = 3;

impl Store {
    /// Returns the chunk map, as bytes, of a blob that the session may use as a base.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSession`]; [`StoreError::NotPlanned`] alike for a blob that does not exist, for one of another
    /// base, and for one that the caller may not read.
    pub async fn base_chunk_map(
        &self,
        caller: &Caller,
        session: &str,
        sha256: &Sha256,
    ) -> Result<Vec<u8>, StoreError> {
        let blob = self.session_base(caller, session, sha256).await?;
        Ok(self.chunk_map(&blob.ok_or(StoreError::NotPlanned(*sha256))?).await?.encode())
    }

    /// Returns a blob that the session may use as a base: one that it has sent or proved, or one of its base that the
    /// caller may read as it is published there. Without the second condition a publisher could copy the bytes of a
    /// stream that is closed to it into one that is not.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSession`].
    pub(super) async fn session_base(
        &self,
        caller: &Caller,
        session: &str,
        sha256: &Sha256,
    ) -> Result<Option<Blob>, StoreError> {
        let mut tx = self.database().read().await?;
        let open = self.own_session(&mut tx, caller, session).await?;
        let upload = tx.upload(&open.row.id, sha256).await?;
        if let Some(blob) = upload.and_then(|upload| upload.blob) {
            return Ok(tx.blob_by_id(blob).await?);
        }
        let Some(base) = tx.base(&open.plan.base).await? else { return Ok(None) };
        access::held(&mut tx, caller, &base, sha256, Right::Content).await
    }
}

/// What a base has that the caller may read: the newest archives, and the newest manifests of each stream, newest first.
#[derive(Default)]
pub(super) struct Candidates {
    archives: Vec<Content>,
    streams: BTreeMap<StreamName, Vec<Manifest>>,
}

impl Candidates {
    pub(super) async fn read(tx: &mut Transaction, caller: &Caller, base: &Base) -> Result<Self, StoreError> {
        let mut candidates = Self::default();
        if base.acl.allows(caller, &base.name, Right::Content) {
            let charms = tx.charms_of_base(base.id, None, REVISIONS_LOOKED_AT).await?;
            candidates.archives = charms.into_iter().map(|charm| charm.archive.content).collect();
        }
        for revision in tx.newest_of_streams(base.id, REVISIONS_LOOKED_AT).await? {
            if base.acl.allows_stream(caller, &base.name, &revision.stream) {
                let files = tx.manifest(revision.id).await?.into_iter();
                let manifest = Manifest(files.map(|(place, file)| (place, file.in_manifest())).collect());
                candidates.streams.entry(revision.stream).or_default().push(manifest);
            }
        }
        Ok(candidates)
    }

    /// Adds to every blob that is to be sent what may be much like it.
    pub(super) fn propose(&self, request: &PlanRequest, blobs: &mut BTreeMap<Sha256, BlobPlan>) {
        if let Some(archive) = request.archive {
            propose(blobs, &archive, self.archives.iter());
        }
        for (stream, files) in &request.streams {
            for StreamFile { place, file } in files {
                propose(blobs, &file.content, self.of_place(stream, place));
            }
        }
    }

    /// Returns what stood at the place in older revisions, then under other architectures, then in other streams.
    fn of_place<'a>(
        &'a self,
        stream: &'a StreamName,
        place: &'a Place,
    ) -> impl Iterator<Item = &'a Content> + 'a {
        let own = self.streams.get(stream).into_iter().flatten();
        let at = move |manifest: &'a Manifest| manifest.0.get(place).map(|file| &file.content);
        let elsewhere = own.clone().take(1).flat_map(move |newest| {
            let trees: BTreeSet<_> = newest.0.keys().map(|place| &place.tree).collect();
            let moved = trees.into_iter().map(|tree| Place { tree: *tree, path: place.path.clone() });
            moved.filter_map(|place| newest.0.get(&place)).map(|file| &file.content).collect::<Vec<_>>()
        });
        let others = self.streams.iter().filter(move |(name, _)| *name != stream);
        own.filter_map(at).chain(elsewhere).chain(others.filter_map(|(_, it)| it.first()).filter_map(at))
    }
}

fn propose<'a>(
    blobs: &mut BTreeMap<Sha256, BlobPlan>,
    target: &Content,
    likely: impl Iterator<Item = &'a Content>,
) {
    let Some(BlobPlan::Send { bases, .. }) = blobs.get_mut(&target.digests.sha256) else { return };
    if target.size < BASES_FROM {
        return;
    }
    for base in likely.filter(|base| base.size >= BASES_FROM) {
        if bases.len() < MAX_PROPOSED && !bases.contains(base) {
            bases.push(*base);
        }
    }
}
