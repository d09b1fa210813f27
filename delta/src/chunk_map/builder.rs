//! A chunk map made from a blob's bytes as they pass.

use std::io::{self, Read};

use charm_model::digest::Summing;

use super::{Chunk, ChunkMap};
use crate::chunker::ChunkerId;

/// How many bytes are gathered before they are cut: eight times the longest chunk, so that little is moved
/// twice.
const BATCH_BYTES: usize = 1 << 20;

/// Makes the chunk map of the bytes that it is given, in about 1 MiB of memory besides the map.
#[derive(Debug)]
pub struct ChunkMapBuilder {
    chunker: ChunkerId,
    summing: Summing,
    pending: Vec<u8>,
    chunks: Vec<Chunk>,
}

impl ChunkMapBuilder {
    /// Begins an empty map.
    pub fn new(chunker: ChunkerId) -> Self {
        let pending = Vec::with_capacity(BATCH_BYTES);
        Self { chunker, summing: Summing::default(), pending, chunks: Vec::new() }
    }

    /// Adds the next bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        self.summing.update(bytes);
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BATCH_BYTES - self.pending.len()));
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.pending.len() == BATCH_BYTES {
                self.cut(self.chunker.max_bytes() as usize);
            }
        }
    }

    /// Returns the map of all bytes so far.
    pub fn finish(mut self) -> ChunkMap {
        self.cut(1);
        ChunkMap { chunker: self.chunker, content: self.summing.content(), chunks: self.chunks }
    }

    /// Cuts what is pending, as long as `needed` bytes are left to look at: with fewer, a chunk might end
    /// only because the bytes behind it have not come yet.
    fn cut(&mut self, needed: usize) {
        let mut done = 0;
        for length in self.chunker.cut(&self.pending) {
            if self.pending.len() - done < needed {
                break;
            }
            let bytes = &self.pending[done..done + length];
            self.chunks.push(next_chunk(self.chunks.last(), bytes));
            done += length;
        }
        self.pending.drain(..done);
    }
}

fn next_chunk(previous: Option<&Chunk>, bytes: &[u8]) -> Chunk {
    #[expect(clippy::cast_possible_truncation, reason = "no chunker has a `max_bytes` beyond `u32`")]
    let length = bytes.len() as u32;
    Chunk { offset: previous.map_or(0, Chunk::end), length, blake3: blake3::hash(bytes).into() }
}

impl ChunkMap {
    /// Makes the map of everything that `blob` yields.
    pub fn read(chunker: ChunkerId, mut blob: impl Read) -> io::Result<Self> {
        let mut builder = ChunkMapBuilder::new(chunker);
        let mut buffer = vec![0; 256 << 10];
        loop {
            match blob.read(&mut buffer) {
                Ok(0) => return Ok(builder.finish()),
                Ok(n_read) => builder.update(&buffer[..n_read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes the map of bytes that are in memory.
    pub fn of(chunker: ChunkerId, bytes: &[u8]) -> Self {
        let mut builder = ChunkMapBuilder::new(chunker);
        builder.update(bytes);
        builder.finish()
    }
}
