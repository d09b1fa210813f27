//! Objects as files, for blocking code.

use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::ops::Range;

use bytes::Bytes;
use tokio::runtime::Handle;

use crate::error::BlobError;
use crate::read::Source;

/// Reads an object wherever it lies, for code that knows files alone: zip archives, hashing.
///
/// It blocks, so it belongs into `spawn_blocking`.
#[derive(Debug)]
pub struct BlobReader {
    source: Source,
    size: u64,
    position: u64,
    block: Bytes,
    block_start: u64,
    runtime: Handle,
}

impl BlobReader {
    pub(crate) fn new(source: Source, size: u64, runtime: Handle) -> Self {
        Self { source, size, position: 0, block: Bytes::new(), block_start: 0, runtime }
    }

    /// Returns the object's size, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns how many bytes are best fetched at once.
    pub fn block_len(&self) -> u64 {
        self.source.block_len()
    }

    /// Returns a range of the object, and reads no more than that: for whoever jumps about.
    ///
    /// # Errors
    ///
    /// [`BlobError::Short`] if the object does not have it.
    pub fn fetch_range(&self, range: Range<u64>) -> Result<Bytes, BlobError> {
        if range.end > self.size {
            return Err(BlobError::Short { key: self.source.key, start: range.start, end: range.end });
        }
        self.source.fetch_blocking(range, &self.runtime)
    }

    /// Returns what the current block has from the position on.
    fn at_hand(&self) -> &[u8] {
        let skipped = self.position.checked_sub(self.block_start).and_then(|it| usize::try_from(it).ok());
        skipped.and_then(|it| self.block.get(it..)).unwrap_or_default()
    }

    fn fetch(&mut self) -> io::Result<()> {
        let block_len = self.source.block_len();
        let start = self.position - self.position % block_len;
        let end = self.size.min(start + block_len);
        self.block = self.source.fetch_blocking(start..end, &self.runtime).map_err(io::Error::other)?;
        self.block_start = start;
        Ok(())
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_read = self.fill_buf()?.read(buffer)?;
        self.consume(n_read);
        Ok(n_read)
    }
}

impl BufRead for BlobReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at_hand().is_empty() && self.position < self.size {
            self.fetch()?;
        }
        Ok(self.at_hand())
    }

    fn consume(&mut self, n_bytes: usize) {
        self.position += n_bytes as u64;
    }
}

impl Seek for BlobReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(distance) => self.size.checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
