//! The one place that grants access to bytes.
//!
//! A caller names an entity and what it wants of it; the entity's base decides. What comes back carries the way to
//! the bytes inside, where nothing else can put one: no other function of the store takes a digest from outside.

use std::ops::Range;

use bytes::Bytes;
use catalog::Transaction;
use catalog::archive::{ArchiveFile, ArchiveFileKind};
use catalog::blob::Blob;
use catalog::patch::Patch;
use charm_archive::Entry;
use charm_model::digest::{Blake3, Content, Sha256, Sha384};
use charm_model::name::{Channel, StreamName};
use charm_model::reference::{EntityId, Reference};
use charm_model::rights::{Caller, Right};
use charm_model::shape::Place;
use charm_model::tree::EntryKind;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use v4_wire::resolve::ResourcesSummary;

use crate::access::{self, Target};
use crate::error::StoreError;
use crate::inspect::method;
use crate::resolve::{charm_row, resources_row, summary};
use crate::store::Store;
use crate::unpack::unpack;
use crate::verified::slice;

/// Which bytes of an entity are wanted.
#[derive(Debug, Clone)]
pub enum What {
    /// The whole archive, to run it.
    Archive,
    /// One file of the archive, to look at it.
    ArchiveFile(String),
    /// One file of its resources, to run it.
    Resource(Place),
}

/// Bytes that the caller may have.
#[derive(Debug)]
pub struct Opened {
    /// The archive that they are of.
    pub entity: EntityId,
    /// The fully qualified reference, with resources where they are known.
    pub id: Reference,
    /// How many they are.
    pub size: u64,
    /// Their SHA-256.
    pub sha256: Sha256,
    /// Their BLAKE3, of a whole blob.
    pub blake3: Option<Blake3>,
    /// Their SHA-384, of a whole blob and once it is known.
    pub sha384: Option<Sha384>,
    /// Whether everybody may have them, so that a shared cache may keep them.
    pub is_public: bool,
    /// Whether the reference names them for ever: its numbers are all there.
    pub is_immutable: bool,
    store: Store,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Blob(Blob),
    File {
        archive: Blob,
        entry: Entry,
    },
    /// What makes a blob of another.
    Patch(Patch),
    /// Derived from a blob, and at hand.
    Derived(Bytes),
}

impl Source {
    /// Returns how many bytes there are, and their digests as far as they are known.
    fn sums(&self) -> (u64, Sha256, Option<Blake3>, Option<Sha384>) {
        match self {
            Self::Blob(Blob { content, sha384, .. }) => {
                (content.size, content.digests.sha256, Some(content.digests.blake3), *sha384)
            }
            Self::File { entry, .. } => (entry.size, entry.sha256, None, None),
            Self::Patch(Patch { content, .. }) => (content.size, content.digests.sha256, None, None),
            Self::Derived(bytes) => (bytes.len() as u64, Content::of(bytes).digests.sha256, None, None),
        }
    }
}

impl Store {
    /// Opens bytes of an entity for a caller who may have them.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoEntity`], [`StoreError::NoFile`], [`StoreError::Resolve`], and [`StoreError::Denied`] for
    /// bytes of an entity that the caller may know of and no more.
    pub async fn open(
        &self,
        caller: &Caller,
        reference: &Reference,
        channel: Channel,
        what: &What,
    ) -> Result<Opened, StoreError> {
        let mut tx = self.database().read().await?;
        match what {
            What::Archive => {
                let target = self.charm_target(&mut tx, caller, reference, channel, Right::Deploy).await?;
                self.archive(&mut tx, caller, reference, target).await
            }
            What::ArchiveFile(path) => {
                let target = self.charm_target(&mut tx, caller, reference, channel, Right::Content).await?;
                self.archive_file(&mut tx, reference, target, path).await
            }
            What::Resource(place) => {
                let target = self.target(&mut tx, caller, reference, channel, Right::Deploy).await?;
                self.resource(&mut tx, caller, reference, target, place).await
            }
        }
    }

    /// Lists the files of an entity's resources for a caller who may browse them.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub async fn list_resources(
        &self,
        caller: &Caller,
        reference: &Reference,
        channel: Channel,
    ) -> Result<ResourcesSummary, StoreError> {
        let mut tx = self.database().read().await?;
        let target = self.target(&mut tx, caller, reference, channel, Right::Content).await?;
        let resolved = target.resolved.resources.clone().ok_or_else(|| no_resources(&target))?;
        Ok(summary(&mut tx, &target, &resolved, None).await?.0)
    }

    async fn archive(
        &self,
        tx: &mut Transaction,
        caller: &Caller,
        reference: &Reference,
        target: Target,
    ) -> Result<Opened, StoreError> {
        let stream = reference.version.stream();
        if let Some(stream) = stream {
            check_stream(caller, &target, stream)?;
        }
        let charm = charm_row(tx, &target).await?;
        Ok(self.opened(reference, &target, Right::Deploy, stream, Source::Blob(charm.archive)))
    }

    async fn archive_file(
        &self,
        tx: &mut Transaction,
        reference: &Reference,
        target: Target,
        path: &str,
    ) -> Result<Opened, StoreError> {
        let charm = charm_row(tx, &target).await?;
        let row = tx.archive_file(charm.archive.id, path).await?;
        let row =
            row.ok_or_else(|| StoreError::NoFile(format!("file \"{path}\" not found in the archive")))?;
        let source = Source::File { entry: entry(row)?, archive: charm.archive };
        Ok(self.opened(reference, &target, Right::Content, None, source))
    }

    async fn resource(
        &self,
        tx: &mut Transaction,
        caller: &Caller,
        reference: &Reference,
        target: Target,
        place: &Place,
    ) -> Result<Opened, StoreError> {
        let resolved = target.resolved.resources.clone().ok_or_else(|| no_resources(&target))?;
        check_stream(caller, &target, &resolved.stream)?;
        let row = resources_row(tx, &target, &resolved).await?;
        let file = tx.resource_file(row.id, place).await?;
        let file = file.ok_or_else(|| {
            StoreError::NoFile(format!("file \"{place}\" not found in the resources of {}", target.id()))
        })?;
        Ok(self.opened(reference, &target, Right::Deploy, Some(&resolved.stream), Source::Blob(file.blob)))
    }

    fn opened(
        &self,
        reference: &Reference,
        target: &Target,
        right: Right,
        stream: Option<&StreamName>,
        source: Source,
    ) -> Opened {
        let (size, sha256, blake3, sha384) = source.sums();
        let (acl, name, nobody) = (&target.base.acl, &target.base.name, Caller::Anonymous);
        Opened {
            entity: target.snapshot.entity(&target.resolved.charm),
            id: target.id(),
            size,
            sha256,
            blake3,
            sha384,
            is_public: match stream {
                Some(stream) => acl.allows_stream(&nobody, name, stream),
                None => acl.allows(&nobody, name, right),
            },
            is_immutable: is_fully_named(reference, target, stream.is_some()),
            store: self.clone(),
            source,
        }
    }
}

impl Opened {
    /// Returns the chunk map of a whole blob instead of its bytes: it shows as much, and took the same right.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] if the object is not the blob any more; [`StoreError::NoFile`] of a file in an archive.
    pub async fn chunk_map(self) -> Result<Self, StoreError> {
        let Source::Blob(blob) = &self.source else {
            return Err(StoreError::NoFile("a file in an archive has no chunk map".to_owned()));
        };
        let map = self.store.chunk_map(blob).await?.encode();
        Ok(self.instead(Source::Derived(map.into())))
    }

    /// Returns a recipe that makes the whole blob of another one, known by its SHA-256, instead of its bytes.
    ///
    /// The digest opens nothing, and tells nothing: the same blob may be in a base that the caller must not know of, and
    /// have a patch there. So the other one has to be in this base, and open to the caller, as well.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoPatchYet`] if it is still to be made, which is told only to those who may have both ends;
    /// [`StoreError::NoPatch`]; [`StoreError::NoFile`] of a file in an archive.
    pub async fn patch(self, caller: &Caller, from: &Sha256) -> Result<Self, StoreError> {
        let Source::Blob(blob) = &self.source else {
            return Err(StoreError::NoFile("there are no patches of a file in an archive".to_owned()));
        };
        let no_patch = || StoreError::NoPatch(*from);
        let mut tx = self.store.database().read().await?;
        let base = tx.base(&self.entity.base).await?.ok_or_else(no_patch)?;
        access::held(&mut tx, caller, &base, from, Right::Deploy).await?.ok_or_else(no_patch)?;
        match tx.patch(from, blob.id).await? {
            Some(patch) => Ok(self.instead(Source::Patch(patch))),
            None if tx.is_patch_wanted(from, blob.id).await? => Err(StoreError::NoPatchYet(*from)),
            None => Err(no_patch()),
        }
    }

    /// Offers other bytes under the same right.
    fn instead(self, source: Source) -> Self {
        let (size, sha256, blake3, sha384) = source.sums();
        Self { size, sha256, blake3, sha384, source, ..self }
    }

    /// Streams a range of the bytes. The stream ends with an error rather than short.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the first piece, [`StoreError::Damaged`] among it: before an answer has begun it can be
    /// told, and behind that the answer can only break off.
    pub async fn bytes(
        self,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, StoreError>>, StoreError> {
        let mut pieces = self.pieces(range).await?;
        let first = pieces.next().await.transpose()?;
        Ok(stream::iter(first.map(Ok)).chain(pieces).boxed())
    }

    async fn pieces(
        self,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, StoreError>>, StoreError> {
        match self.source {
            Source::Blob(blob) => self.store.read_blob(blob, range).await,
            Source::File { archive, entry } => unpack(self.store.blob_file(&archive).await?, &entry, range),
            // Checked by what it makes: a recipe that is damaged makes other bytes than were wanted.
            Source::Patch(patch) => {
                let bytes = self.store.blobs().read(patch.object_key.parse()?, range).await?;
                Ok(bytes.map(|piece| piece.map_err(StoreError::from)).boxed())
            }
            Source::Derived(bytes) => Ok(stream::iter([Ok(slice(&bytes, range))]).boxed()),
        }
    }
}

fn check_stream(caller: &Caller, target: &Target, stream: &StreamName) -> Result<(), StoreError> {
    let base = &target.base;
    if base.acl.allows_stream(caller, &base.name, stream) {
        Ok(())
    } else {
        Err(StoreError::denied(caller, Right::Deploy, &base.name))
    }
}

fn no_resources(target: &Target) -> StoreError {
    StoreError::NoFile(format!("{} has no resources", target.id()))
}

/// Says whether the reference names all that the bytes depend on.
fn is_fully_named(reference: &Reference, target: &Target, with_resources: bool) -> bool {
    use charm_model::reference::Version;
    let Version::Chosen { revision: Some(_), resources, .. } = &reference.version else { return false };
    let is_one_base = reference.owner.is_some();
    let is_one_series = reference.series == target.resolved.charm.series;
    is_one_base && is_one_series && (!with_resources || resources.is_some())
}

fn entry(row: ArchiveFile) -> Result<Entry, StoreError> {
    if row.kind != ArchiveFileKind::File {
        return Err(StoreError::Listing(row.path));
    }
    let unreadable = || StoreError::NoFile(format!("file \"{}\" cannot be read", row.path));
    let (method, sha256) = method(row.method).zip(row.sha256).ok_or_else(unreadable)?;
    Ok(Entry {
        path: row.path,
        kind: EntryKind::File { executable: row.is_executable },
        size: row.size,
        compressed_size: row.compressed_size,
        data_offset: row.data_offset,
        method,
        crc32: row.crc32,
        sha256,
    })
}
