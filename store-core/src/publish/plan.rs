//! Planning: what a publish would make, and which bytes it needs.

use std::collections::{BTreeMap, BTreeSet};

use catalog::Transaction;
use catalog::base::Base;
use catalog::challenge::{NewChallenge, Salt};
use charm_model::digest::{Blake3, Content, Sha256};
use charm_model::name::{StreamName, UserName};
use charm_model::reference::Revision;
use charm_model::rights::{Caller, Right};
use charm_model::shape::{MAX_STREAM_FILES, MAX_STREAMS, Manifest};
use v4_wire::publish::{BlobPlan, CharmPlan, PlanAnswer, PlanRequest, StreamFile, StreamPlan};

use super::bases::Candidates;
use super::receive::arrived;
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
        answer.blobs = planning.blobs(&mut tx, &blobs).await?;
        let is_new = |sha256| !matches!(answer.blobs.get(sha256), Some(BlobPlan::Have));
        let new = blobs.iter().filter(|(sha256, _)| is_new(*sha256)).map(|(_, content)| content.size).sum();
        // Before anything is sent; what is new has to be paid for, and more than that if it stands in several places.
        self.check_quota(&mut tx, &request.base.owner, new).await?;
        planning.propose_bases(&mut tx, request, &mut answer.blobs).await?;
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

    /// Says what to do about each blob; all of them are asked about at once.
    async fn blobs(
        &self,
        tx: &mut Transaction,
        blobs: &BTreeMap<Sha256, Content>,
    ) -> Result<BTreeMap<Sha256, BlobPlan>, StoreError> {
        let contents: Vec<_> = blobs.values().copied().collect();
        let had = match &self.base {
            Some(base) => tx.contents_in_base(base.id, &contents).await?,
            None => BTreeSet::new(),
        };
        let begun = self.begun(tx, &contents).await?;
        let is_open = |content: &Content| {
            let sha256 = &content.digests.sha256;
            content.size > 0 && !had.contains(sha256) && begun.get(sha256).is_none_or(|offset| *offset == 0)
        };
        let open: Vec<_> = contents.iter().copied().filter(is_open).collect();
        let seen = self.seen(tx, &open).await?;
        let salts = self.challenge(tx, open.iter().filter(|it| seen.contains(&it.digests.sha256))).await?;
        let plan = |sha256: &Sha256| match (had.contains(sha256), salts.get(sha256)) {
            (true, _) => BlobPlan::Have,
            (false, Some(salt)) => BlobPlan::Prove { salt: *salt },
            (false, None) => {
                BlobPlan::Send { offset: begun.get(sha256).copied().unwrap_or(0), bases: Vec::new() }
            }
        };
        Ok(blobs.keys().map(|sha256| (*sha256, plan(sha256))).collect())
    }

    /// Adds to what is to be sent the blobs of which it may be made.
    async fn propose_bases(
        &self,
        tx: &mut Transaction,
        request: &PlanRequest,
        blobs: &mut BTreeMap<Sha256, BlobPlan>,
    ) -> Result<(), StoreError> {
        let is_sent = blobs.values().any(|plan| matches!(plan, BlobPlan::Send { .. }));
        if let Some(base) = self.base.as_ref().filter(|_| is_sent) {
            Candidates::read(tx, self.caller, base).await?.propose(request, blobs);
        }
        Ok(())
    }

    /// Returns how much of each blob came when the session was begun before.
    async fn begun(
        &self,
        tx: &mut Transaction,
        contents: &[Content],
    ) -> Result<BTreeMap<Sha256, u64>, StoreError> {
        let Some(session) = &self.session else { return Ok(BTreeMap::new()) };
        let arrivals = tx.arrivals(session, contents).await?;
        Ok(arrivals.iter().map(|it| (it.content.digests.sha256, arrived(it).offset)).collect())
    }

    /// Returns those of the contents whose digests some base shows to the caller.
    async fn seen(&self, tx: &mut Transaction, contents: &[Content]) -> Result<BTreeSet<Sha256>, StoreError> {
        let holders = tx.holders(contents, BASES_ASKED).await?;
        let rows: BTreeSet<_> = holders.iter().map(|holder| holder.base).collect();
        let bases = tx.bases_of_rows(&Vec::from_iter(rows)).await?;
        let shows = |base: &&Base| base.acl.allows(self.caller, &base.name, Right::Metadata);
        let showing: BTreeSet<_> = bases.iter().filter(shows).map(|base| base.id).collect();
        let seen = holders.iter().filter(|holder| showing.contains(&holder.base));
        Ok(seen.map(|holder| holder.sha256).collect())
    }

    /// Returns the salts to answer. A session has one challenge per blob, ever: an attempt that failed is not tried again.
    async fn challenge<'b>(
        &self,
        tx: &mut Transaction,
        contents: impl Iterator<Item = &'b Content>,
    ) -> Result<BTreeMap<Sha256, Blake3>, StoreError> {
        let fresh = contents.map(|content| Ok((*content, random::<32>()?)));
        let fresh: Vec<_> = fresh.collect::<Result<_, StoreError>>()?;
        let Some(session) = &self.session else {
            return Ok(fresh
                .into_iter()
                .map(|(content, salt)| (content.digests.sha256, Blake3(salt)))
                .collect());
        };
        if fresh.is_empty() {
            return Ok(BTreeMap::new());
        }
        let (now, account) = (self.store.now(), &self.account);
        let new = |(content, salt): &(Content, Salt)| {
            let expires_at = now.plus(self.store.limits().proof_ttl_for(content.size));
            NewChallenge { session, sha256: content.digests.sha256, account, salt: *salt, expires_at }
        };
        tx.add_challenges(&fresh.iter().map(new).collect::<Vec<_>>()).await?;
        let given = tx.unused_challenges(session, account, now).await?;
        let asked = fresh.into_iter().map(|(content, _)| content.digests.sha256);
        Ok(asked.filter_map(|sha256| Some((sha256, Blake3(*given.get(&sha256)?)))).collect())
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
