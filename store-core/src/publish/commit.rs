//! Committing: everything is verified first, then one transaction makes it visible, or nothing.

use std::collections::{BTreeMap, BTreeSet};

use catalog::base::Base;
use catalog::blob::Blob;
use catalog::charm::{Charm, EntityKind, NewCharm};
use catalog::event::{EventKind, NewEvent};
use catalog::resources::{NewFile, NewResources, Resources};
use catalog::session::SessionState;
use catalog::upload::{NewUpload, Upload};
use catalog::{Document, Transaction};
use charm_model::digest::{Blake3, Content, Sha256};
use charm_model::entity::Entity;
use charm_model::finding::{Code, Finding};
use charm_model::name::{Channel, Series, StreamName, UserName};
use charm_model::reference::{EntityId, Reference, Version};
use charm_model::resolve::resolve_charm;
use charm_model::rights::{Acl, Caller, Preset, Principal, Right};
use charm_model::shape::{Manifest, Shape};
use charm_model::timestamp::Timestamp;
use v4_wire::publish::{
    CommitAnswer, CommitRequest, PlanRequest, Published, PublishedRevision, UploadProgress,
};

use super::plan::manifest;
use super::receive::{NOTHING_YET, arrived};
use super::session::OpenSession;
use crate::access::base_to_publish;
use crate::error::StoreError;
use crate::inspect::{Inspection, file_table};
use crate::patches::{PATCHED_BYTES, is_patched};
use crate::store::{Store, actor};

/// The blobs of a publish, by SHA-256.
type Blobs = BTreeMap<Sha256, Blob>;

impl Store {
    /// Makes everything of a session visible in one step, or says what is still to be sent.
    ///
    /// Asked again after it has committed, it gives the same answer.
    ///
    /// # Errors
    ///
    /// [`StoreError::Invalid`] with everything that is wrong with what was sent: nothing of it is visible then.
    pub async fn commit(
        &self,
        caller: &Caller,
        session: &str,
        request: &CommitRequest,
    ) -> Result<CommitAnswer, StoreError> {
        let mut tx = self.database().read().await?;
        let open = self.own_session(&mut tx, caller, session).await?;
        drop(tx);
        if let Some(result) = &open.row.result {
            return Ok(CommitAnswer::Committed(result.read()?));
        }
        let blobs = match self.gather(caller, &open, &request.proofs).await? {
            Gathered::All(blobs) => blobs,
            Gathered::Missing(send) => return Ok(CommitAnswer::Incomplete { send }),
        };
        let inspection = match &open.plan.archive {
            None => None,
            Some(archive) => Some(self.inspect(&blobs[&archive.digests.sha256]).await?),
        };
        let publish =
            Publish { store: self, caller, open: &open, account: actor(caller)?, blobs, now: self.now() };
        publish.commit(inspection).await.map(CommitAnswer::Committed)
    }

    /// Finds the blob of everything that is planned: sent in this session, in the base already, or proved now.
    async fn gather(
        &self,
        caller: &Caller,
        open: &OpenSession,
        proofs: &BTreeMap<Sha256, Blake3>,
    ) -> Result<Gathered, StoreError> {
        let (mut found, begun) = self.find(open).await?;
        let mut missing = BTreeMap::new();
        for (sha256, content) in &open.plan.blobs {
            if found.contains_key(sha256) {
                continue;
            }
            match self.accept(caller, open, content, proofs.get(sha256)).await? {
                Some(blob) => drop(found.insert(*sha256, blob)),
                None => drop(missing.insert(*sha256, begun.get(sha256).copied().unwrap_or(NOTHING_YET))),
            }
        }
        Ok(if missing.is_empty() { Gathered::All(found) } else { Gathered::Missing(missing) })
    }

    /// Finds the blobs that were sent in this session or are in the base, and how far the others are that have begun to
    /// come.
    async fn find(
        &self,
        open: &OpenSession,
    ) -> Result<(Blobs, BTreeMap<Sha256, UploadProgress>), StoreError> {
        let planned: Vec<Content> = open.plan.blobs.values().copied().collect();
        let mut tx = self.database().read().await?;
        let arrivals = tx.arrivals(&open.row.id, &planned).await?;
        let sent: BTreeSet<_> =
            arrivals.iter().filter(|it| it.blob.is_some()).map(|it| it.content.digests.sha256).collect();
        let (mut usable, others): (Vec<_>, Vec<_>) =
            planned.into_iter().partition(|content| sent.contains(&content.digests.sha256));
        if let Some(base) = tx.base(&open.plan.base).await? {
            let in_base = tx.contents_in_base(base.id, &others).await?;
            usable.extend(others.into_iter().filter(|content| in_base.contains(&content.digests.sha256)));
        }
        let blobs = tx.blobs(&usable).await?.into_iter().map(|blob| (blob.content.digests.sha256, blob));
        let begun = arrivals.iter().map(|it| (it.content.digests.sha256, arrived(it))).collect();
        Ok((blobs.collect(), begun))
    }

    /// Returns the blob that a proof is about, if there is a proof and it holds.
    async fn accept(
        &self,
        caller: &Caller,
        open: &OpenSession,
        content: &Content,
        proof: Option<&Blake3>,
    ) -> Result<Option<Blob>, StoreError> {
        let Some(answer) = proof else { return Ok(None) };
        let (session, account) = (open.row.id.as_str(), actor(caller)?);
        let Some(blob) = self.proved(session, &account, content, *answer).await? else { return Ok(None) };
        let begun = self.database().read().await?.upload(session, &content.digests.sha256).await?;
        self.remember_proof(session, content, &blob, begun.as_ref()).await?;
        Ok(Some(blob))
    }

    /// Writes down that a blob was proved: its salt is used up, and the commit may have to wait for others. What was
    /// sent of it before is dropped.
    async fn remember_proof(
        &self,
        session: &str,
        content: &Content,
        blob: &Blob,
        begun: Option<&Upload>,
    ) -> Result<(), StoreError> {
        if let Some(upload) = begun {
            self.drop_staged(upload).await?;
        }
        let mut tx = self.database().write().await?;
        if let Some(upload) = begun {
            tx.remove_upload(session, upload).await?;
        }
        let proved = NewUpload { session, content: *content, object_key: &blob.object_key, state: &[] };
        tx.add_upload(proved).await?;
        tx.finish_upload(session, &content.digests.sha256, blob.id).await?;
        Ok(tx.commit().await?)
    }
}

enum Gathered {
    All(Blobs),
    Missing(BTreeMap<Sha256, UploadProgress>),
}

/// A publish all of whose bytes are there.
struct Publish<'a> {
    store: &'a Store,
    caller: &'a Caller,
    open: &'a OpenSession,
    account: UserName,
    blobs: Blobs,
    now: Timestamp,
}

/// A charm revision that a publish made or found.
struct PublishedCharm {
    charm: Charm,
    is_new: bool,
}

impl Publish<'_> {
    fn plan(&self) -> &PlanRequest {
        &self.open.plan
    }

    async fn commit(&self, inspection: Option<Inspection>) -> Result<Published, StoreError> {
        let mut tx = self.store.database().write().await?;
        let base = self.base(&mut tx).await?;
        self.hold_blobs(&mut tx).await?;
        let warnings = inspection.as_ref().map(|it| it.warnings.clone()).unwrap_or_default();
        let charm = match &inspection {
            Some(inspection) => self.charm(&mut tx, &base, inspection).await?,
            None => self.newest(&mut tx, &base).await?,
        };
        let streams = self.streams(&mut tx, &base, &charm).await?;
        let mut published = self.published(&mut tx, &base, &charm, &streams, warnings).await?;
        if charm.is_new || streams.values().any(|(_, is_new)| *is_new) {
            self.store.keep_quota(&mut tx, &base.name.owner).await?;
            published.event = Some(self.tell(&mut tx, &base, &published).await?);
        }
        let result = Document::of(&published)?;
        if tx.close_session(&self.open.row.id, SessionState::Committed, Some(&result)).await? {
            tx.commit().await?;
            self.store.maps().want(self.blobs.values());
            return Ok(published);
        }
        drop(tx);
        self.of_another_request().await
    }

    /// Returns what another commit of this session made, which was faster. What this one made never happens.
    async fn of_another_request(&self) -> Result<Published, StoreError> {
        let mut tx = self.store.database().read().await?;
        let id = &self.open.row.id;
        let closed = self.store.own_session(&mut tx, self.caller, id).await?;
        let result = closed.row.result.ok_or_else(|| StoreError::NoSession(id.clone()))?;
        Ok(result.read()?)
    }

    async fn base(&self, tx: &mut Transaction) -> Result<Base, StoreError> {
        let id = &self.plan().base;
        let base = match base_to_publish(tx, self.caller, id).await? {
            Some(base) => base,
            None => tx.add_base(id, &first_acl(self.caller, &self.account, &id.owner), self.now).await?,
        };
        tx.lock_base(base.id).await?;
        // While the lock was waited for, its rights may have changed, or somebody else may have made it.
        let base = base_to_publish(tx, self.caller, id).await?;
        base.ok_or_else(|| StoreError::denied(self.caller, Right::Publish, id))
    }

    /// Keeps the sweep away from the blobs until something names them.
    async fn hold_blobs(&self, tx: &mut Transaction) -> Result<(), StoreError> {
        let contents: Vec<_> = self.blobs.values().map(|blob| blob.content).collect();
        let n_held = tx.name_blobs(&contents, self.now).await?.len();
        if n_held == contents.len() { Ok(()) } else { Err(catalog::CatalogError::BlobGone.into()) }
    }

    async fn charm(
        &self,
        tx: &mut Transaction,
        base: &Base,
        inspection: &Inspection,
    ) -> Result<PublishedCharm, StoreError> {
        let declared = Declared::of(&inspection.entity);
        let (series, supported) = self.series(&inspection.entity)?;
        self.check(tx, base, inspection, series.as_ref(), &declared).await?;
        let tree_digest = inspection.archive.tree_digest;
        let newest = tx.newest_charm(base.id, series.as_ref()).await?;
        if let Some(charm) = newest.as_ref().filter(|newest| newest.tree_digest == tree_digest) {
            return Ok(PublishedCharm { charm: charm.clone(), is_new: false });
        }
        let archive = &self.blobs[&self.archive_sha256()?];
        if let Some(newest) = newest.filter(|newest| is_patched(&newest.archive) && is_patched(archive)) {
            tx.want_patch(newest.archive.id, archive.id, self.now).await?;
        }
        tx.add_archive_files(archive.id, &file_table(&inspection.archive)).await?;
        let new = NewCharm {
            base: base.id,
            series: series.as_ref(),
            kind: kind(&inspection.entity),
            archive: archive.id,
            tree_digest,
            entity: &Document::of(&inspection.entity)?,
            supported: &supported,
            default_stream: declared.default_stream.as_ref(),
            shapes: &declared.shapes,
            by: &self.account,
            at: self.now,
        };
        Ok(PublishedCharm { charm: tx.add_charm(new).await?, is_new: true })
    }

    fn archive_sha256(&self) -> Result<Sha256, StoreError> {
        let archive = self.plan().archive.map(|archive| archive.digests.sha256);
        archive.ok_or_else(|| StoreError::BadRequest("the publish has no archive".to_owned()))
    }

    /// Returns the charm that resources without an archive are for: the newest that is not withdrawn.
    async fn newest(&self, tx: &mut Transaction, base: &Base) -> Result<PublishedCharm, StoreError> {
        let snapshot = tx.snapshot(base).await?;
        let latest = Reference {
            series: self.plan().series.clone(),
            version: Version::Latest { stream: None },
            ..Reference::to_base(&base.name)
        };
        let (key, _) = resolve_charm(&snapshot, &latest, Channel::Stable)?;
        let found = tx.charm(base.id, &key).await?;
        let charm = found.ok_or_else(|| StoreError::NoEntity(Box::new(latest)))?;
        self.fit(&tx.declared_shapes(charm.id).await?)?;
        Ok(PublishedCharm { charm, is_new: false })
    }

    /// Returns the series of the revision, and those that it runs on.
    fn series(&self, entity: &Entity) -> Result<(Option<Series>, Vec<Series>), StoreError> {
        let asked = self.plan().series.clone();
        let refuse = |message: String, help: &str| {
            let finding = Finding::error(Code::MetadataSeries, message).in_file("metadata.yaml").help(help);
            Err(StoreError::Invalid(vec![finding]))
        };
        if matches!(entity, Entity::Bundle(_)) {
            return Ok((Some(Series::bundle()), vec![Series::bundle()]));
        }
        match (asked, entity.series().as_slice()) {
            (Some(asked), []) => Ok((Some(asked.clone()), vec![asked])),
            (Some(asked), listed) if listed.contains(&asked) => Ok((Some(asked.clone()), vec![asked])),
            (Some(asked), _) => refuse(
                format!("\"{asked}\" series not listed in charm metadata"),
                "add it to `series:`, or publish without a series",
            ),
            (None, []) => refuse(
                "series not specified in url or charm metadata".to_owned(),
                "say `--series SERIES`, or add `series: [SERIES]` to metadata.yaml",
            ),
            (None, listed) => Ok((None, listed.to_vec())),
        }
    }

    /// Collects everything that speaks against the archive as a revision of this base.
    async fn check(
        &self,
        tx: &mut Transaction,
        base: &Base,
        inspection: &Inspection,
        series: Option<&Series>,
        declared: &Declared,
    ) -> Result<(), StoreError> {
        let mut findings = self.mismatches(&declared.shapes);
        if let Some(name) = inspection.entity.name().filter(|name| **name != base.name.name) {
            let message = format!("the charm calls itself `{name}`, and is published as {}", base.name);
            findings.push(Finding::error(Code::MetadataName, message).in_file("metadata.yaml"));
        }
        if let Some(message) = duplicate_name(tx, base, series).await? {
            findings.push(Finding::error(Code::MetadataSeries, message));
        }
        refuse_if_any(findings)
    }

    fn fit(&self, shapes: &BTreeMap<StreamName, Shape>) -> Result<(), StoreError> {
        refuse_if_any(self.mismatches(shapes))
    }

    /// Holds the files of each stream against what the charm declares.
    fn mismatches(&self, shapes: &BTreeMap<StreamName, Shape>) -> Vec<Finding> {
        let streams = self.plan().streams.iter();
        let finding = |(stream, files): (&StreamName, &Vec<_>)| {
            let Some(declared) = shapes.get(stream) else {
                return Some(unknown_stream(stream, shapes));
            };
            let found = manifest(stream, files).unwrap_or_default().shape();
            let difference = declared.difference(&found);
            let message = format!("stream `{stream}` is not what the charm declares: {difference}");
            (!difference.is_empty())
                .then(|| Finding::error(Code::ShapeMismatch, message).in_file("resources.yaml"))
        };
        streams.filter_map(finding).collect()
    }

    /// Publishes the files of each stream; the same files as the newest revision's are that revision.
    async fn streams(
        &self,
        tx: &mut Transaction,
        base: &Base,
        charm: &PublishedCharm,
    ) -> Result<BTreeMap<StreamName, (Resources, bool)>, StoreError> {
        let mut published = BTreeMap::new();
        for (stream, files) in &self.plan().streams {
            let (resources, is_new) = self.stream(tx, base, stream, &manifest(stream, files)?).await?;
            // Only a new charm: later publishes of the same one must not change what a reference to it means.
            if charm.is_new {
                tx.add_together(charm.charm.id, stream, resources.id).await?;
            }
            published.insert(stream.clone(), (resources, is_new));
        }
        Ok(published)
    }

    async fn stream(
        &self,
        tx: &mut Transaction,
        base: &Base,
        stream: &StreamName,
        manifest: &Manifest,
    ) -> Result<(Resources, bool), StoreError> {
        let newest = tx.newest_resources(base.id, stream).await?;
        if let Some(same) = newest.as_ref().filter(|newest| newest.manifest_digest == manifest.digest()) {
            return Ok((same.clone(), false));
        }
        let file = |file: &charm_model::shape::ManifestFile| NewFile {
            file: *file,
            blob: self.blobs[&file.content.digests.sha256].id,
        };
        let files = manifest.0.iter().map(|(place, it)| (place.clone(), file(it))).collect();
        let new = NewResources { base: base.id, stream, files: &files, by: &self.account, at: self.now };
        let added = tx.add_resources(new).await?;
        if let Some(before) = newest {
            tx.want_patches_between(before.id, added.id, &PATCHED_BYTES, self.now).await?;
        }
        Ok((added, true))
    }

    async fn published(
        &self,
        tx: &mut Transaction,
        base: &Base,
        charm: &PublishedCharm,
        streams: &BTreeMap<StreamName, (Resources, bool)>,
        findings: Vec<Finding>,
    ) -> Result<Published, StoreError> {
        let key = &charm.charm.key;
        let entity = EntityId { base: base.name.clone(), series: key.series.clone(), revision: key.revision };
        Ok(Published {
            ids: ids(&entity, charm.charm.default_stream.as_ref(), streams),
            charm: PublishedRevision { revision: key.revision, new: charm.is_new },
            streams: streams.iter().map(|(stream, it)| (stream.clone(), revision_of(it))).collect(),
            logical_bytes: self.blobs.values().map(|blob| blob.content.size).sum(),
            received_bytes: tx.received_bytes(&self.open.row.id).await?,
            event: None,
            findings,
        })
    }

    async fn tell(
        &self,
        tx: &mut Transaction,
        base: &Base,
        published: &Published,
    ) -> Result<u64, StoreError> {
        let body = serde_json::json!({
            "ids": published.ids,
            "charm": published.charm,
            "streams": published.streams,
        });
        let event = NewEvent {
            base: Some(base.id),
            kind: EventKind::Published,
            actor: &self.account,
            token: self.caller.token(),
            at: self.now,
            body: &Document::of(&body)?,
        };
        Ok(tx.append_event(event).await?)
    }
}

/// What an entity declares of its resources.
struct Declared {
    default_stream: Option<StreamName>,
    shapes: BTreeMap<StreamName, Shape>,
}

impl Declared {
    fn of(entity: &Entity) -> Self {
        let Some(declaration) = entity.declaration() else {
            return Self { default_stream: None, shapes: BTreeMap::new() };
        };
        let streams = declaration.streams.iter();
        Self {
            default_stream: Some(declaration.default_stream.clone()),
            shapes: streams.map(|(name, stream)| (name.clone(), stream.shape.clone())).collect(),
        }
    }
}

/// The rights of a base that a publish makes: under test, maintained by its publisher and its owner.
fn first_acl(caller: &Caller, publisher: &UserName, owner: &UserName) -> Acl {
    let owners = [Principal::User(owner.clone()), Principal::Group(owner.clone())];
    match caller {
        Caller::User(_) if publisher == owner => Acl::new_base(publisher),
        Caller::User(_) => {
            let maintainers = [Principal::User(publisher.clone()), Principal::Group(owner.clone())].into();
            Acl { maintainers, ..Acl::new_base(publisher) }
        }
        // The operator needs no right of its own.
        Caller::Admin | Caller::Anonymous => {
            Acl { maintainers: owners.into(), matrix: Preset::UnderTest.matrix(), ..Acl::new_base(owner) }
        }
    }
}

/// Says which name is taken: charms and bundles do not share one, and single-series charms end with the first
/// multi-series one.
async fn duplicate_name(
    tx: &mut Transaction,
    base: &Base,
    series: Option<&Series>,
) -> Result<Option<String>, StoreError> {
    let bundle = tx.newest_charm(base.id, Some(&Series::bundle())).await?;
    let is_bundle = series.is_some_and(Series::is_bundle);
    if bundle.is_some() && !is_bundle {
        return Ok(Some(format!("charm name duplicates bundle name {}", base.name)));
    }
    if is_bundle && bundle.is_none() && !tx.charms_of_base(base.id, None, 1).await?.is_empty() {
        return Ok(Some(format!("bundle name duplicates charm name {}", base.name)));
    }
    if series.is_some() && !is_bundle && tx.newest_charm(base.id, None).await?.is_some() {
        return Ok(Some(format!("charm name duplicates multi-series charm name {}", base.name)));
    }
    Ok(None)
}

fn kind(entity: &Entity) -> EntityKind {
    match entity {
        Entity::Charm(_) => EntityKind::Charm,
        Entity::Bundle(_) => EntityKind::Bundle,
    }
}

fn refuse_if_any(mut findings: Vec<Finding>) -> Result<(), StoreError> {
    charm_model::finding::sort(&mut findings);
    if findings.is_empty() { Ok(()) } else { Err(StoreError::Invalid(findings)) }
}

fn unknown_stream(stream: &StreamName, shapes: &BTreeMap<StreamName, Shape>) -> Finding {
    let declared: Vec<_> = shapes.keys().map(|name| format!("`{name}`")).collect();
    let there_is = if declared.is_empty() { "none".to_owned() } else { declared.join(", ") };
    Finding::error(
        Code::StreamUnknown,
        format!("the charm does not declare stream `{stream}`: it declares {there_is}"),
    )
    .in_file("resources.yaml")
}

fn revision_of((resources, is_new): &(Resources, bool)) -> PublishedRevision {
    PublishedRevision { revision: resources.revision, new: *is_new }
}

/// One reference for each stream, the default stream's first; one without a stream if none was published.
fn ids(
    entity: &EntityId,
    default: Option<&StreamName>,
    streams: &BTreeMap<StreamName, (Resources, bool)>,
) -> Vec<Reference> {
    if streams.is_empty() {
        return vec![entity.to_reference()];
    }
    let mut named: Vec<_> = streams.iter().collect();
    named.sort_by_key(|(stream, _)| Some(*stream) != default);
    let id = |(stream, (resources, _)): (&StreamName, &(Resources, bool))| {
        entity.with_resources(Some((stream.clone(), resources.revision)))
    };
    named.into_iter().map(id).collect()
}
