//! Chunk maps: made after a publish or when they are wanted, kept beside the object and in memory, and believed only as
//! far as they can be checked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use blob_store::{Derived, ObjectKey};
use bytes::Bytes;
use catalog::Id;
use catalog::blob::Blob;
use delta::{ChunkMap, ChunkerId, DeltaError};
use tokio::sync::{Notify, OnceCell};

use crate::error::StoreError;
use crate::store::Store;

/// From this size on, in bytes, the map of a blob is kept: below, it is made faster than it is fetched.
pub(crate) const MAPPED_FROM: u64 = 128 << 10;

/// How the store cuts.
const CHUNKER: ChunkerId = ChunkerId::FastCdc32K;

/// How many bytes of maps are kept in memory at most; those of 100 GB of blobs fit.
const CACHED_BYTES: u64 = 128 << 20;

/// How many blobs wait for their maps at most. What does not fit gets its map when somebody asks for it.
const MAX_WAITING: usize = 100_000;

/// The bytes of the digest that stands behind a map where it is kept.
const SUM_BYTES: usize = 32;

/// The maps in memory. A slot is filled once: whoever else wants the map waits for whoever makes it.
type Cached = moka::sync::Cache<Id<Blob>, Arc<Slot>>;

#[derive(Debug)]
struct Slot {
    /// What the map takes at most, in bytes.
    n_bytes: u64,
    map: OnceCell<Arc<ChunkMap>>,
}

/// What the store knows of chunk maps.
#[derive(Debug)]
pub(crate) struct ChunkMaps {
    cached: Cached,
    waiting: Mutex<VecDeque<Blob>>,
    wake: Notify,
}

impl Default for ChunkMaps {
    fn default() -> Self {
        let weigh = |_: &Id<Blob>, slot: &Arc<Slot>| u32::try_from(slot.n_bytes).unwrap_or(u32::MAX);
        let cached = Cached::builder().max_capacity(CACHED_BYTES).weigher(weigh).build();
        Self { cached, waiting: Mutex::default(), wake: Notify::new() }
    }
}

impl ChunkMaps {
    fn slot(&self, blob: &Blob) -> Arc<Slot> {
        let n_bytes = ChunkMap::max_encoded_bytes(CHUNKER, blob.content.size);
        self.cached.get_with(blob.id, || Arc::new(Slot { n_bytes, map: OnceCell::new() }))
    }

    /// Has the maps of these blobs made soon, by [`Store::make_chunk_maps`].
    pub(crate) fn want<'a>(&self, blobs: impl Iterator<Item = &'a Blob>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MAX_WAITING.saturating_sub(waiting.len());
        waiting.extend(blobs.filter(|blob| blob.content.size >= MAPPED_FROM).take(room).cloned());
        self.wake.notify_one();
    }

    /// Has whoever waits in [`Store::work_wanted`] look for work.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    fn next_wanted(&self) -> Option<Blob> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Store {
    /// Makes the chunk maps of what was published here since the last time, and returns how many there are more. What
    /// a crash forgets is made when somebody asks for it.
    pub async fn make_chunk_maps(&self) -> usize {
        let mut n_made = 0;
        while let Some(blob) = self.maps().next_wanted() {
            match self.chunk_map(&blob).await {
                Ok(_) => n_made += 1,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(blob.digest = %blob.content.digests.sha256, error, "no chunk map");
                }
            }
        }
        n_made
    }

    /// Waits until a publish or a release asks for chunk maps or patches.
    pub async fn work_wanted(&self) {
        self.maps().wake.notified().await;
    }

    /// Returns the chunk map of a blob: from memory, from beside its object, or made now.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] if the object is not the blob any more: a map of it would vouch for damaged bytes.
    pub(crate) async fn chunk_map(&self, blob: &Blob) -> Result<Arc<ChunkMap>, StoreError> {
        let slot = self.maps().slot(blob);
        let map = slot.map.get_or_try_init(async || {
            let key: ObjectKey = blob.object_key.parse()?;
            match self.kept_map(blob, key).await? {
                Some(map) => Ok::<_, StoreError>(Arc::new(map)),
                None => Ok(Arc::new(self.make_map(blob, key).await?)),
            }
        });
        Ok(map.await?.clone())
    }

    /// Returns the map that is kept beside the object, if it is there and sound.
    async fn kept_map(&self, blob: &Blob, key: ObjectKey) -> Result<Option<ChunkMap>, StoreError> {
        if blob.content.size < MAPPED_FROM {
            return Ok(None);
        }
        let Some(kept) = self.blobs().derived(key, Derived::ChunkMap).await? else { return Ok(None) };
        let map = unseal(&kept).filter(|map| *map.content() == blob.content && map.chunker() == CHUNKER);
        if map.is_none() {
            tracing::warn!(object = %key, "the chunk map is damaged, and is made again");
        }
        Ok(map)
    }

    async fn make_map(&self, blob: &Blob, key: ObjectKey) -> Result<ChunkMap, StoreError> {
        let content = blob.content;
        let reader = self.blobs().reader(key, content.size).await?;
        let made =
            tokio::task::spawn_blocking(move || ChunkMap::read_known(CHUNKER, content, reader)).await?;
        let map = made.map_err(|error| unreadable(blob, key, error))?;
        if content.size >= MAPPED_FROM {
            self.keep_map(&map, key).await;
        }
        Ok(map)
    }

    /// Keeps a map. A disk that is full takes none, and is no reason not to use it.
    async fn keep_map(&self, map: &ChunkMap, key: ObjectKey) {
        if let Err(error) = self.blobs().put_derived(key, Derived::ChunkMap, seal(map)).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(object = %key, error, "the chunk map could not be kept");
        }
    }
}

fn unreadable(blob: &Blob, key: ObjectKey, error: DeltaError) -> StoreError {
    match error {
        DeltaError::ReadTarget { source, .. } => blob_store::BlobError::reading(key)(source).into(),
        _ => StoreError::Damaged { sha256: blob.content.digests.sha256, offset: 0 },
    }
}

/// Returns a map with its digest behind it: a bit that flips in a chunk's digest would have sound bytes refused for ever.
fn seal(map: &ChunkMap) -> Bytes {
    let mut bytes = map.encode();
    let sum = blake3::hash(&bytes);
    bytes.extend(sum.as_bytes());
    bytes.into()
}

fn unseal(kept: &[u8]) -> Option<ChunkMap> {
    let (bytes, sum) = kept.split_last_chunk::<SUM_BYTES>()?;
    if blake3::hash(bytes) == *sum { ChunkMap::decode(bytes).ok() } else { None }
}
