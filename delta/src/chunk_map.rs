//! A blob as a list of chunks, each with a digest of its own.
//!
//! By it a client finds what it has already, and anybody verifies a range without the rest. It is derived
//! from the blob, can be made again at any time, and shows as much as the blob's content does: it is read
//! with the same right.

use std::ops::Range;

use charm_model::digest::{Blake3, Content};

use crate::chunker::ChunkerId;
use crate::error::DeltaError;

mod builder;
mod format;

pub use builder::ChunkMapBuilder;

/// One chunk of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Where it begins in the blob.
    pub offset: u64,
    /// How many bytes it has; never 0.
    pub length: u32,
    /// BLAKE3 of its bytes.
    pub blake3: Blake3,
}

impl Chunk {
    /// Returns where the byte after the chunk's last stands in the blob.
    pub const fn end(&self) -> u64 {
        self.offset + self.length as u64
    }

    /// Checks that these are the chunk's bytes.
    ///
    /// # Errors
    ///
    /// [`DeltaError::WrongChunk`] if they are not.
    pub fn verify(&self, bytes: &[u8]) -> Result<(), DeltaError> {
        let right = bytes.len() == self.length as usize && self.blake3 == blake3::hash(bytes).into();
        right.then_some(()).ok_or(DeltaError::WrongChunk { offset: self.offset, length: self.length })
    }
}

/// The chunks of one blob, without gaps from its first byte to its last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkMap {
    chunker: ChunkerId,
    content: Content,
    chunks: Vec<Chunk>,
}

impl ChunkMap {
    /// Returns how the blob was cut.
    pub const fn chunker(&self) -> ChunkerId {
        self.chunker
    }

    /// Returns which blob this is the map of.
    pub const fn content(&self) -> &Content {
        &self.content
    }

    /// Returns all chunks, in the order of the blob.
    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// Returns the chunks that have bytes in the range. What of it lies behind the end of the blob is left
    /// out.
    pub fn chunks_covering(&self, range: Range<u64>) -> &[Chunk] {
        let first = self.chunks.partition_point(|chunk| chunk.end() <= range.start);
        let n = self.chunks[first..].partition_point(|chunk| chunk.offset < range.end);
        if range.is_empty() { &[] } else { &self.chunks[first..first + n] }
    }

    /// Returns the chunk that begins exactly there.
    pub(crate) fn chunk_at(&self, offset: u64) -> Option<&Chunk> {
        let index = self.chunks.binary_search_by_key(&offset, |chunk| chunk.offset).ok()?;
        self.chunks.get(index)
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn map() -> ChunkMap {
        let chunk = |offset, length| Chunk { offset, length, blake3: Blake3([0; 32]) };
        let content = Content { size: 60, ..Content::of(b"") };
        let chunks = vec![chunk(0, 10), chunk(10, 20), chunk(30, 30)];
        ChunkMap { chunker: ChunkerId::FastCdc32K, content, chunks }
    }

    #[test_case(0..60 => vec![0, 10, 30]; "all")]
    #[test_case(0..10 => vec![0]; "one exactly")]
    #[test_case(9..11 => vec![0, 10]; "over a cut")]
    #[test_case(29..30 => vec![10]; "a last byte")]
    #[test_case(30..31 => vec![30]; "a first byte")]
    #[test_case(59..90 => vec![30]; "over the end")]
    #[test_case(60..90 => Vec::<u64>::new(); "behind the end")]
    #[test_case(15..15 => Vec::<u64>::new(); "nothing")]
    fn covering(range: Range<u64>) -> Vec<u64> {
        map().chunks_covering(range).iter().map(|chunk| chunk.offset).collect()
    }

    #[test]
    fn a_chunk_is_verified_by_length_and_digest() {
        let chunk = Chunk { offset: 7, length: 5, blake3: blake3::hash(b"chunk").into() };
        assert!(chunk.verify(b"chunk").is_ok());
        assert!(chunk.verify(b"chunK").is_err());
        assert!(chunk.verify(b"chunk!").is_err());
    }
}
