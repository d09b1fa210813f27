//! A blob store, and what it does to an object as a whole.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};
use tokio::runtime::Handle;
use tracing::instrument;

use crate::error::BlobError;
use crate::key::ObjectKey;
use crate::local::LocalDir;
use crate::location::{Location, open_bucket};
use crate::read::{Place, Source};
use crate::reader::BlobReader;
use crate::remote::{Bucket, Remote, part_len};

/// Immutable bytes by key. A clone is another handle to the same store; so is a store that another process opens on the
/// same place.
#[derive(Debug, Clone)]
pub struct BlobStore {
    pub(crate) backend: Backend,
}

#[derive(Debug, Clone)]
pub(crate) enum Backend {
    Local(LocalDir),
    Remote(Remote),
}

impl BlobStore {
    /// Opens the store at a place that [`Location::parse`] understands. A local directory is made if it is not there;
    /// an object store is not asked yet.
    pub fn open(location: &str) -> Result<Self, BlobError> {
        match Location::parse(location)? {
            Location::Directory(path) => Self::in_directory(&path),
            Location::Bucket(url) => Ok(Self::in_bucket(open_bucket(&url)?, url.path())),
        }
    }

    /// Opens the store in a local directory. Blocks for a few milliseconds.
    pub fn in_directory(path: &Path) -> Result<Self, BlobError> {
        Ok(Self { backend: Backend::Local(LocalDir::open(path)?) })
    }

    /// Opens the store in a bucket, or in whatever decorates one, under a prefix.
    pub fn in_bucket(bucket: Arc<dyn Bucket>, prefix: &str) -> Self {
        Self { backend: Backend::Remote(Remote::new(bucket, prefix)) }
    }

    /// Returns what a body that does not end an upload of `size` bytes has to be a multiple of, in bytes, for all of it to
    /// be kept.
    pub fn part_step(&self, size: u64) -> u64 {
        match &self.backend {
            Backend::Local(_) => 1,
            Backend::Remote(_) => part_len(size),
        }
    }

    /// Returns the size of an object, in bytes; `None` if there is no such object, or not any more, or not yet. For a
    /// blob in a pack, returns how many bytes the pack has from its first on.
    pub async fn size(&self, key: ObjectKey) -> Result<Option<u64>, BlobError> {
        let (holder, start) = key.holder();
        let size = match &self.backend {
            Backend::Local(local) => local.run(move |local| local.size(holder)).await?,
            Backend::Remote(remote) => remote.size(holder).await?,
        };
        Ok(size.map(|size| size.saturating_sub(start)))
    }

    /// Returns a range of an object as a stream of blocks.
    ///
    /// # Errors
    ///
    /// [`BlobError::NotFound`]; [`BlobError::Short`], here or at the end of the stream, if the object ends too early.
    /// The stream never ends short without an error.
    #[instrument(skip_all, fields(object = %key))]
    pub async fn read(
        &self,
        key: ObjectKey,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
        if range.is_empty() {
            self.require(key, range.end).await?;
            return Ok(stream::empty().boxed());
        }
        self.source(key).await?.stream(range).await
    }

    /// Returns an object of `size` bytes as a file for blocking code.
    ///
    /// # Errors
    ///
    /// [`BlobError::NotFound`]; [`BlobError::Short`] if it has fewer bytes.
    pub async fn reader(&self, key: ObjectKey, size: u64) -> Result<BlobReader, BlobError> {
        self.require(key, size).await?;
        Ok(BlobReader::of_object(self.source(key).await?, size, Handle::current()))
    }

    /// Writes an object in one piece, flushed: for what is small enough to be in memory and was verified there.
    ///
    /// # Errors
    ///
    /// [`BlobError::NoSpace`], [`BlobError::Io`] and [`BlobError::Store`]: then something may lie under the key.
    #[instrument(skip_all, fields(object = %key))]
    pub async fn put(&self, key: ObjectKey, bytes: Bytes) -> Result<(), BlobError> {
        match &self.backend {
            Backend::Local(local) => local.run(move |local| local.put(key, &bytes)).await,
            Backend::Remote(remote) => remote.put(key, bytes).await,
        }
    }

    /// Moves an object that nobody names any more into the trash. One that is not there is left alone.
    #[instrument(skip_all, fields(object = %key))]
    pub async fn trash(&self, key: ObjectKey) -> Result<(), BlobError> {
        match &self.backend {
            Backend::Local(local) => local.run(move |local| local.trash(key)).await,
            Backend::Remote(remote) => remote.trash(key).await,
        }
    }

    /// Moves an object out of the trash again.
    ///
    /// # Errors
    ///
    /// [`BlobError::NotFound`] if it is not in there.
    #[instrument(skip_all, fields(object = %key))]
    pub async fn restore(&self, key: ObjectKey) -> Result<(), BlobError> {
        let is_restored = match &self.backend {
            Backend::Local(local) => local.run(move |local| local.restore(key)).await?,
            Backend::Remote(remote) => remote.restore(key).await?,
        };
        if is_restored { Ok(()) } else { Err(BlobError::NotFound(key)) }
    }

    /// Deletes whatever lies under the key, in the trash as well. Nothing there is a success.
    #[instrument(skip_all, fields(object = %key))]
    pub async fn delete(&self, key: ObjectKey) -> Result<(), BlobError> {
        match &self.backend {
            Backend::Local(local) => local.run(move |local| local.delete(key)).await,
            Backend::Remote(remote) => remote.delete(key).await,
        }
    }

    async fn require(&self, key: ObjectKey, size: u64) -> Result<(), BlobError> {
        match self.size(key).await? {
            None => Err(BlobError::NotFound(key)),
            Some(actual) if actual < size => Err(BlobError::Short { key, start: actual, end: size }),
            Some(_) => Ok(()),
        }
    }

    async fn source(&self, key: ObjectKey) -> Result<Source, BlobError> {
        let (key, start) = key.holder();
        let place = match &self.backend {
            Backend::Remote(remote) => Place::Bucket(remote.clone()),
            Backend::Local(local) => {
                let file = local.run(move |local| local.open_object(key)).await?;
                Place::File(Arc::new(file.ok_or(BlobError::NotFound(key))?))
            }
        };
        Ok(Source { key, start, place })
    }
}
