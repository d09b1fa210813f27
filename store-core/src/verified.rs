//! Reading verified: what leaves the store is held against the digests of its chunks first, whatever range is asked for.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use blob_store::{BlobError, BlobReader, ObjectKey};
use bytes::Bytes;
use catalog::blob::Blob;
use charm_model::digest::Sha256;
use delta::{Chunk, ChunkMap};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

use crate::chunks::MAPPED_FROM;
use crate::error::StoreError;
use crate::store::Store;

/// How many blocks are read before they are wanted. Each is in memory until the receiver takes it.
const READ_AHEAD: usize = 3;

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
        let key: ObjectKey = blob.object_key.parse()?;
        if !self.verifies_reads() || range.is_empty() {
            let bytes = self.blobs().read(key, range).await?;
            return Ok(bytes.map(|piece| piece.map_err(StoreError::from)).boxed());
        }
        let reader = self.blobs().reader(key, blob.content.size).await?;
        if blob.content.size < MAPPED_FROM {
            let bytes = tokio::task::spawn_blocking(move || small(&reader, &blob)).await??;
            let range = index(range.start)..index(range.end);
            return Ok(stream::iter([Ok(bytes.slice(range))]).boxed());
        }
        let checked = Arc::new(Checked { map: self.chunk_map(&blob).await?, reader });
        let blocks: Vec<_> = checked.blocks(range).collect();
        let read = move |block: Range<u64>| {
            let checked = checked.clone();
            async move { tokio::task::spawn_blocking(move || checked.fetch(block)).await? }
        };
        let mut blocks = stream::iter(blocks).map(read).buffered(READ_AHEAD);
        // Before the answer has begun, damage can be told; behind that, it can only break off.
        let first = blocks.next().await.transpose()?;
        Ok(stream::iter(first.map(Ok)).chain(blocks).boxed())
    }

    /// Returns a blob as a file for code that blocks and jumps about, such as whatever reads archives.
    pub(crate) async fn blob_file(&self, blob: &Blob) -> Result<VerifiedFile, StoreError> {
        let reader = self.blobs().reader(blob.object_key.parse()?, blob.content.size).await?;
        let map = if self.verifies_reads() { Some(self.chunk_map(blob).await?) } else { None };
        Ok(VerifiedFile { reader, map, position: 0, block: Bytes::new(), block_start: 0 })
    }
}

/// Reads a small blob whole: it has a digest of its own, and needs no map.
fn small(reader: &BlobReader, blob: &Blob) -> Result<Bytes, StoreError> {
    let bytes = reader.fetch_range(0..blob.content.size)?;
    let is_right = blob.content.digests.blake3 == blake3::hash(&bytes).into();
    is_right.then_some(bytes).ok_or(StoreError::Damaged { sha256: blob.content.digests.sha256, offset: 0 })
}

/// A blob and what its chunks are.
#[derive(Debug)]
struct Checked {
    reader: BlobReader,
    map: Arc<ChunkMap>,
}

impl Checked {
    /// Cuts a range into blocks that end where chunks do, but for the range's own ends.
    fn blocks(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let chunks = self.map.chunks_covering(range.clone());
        let (block_len, mut rest) = (self.reader.block_len(), chunks);
        std::iter::from_fn(move || {
            let first = rest.first()?;
            let n = rest.partition_point(|chunk| chunk.end() - first.offset <= block_len).max(1);
            let (block, later) = rest.split_at(n);
            rest = later;
            let end = block.last().map_or(first.end(), Chunk::end);
            Some(first.offset.max(range.start)..end.min(range.end))
        })
    }

    /// Reads the chunks that cover a block, checks each, and returns the block.
    fn fetch(&self, block: Range<u64>) -> Result<Bytes, StoreError> {
        fetch(&self.reader, &self.map, block)
    }
}

fn fetch(reader: &BlobReader, map: &ChunkMap, block: Range<u64>) -> Result<Bytes, StoreError> {
    let chunks = map.chunks_covering(block.clone());
    let (Some(first), Some(last)) = (chunks.first(), chunks.last()) else { return Ok(Bytes::new()) };
    let bytes = reader.fetch_range(first.offset..last.end())?;
    for chunk in chunks {
        let place = index(chunk.offset - first.offset)..index(chunk.end() - first.offset);
        chunk.verify(&bytes[place]).map_err(|_| damaged(map, chunk))?;
    }
    Ok(bytes.slice(index(block.start - first.offset)..index(block.end - first.offset)))
}

fn damaged(map: &ChunkMap, chunk: &Chunk) -> StoreError {
    let sha256: Sha256 = map.content().digests.sha256;
    StoreError::Damaged { sha256, offset: chunk.offset }
}

/// Returns a place in bytes that are in memory.
fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// A blob as a file; with a map, what it yields is checked. It blocks, so it belongs into `spawn_blocking`.
#[derive(Debug)]
pub(crate) struct VerifiedFile {
    reader: BlobReader,
    map: Option<Arc<ChunkMap>>,
    position: u64,
    block: Bytes,
    block_start: u64,
}

impl VerifiedFile {
    /// Fetches the block in which the position lies.
    fn fill(&mut self) -> io::Result<()> {
        let block_len = self.reader.block_len();
        let start = self.position - self.position % block_len;
        let block = start..self.reader.size().min(start + block_len);
        self.block = match &self.map {
            Some(map) => fetch(&self.reader, map, block).map_err(io::Error::other)?,
            None => self.reader.fetch_range(block).map_err(io::Error::other)?,
        };
        self.block_start = start;
        Ok(())
    }

    fn at_hand(&self) -> &[u8] {
        let skipped = self.position.checked_sub(self.block_start).map(index);
        skipped.and_then(|skipped| self.block.get(skipped..)).unwrap_or_default()
    }
}

impl Read for VerifiedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at_hand().is_empty() && self.position < self.reader.size() {
            self.fill()?;
        }
        let n_read = self.at_hand().read(buffer)?;
        self.position += n_read as u64;
        Ok(n_read)
    }
}

impl Seek for VerifiedFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(distance) => self.reader.size().checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
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
