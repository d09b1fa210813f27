//! Planning: what a publish would make, and which bytes it needs.

use std::collections::BTreeMap;

use catalog::Transaction;
use catalog::base::Base;
use catalog::challenge::NewChallenge;
use charm_model::digest::{Blake3, Content};
use charm_model::name::{StreamName, UserName};
use charm_model::reference::Revision;
use charm_model::rights::{Caller, Right};
use charm_model::shape::{MAX_STREAM_FILES, MAX_STREAMS, Manifest};
use v4_wire::publish::{BlobPlan, CharmPlan, PlanAnswer, PlanRequest, StreamFile, StreamPlan};

use super::receive::progress;
use super::session::blobs;
use crate::access::base_to_publish;
use crate::error::StoreError;
use crate::store::{Store, actor};
use crate::token::random;

/// How many bases are asked whether they show a digest to the caller. Popular content is in more, and then one of the
/// first shows it to everybody or the rest hardly matters: the answer is `send`, which is always right.
const BASES_ASKED: u32 = 64;

/// A publish that is being planned.
struct Planning<'a> {
    store: &'a Store,
    caller: &'a Caller,
    account: UserName,
    base: Option<Base>,
    /// None for a dry run.
    session: Option<String>,
}

impl Store {
    /// Plans a publish: says blob by blob what the store has, and opens a session to send the rest to.
    ///
    /// A blob that this base has is `have`. One whose digest the caller may see elsewhere is `prove`. Everything else
    /// is `send`, whether its bytes exist where the caller may not look or nowhere.
    ///
    /// # Errors
    ///
    /// [`StoreError::Denied`] without the right to publish, [`StoreError::TooLarge`] and [`StoreError::BadRequest`].
    pub async fn plan(&self, caller: &Caller, request: &PlanRequest) -> Result<PlanAnswer, StoreError> {
        let account = actor(caller)?;
        let blobs = blobs(request)?;
        self.check_limits(request, blobs.values())?;
        // A dry run asks, and keeps no writer waiting.
        let mut tx =
            if request.dry_run { self.database().read().await? } else { self.database().write().await? };
        let base = base_to_publish(&mut tx, caller, &request.base).await?;
        let session =
            if request.dry_run { None } else { Some(self.open_session(&mut tx, &account, request).await?) };
        let session_id = session.as_ref().map(|session| session.id.clone());
        let planning = Planning { store: self, caller, account, base, session: session_id };
        let mut answer = PlanAnswer {
            session,
            charm: planning.charm(&mut tx, request).await?,
            streams: planning.streams(&mut tx, request).await?,
            blobs: BTreeMap::new(),
            findings: Vec::new(),
        };
        for (sha256, content) in blobs {
            answer.blobs.insert(sha256, planning.blob(&mut tx, &content).await?);
        }
        if !request.dry_run {
            tx.commit().await?;
        }
        Ok(answer)
    }

    fn check_limits<'a>(
        &self,
        request: &PlanRequest,
        blobs: impl ExactSizeIterator<Item = &'a Content>,
    ) -> Result<(), StoreError> {
        let limits = self.limits();
        at_most("the number of blobs", blobs.len(), limits.publish_blobs)?;
        at_most("the number of streams", request.streams.len(), MAX_STREAMS)?;
        for (stream, files) in &request.streams {
            at_most(&format!("the number of files of stream `{stream}`"), files.len(), MAX_STREAM_FILES)?;
        }
        for content in blobs {
            within("a file's size", content.size, limits.blob_bytes)?;
        }
        within("the archive's size", request.archive.map_or(0, |it| it.size), limits.archive_bytes)
    }
}

impl Planning<'_> {
    async fn charm(
        &self,
        tx: &mut Transaction,
        request: &PlanRequest,
    ) -> Result<Option<CharmPlan>, StoreError> {
        let Some(archive) = request.archive else { return Ok(None) };
        let newest = match &self.base {
            Some(base) => tx.newest_charm(base.id, request.series.as_ref()).await?,
            None => None,
        };
        Ok(Some(match newest {
            Some(newest) if newest.archive.content == archive => {
                CharmPlan { revision: newest.key.revision, unchanged: true }
            }
            Some(newest) => CharmPlan { revision: next(newest.key.revision)?, unchanged: false },
            None => CharmPlan { revision: Revision::FIRST, unchanged: false },
        }))
    }

    async fn streams(
        &self,
        tx: &mut Transaction,
        request: &PlanRequest,
    ) -> Result<BTreeMap<StreamName, StreamPlan>, StoreError> {
        let mut plans = BTreeMap::new();
        for (stream, files) in &request.streams {
            let manifest = manifest(stream, files)?;
            plans.insert(stream.clone(), self.stream(tx, stream, &manifest).await?);
        }
        Ok(plans)
    }

    async fn stream(
        &self,
        tx: &mut Transaction,
        stream: &StreamName,
        manifest: &Manifest,
    ) -> Result<StreamPlan, StoreError> {
        let newest = match &self.base {
            Some(base) => tx.newest_resources(base.id, stream).await?,
            None => None,
        };
        let shape = manifest.shape().id();
        Ok(match newest {
            Some(newest) if newest.manifest_digest == manifest.digest() => {
                StreamPlan { revision: newest.revision, unchanged: true, shape }
            }
            Some(newest) => StreamPlan { revision: next(newest.revision)?, unchanged: false, shape },
            None => StreamPlan { revision: Revision::FIRST, unchanged: false, shape },
        })
    }

    async fn blob(&self, tx: &mut Transaction, content: &Content) -> Result<BlobPlan, StoreError> {
        if let Some(base) = &self.base
            && tx.base_has_blob(base.id, content).await?
        {
            return Ok(BlobPlan::Have);
        }
        let offset = self.received(tx, content).await?;
        if offset == 0 && content.size > 0 && self.may_see(tx, content).await? {
            return self.challenge(tx, content).await;
        }
        Ok(BlobPlan::Send { offset, bases: Vec::new() })
    }

    /// Returns how much of a blob came when the session was begun before.
    async fn received(&self, tx: &mut Transaction, content: &Content) -> Result<u64, StoreError> {
        let Some(session) = &self.session else { return Ok(0) };
        let upload = tx.upload(session, &content.digests.sha256).await?;
        Ok(upload.as_ref().map_or(0, |upload| progress(upload).offset))
    }

    /// Says whether some base that has this content shows its digests to the caller.
    async fn may_see(&self, tx: &mut Transaction, content: &Content) -> Result<bool, StoreError> {
        let bases = tx.bases_with_blob(content, BASES_ASKED).await?;
        Ok(bases.iter().any(|base| base.acl.allows(self.caller, &base.name, Right::Metadata)))
    }

    async fn challenge(&self, tx: &mut Transaction, content: &Content) -> Result<BlobPlan, StoreError> {
        let salt = random::<32>()?;
        let Some(session) = &self.session else { return Ok(BlobPlan::Prove { salt: Blake3(salt) }) };
        let (sha256, account, now) = (content.digests.sha256, &self.account, self.store.now());
        let expires_at = now.plus(self.store.limits().proof_ttl_for(content.size));
        if tx.add_challenge(NewChallenge { session, sha256, account, salt, expires_at }).await? {
            return Ok(BlobPlan::Prove { salt: Blake3(salt) });
        }
        // A session has one challenge per blob, ever: an attempt that failed is not tried again.
        let given = tx.unused_challenge(session, &sha256, account, now).await?;
        Ok(given.map_or(BlobPlan::Send { offset: 0, bases: Vec::new() }, |salt| BlobPlan::Prove {
            salt: Blake3(salt),
        }))
    }
}

/// Reads a stream's list of files as a manifest.
///
/// # Errors
///
/// [`StoreError::BadRequest`] if a place stands twice.
pub(super) fn manifest(stream: &StreamName, files: &[StreamFile]) -> Result<Manifest, StoreError> {
    let mut manifest = Manifest::default();
    for StreamFile { place, file } in files {
        if manifest.0.insert(place.clone(), *file).is_some() {
            return Err(StoreError::BadRequest(format!("`{place}` stands twice in stream `{stream}`")));
        }
    }
    Ok(manifest)
}

fn next(revision: Revision) -> Result<Revision, StoreError> {
    Revision::new(revision.number() + 1)
        .ok_or_else(|| StoreError::BadRequest("there are no more revisions".to_owned()))
}

fn at_most(what: &str, found: usize, limit: usize) -> Result<(), StoreError> {
    within(what, found as u64, limit as u64)
}

fn within(what: &str, found: u64, limit: u64) -> Result<(), StoreError> {
    if found <= limit { Ok(()) } else { Err(StoreError::TooLarge { what: what.to_owned(), found, limit }) }
}
