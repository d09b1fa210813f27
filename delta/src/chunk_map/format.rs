//! The chunk map as bytes.
//!
//! ```text
//! magic "CHUNKMAP" · version u8 · chunker: number u8, log2 of least, average, greatest length u8 each
//! blob: size u64 · SHA-256 · BLAKE3
//! per chunk: length u32 · BLAKE3
//! ```
//!
//! Numbers are little-endian. The list ends where the lengths reach the size: it has no count to disagree
//! with.

use charm_model::digest::{Blake3, Content, Digests, Sha256};

use super::{Chunk, ChunkMap};
use crate::bytes::{take, take_u8, take_u32, take_u64};
use crate::chunker::ChunkerId;
use crate::error::DeltaError;

const MAGIC: [u8; 8] = *b"CHUNKMAP";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 8 + 1 + 4 + 8 + 32 + 32;
const CHUNK_BYTES: usize = 4 + 32;

impl ChunkMap {
    /// Returns the map as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + CHUNK_BYTES * self.chunks.len());
        bytes.extend(MAGIC);
        bytes.push(VERSION);
        bytes.extend(self.chunker.parameters());
        bytes.extend(self.content.size.to_le_bytes());
        bytes.extend(self.content.digests.sha256.0);
        bytes.extend(self.content.digests.blake3.0);
        for chunk in &self.chunks {
            bytes.extend(chunk.length.to_le_bytes());
            bytes.extend(chunk.blake3.0);
        }
        bytes
    }

    /// Returns how many bytes the map of a blob of `size` bytes takes at most, for whoever reads one from
    /// elsewhere.
    pub const fn max_encoded_bytes(chunker: ChunkerId, size: u64) -> u64 {
        let most_chunks = size.div_ceil(chunker.min_bytes() as u64);
        HEADER_BYTES as u64 + most_chunks.saturating_mul(CHUNK_BYTES as u64)
    }

    /// Reads a map: this version, a known chunker, lengths within its bounds that add up to the size, and
    /// nothing behind them.
    ///
    /// # Errors
    ///
    /// [`DeltaError::ChunkMap`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, DeltaError> {
        let mut rest = bytes;
        decode(&mut rest).map_err(|problem| DeltaError::ChunkMap { problem, at: bytes.len() - rest.len() })
    }
}

const ENDS: &str = "ends too early";

fn decode(rest: &mut &[u8]) -> Result<ChunkMap, &'static str> {
    let chunker = decode_head(rest)?;
    let content = decode_content(rest).ok_or(ENDS)?;
    let mut chunks = Vec::with_capacity(rest.len() / CHUNK_BYTES);
    let mut offset = 0;
    while offset < content.size {
        let chunk = decode_chunk(rest, offset).ok_or(ENDS)?;
        check_length(&chunk, chunker, content.size)?;
        offset = chunk.end();
        chunks.push(chunk);
    }
    if rest.is_empty() { Ok(ChunkMap { chunker, content, chunks }) } else { Err("goes on behind its end") }
}

fn decode_head(rest: &mut &[u8]) -> Result<ChunkerId, &'static str> {
    if take(rest) != Some(MAGIC) {
        return Err("does not begin as one");
    }
    if take_u8(rest) != Some(VERSION) {
        return Err("has another version than 1");
    }
    ChunkerId::from_parameters(take(rest).ok_or(ENDS)?).ok_or("has an unknown chunker")
}

fn decode_content(rest: &mut &[u8]) -> Option<Content> {
    let size = take_u64(rest)?;
    let digests = Digests { sha256: Sha256(take(rest)?), blake3: Blake3(take(rest)?) };
    Some(Content { size, digests })
}

fn decode_chunk(rest: &mut &[u8], offset: u64) -> Option<Chunk> {
    Some(Chunk { offset, length: take_u32(rest)?, blake3: Blake3(take(rest)?) })
}

fn check_length(chunk: &Chunk, chunker: ChunkerId, size: u64) -> Result<(), &'static str> {
    // The last chunk is as short as what is left.
    let is_last = chunk.offset.checked_add(chunk.length.into()) == Some(size);
    let least = if is_last { 1 } else { chunker.min_bytes() };
    if !(least..=chunker.max_bytes()).contains(&chunk.length) {
        return Err("has a chunk of a length that its chunker does not make");
    }
    if size - chunk.offset < chunk.length.into() { Err("has more chunks than its size") } else { Ok(()) }
}
