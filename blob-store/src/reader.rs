//! Objects as files, for blocking code.

use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::ops::Range;

use bytes::Bytes;
use tokio::runtime::Handle;

use crate::error::BlobError;
use crate::read::Source;

/// Bytes of which any range can be had, on a thread that may block.
pub trait Blocks {
    /// Why a range cannot be had.
    type Error: Into<Box<dyn std::error::Error + Send + Sync>>;

    /// Returns how many bytes there are.
    fn size(&self) -> u64;

    /// Returns how many bytes are best fetched at once.
    fn block_len(&self) -> u64;

    /// Returns a range, all of it or an error.
    fn fetch(&self, range: Range<u64>) -> Result<Bytes, Self::Error>;
}

/// Reads an object wherever it lies, for code that knows files alone: zip archives, hashing.
///
/// It blocks, so it belongs into `spawn_blocking`.
pub type BlobReader = BlockReader<ObjectBlocks>;

/// An object.
#[derive(Debug)]
pub struct ObjectBlocks {
    source: Source,
    size: u64,
    runtime: Handle,
}

impl Blocks for ObjectBlocks {
    type Error = BlobError;

    fn size(&self) -> u64 {
        self.size
    }

    fn block_len(&self) -> u64 {
        self.source.block_len()
    }

    /// # Errors
    ///
    /// [`BlobError::Short`] if the object does not have the range.
    fn fetch(&self, range: Range<u64>) -> Result<Bytes, BlobError> {
        if range.end > self.size {
            return Err(BlobError::Short { key: self.source.key, start: range.start, end: range.end });
        }
        self.source.fetch_blocking(range, &self.runtime)
    }
}

impl BlobReader {
    pub(crate) fn of_object(source: Source, size: u64, runtime: Handle) -> Self {
        Self::new(ObjectBlocks { source, size, runtime })
    }
}

/// Reads blocks as a file, one in memory at a time.
#[derive(Debug)]
pub struct BlockReader<B> {
    blocks: B,
    position: u64,
    block: Bytes,
    block_start: u64,
}

impl<B: Blocks> BlockReader<B> {
    /// Makes a reader that stands at the first byte.
    pub fn new(blocks: B) -> Self {
        Self { blocks, position: 0, block: Bytes::new(), block_start: 0 }
    }

    /// Returns where the bytes come from: for whoever jumps about, and wants no more than a range.
    pub fn blocks(&self) -> &B {
        &self.blocks
    }

    /// Returns what the current block has from the position on.
    fn at_hand(&self) -> &[u8] {
        let skipped = self.position.checked_sub(self.block_start).and_then(|it| usize::try_from(it).ok());
        skipped.and_then(|it| self.block.get(it..)).unwrap_or_default()
    }

    /// Fetches the block in which the position lies.
    fn fill(&mut self) -> io::Result<()> {
        let block_len = self.blocks.block_len();
        let start = self.position - self.position % block_len;
        let end = self.blocks.size().min(start + block_len);
        self.block = self.blocks.fetch(start..end).map_err(io::Error::other)?;
        self.block_start = start;
        Ok(())
    }
}

impl<B: Blocks> Read for BlockReader<B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_read = self.fill_buf()?.read(buffer)?;
        self.consume(n_read);
        Ok(n_read)
    }
}

impl<B: Blocks> BufRead for BlockReader<B> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at_hand().is_empty() && self.position < self.blocks.size() {
            self.fill()?;
        }
        Ok(self.at_hand())
    }

    fn consume(&mut self, n_bytes: usize) {
        self.position += n_bytes as u64;
    }
}

impl<B: Blocks> Seek for BlockReader<B> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(distance) => self.blocks.size().checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
