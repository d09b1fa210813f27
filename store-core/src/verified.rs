//! Reading verified: what leaves the store is held against the digests of its chunks first, whatever range is asked for.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use blob_store::{BlobError, BlobReader, BlockReader, Blocks};
use bytes::Bytes;
use catalog::blob::Blob;
use delta::{Chunk, ChunkMap};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

use crate::chunks::MAPPED_FROM;
use crate::error::StoreError;
use crate::store::Store;

/// How many blocks are read before they are wanted. Each is in memory until the receiver takes it.
const READ_AHEAD: usize = 3;

/// A blob as a file for code that blocks and jumps about, such as whatever reads archives.
pub(crate) type VerifiedFile = BlockReader<VerifiedBlocks>;

impl Store {
    /// Returns a range of a blob as a stream of blocks; all of them are right, or the stream ends with an error.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`], here or in the stream, for bytes that are not as they were.
    pub(crate) async fn read_blob(
        &self,
        blob: Blob,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, StoreError>>, StoreError> {
        if !self.verifies_reads() || range.is_empty() {
            let bytes = self.blobs().read(blob.object_key.parse()?, range).await?;
            return Ok(bytes.map(|piece| piece.map_err(StoreError::from)).boxed());
        }
        let reader = self.unverified(&blob).await?;
        if blob.content.size < MAPPED_FROM {
            let bytes = tokio::task::spawn_blocking(move || small(&reader, &blob)).await??;
            return Ok(stream::iter([Ok(slice(&bytes, range))]).boxed());
        }
        let map = self.chunk_map(&blob).await?;
        let blocks: Vec<_> = blocks(&map, reader.blocks().block_len(), range).collect();
        let verified = Arc::new(VerifiedBlocks { reader, map: Some(map) });
        let read = move |block: Range<u64>| {
            let verified = verified.clone();
            async move { tokio::task::spawn_blocking(move || verified.fetch(block)).await? }
        };
        Ok(stream::iter(blocks).map(read).buffered(READ_AHEAD).boxed())
    }

    /// Returns a blob as a file, whose bytes are verified if the store verifies any.
    pub(crate) async fn blob_file(&self, blob: &Blob) -> Result<VerifiedFile, StoreError> {
        let reader = self.unverified(blob).await?;
        let map = if self.verifies_reads() { Some(self.chunk_map(blob).await?) } else { None };
        Ok(BlockReader::new(VerifiedBlocks { reader, map }))
    }

    /// Returns a blob as it lies there, for those who verify what they make of it.
    pub(crate) async fn unverified(&self, blob: &Blob) -> Result<BlobReader, StoreError> {
        Ok(self.blobs().reader(blob.object_key.parse()?, blob.content.size).await?)
    }
}

/// Reads a small blob whole: it has a digest of its own, and needs no map.
fn small(reader: &BlobReader, blob: &Blob) -> Result<Bytes, StoreError> {
    let bytes = reader.blocks().fetch(0..blob.content.size)?;
    let is_right = blob.content.digests.blake3 == blake3::hash(&bytes).into();
    is_right.then_some(bytes).ok_or(StoreError::Damaged { sha256: blob.content.digests.sha256, offset: 0 })
}

/// Cuts a range into blocks that end where chunks do, but for the range's own ends.
fn blocks(map: &ChunkMap, block_len: u64, range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let mut rest = map.chunks_covering(range.clone());
    std::iter::from_fn(move || {
        let first = rest.first()?;
        let n = rest.partition_point(|chunk| chunk.end() - first.offset <= block_len).max(1);
        let (block, later) = rest.split_at(n);
        rest = later;
        let end = block.last().map_or(first.end(), Chunk::end);
        Some(first.offset.max(range.start)..end.min(range.end))
    })
}

/// A blob and, where it is verified, what its chunks are.
#[derive(Debug)]
pub(crate) struct VerifiedBlocks {
    reader: BlobReader,
    map: Option<Arc<ChunkMap>>,
}

impl Blocks for VerifiedBlocks {
    type Error = StoreError;

    fn size(&self) -> u64 {
        self.reader.blocks().size()
    }

    fn block_len(&self) -> u64 {
        self.reader.blocks().block_len()
    }

    /// Reads the chunks that cover a range, checks each, and returns the range.
    fn fetch(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        let Some(map) = &self.map else { return Ok(self.reader.blocks().fetch(range)?) };
        let chunks = map.chunks_covering(range.clone());
        let (Some(first), Some(last)) = (chunks.first(), chunks.last()) else { return Ok(Bytes::new()) };
        let start = first.offset;
        let bytes = self.reader.blocks().fetch(start..last.end())?;
        for chunk in chunks {
            chunk.verify(&slice(&bytes, chunk.offset - start..chunk.end() - start)).map_err(|_| {
                StoreError::Damaged { sha256: map.content().digests.sha256, offset: chunk.offset }
            })?;
        }
        Ok(slice(&bytes, range.start - start..range.end - start))
    }
}

/// Returns a range of bytes that are in memory.
pub(crate) fn slice(bytes: &Bytes, range: Range<u64>) -> Bytes {
    let index = |offset| usize::try_from(offset).unwrap_or(usize::MAX);
    bytes.slice(index(range.start)..index(range.end))
}

/// Returns what a reader that was wrapped for blocking code failed of.
pub(crate) fn unwrapped(path: &str, error: io::Error) -> StoreError {
    let error = match error.downcast::<StoreError>() {
        Ok(error) => return error,
        Err(error) => error,
    };
    match error.downcast::<BlobError>() {
        Ok(error) => error.into(),
        Err(source) => BlobError::Io { path: path.to_owned(), source }.into(),
    }
}
