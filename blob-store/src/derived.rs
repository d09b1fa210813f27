//! What is derived from an object: kept beside it, gone with it, and made again if it is missing.

use bytes::Bytes;
use tracing::instrument;

use crate::error::BlobError;
use crate::key::ObjectKey;
use crate::store::{Backend, BlobStore};

/// The kinds of what is derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Derived {
    /// Where the object's chunks begin and what they are.
    ChunkMap,
}

impl Derived {
    /// Every kind: what goes when the object goes.
    pub(crate) const ALL: [Self; 1] = [Self::ChunkMap];

    pub(crate) const fn extension(self) -> &'static str {
        match self {
            Self::ChunkMap => "chunks",
        }
    }
}

impl BlobStore {
    /// Keeps what was derived from an object. It is not flushed: a crash may lose it, or leave it torn, so whoever reads
    /// it checks what it reads.
    #[instrument(skip_all, fields(object = %key, ?kind))]
    pub async fn put_derived(&self, key: ObjectKey, kind: Derived, bytes: Bytes) -> Result<(), BlobError> {
        match &self.backend {
            Backend::Local(local) => local.run(move |local| local.put_derived(key, kind, &bytes)).await,
            Backend::Remote(remote) => remote.put_derived(key, kind, bytes).await,
        }
    }

    /// Returns what was derived from an object, if it is there.
    pub async fn derived(&self, key: ObjectKey, kind: Derived) -> Result<Option<Bytes>, BlobError> {
        match &self.backend {
            Backend::Local(local) => local.run(move |local| local.derived(key, kind)).await,
            Backend::Remote(remote) => remote.derived(key, kind).await,
        }
    }
}
