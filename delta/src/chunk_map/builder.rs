//! A chunk map made from a blob's bytes as they pass.

use std::io::{self, Read};

use charm_model::digest::{Content, Summing};

use super::{Chunk, ChunkMap};
use crate::chunker::ChunkerId;
use crate::error::DeltaError;

/// How many bytes are gathered before they are cut: eight times the longest chunk, so that little is moved
/// twice.
const BATCH_BYTES: usize = 1 << 20;

/// Makes the chunk map of the bytes that it is given, in about 1 MiB of memory besides the map.
#[derive(Debug)]
pub struct ChunkMapBuilder {
    summing: Summing,
    cutter: Cutter,
}

impl ChunkMapBuilder {
    /// Begins an empty map.
    pub fn new(chunker: ChunkerId) -> Self {
        Self { summing: Summing::default(), cutter: Cutter::new(chunker) }
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.summing.update(bytes);
        self.cutter.update(bytes);
    }

    /// Returns the map of all bytes so far.
    pub fn finish(self) -> ChunkMap {
        self.cutter.finish(self.summing.content())
    }
}

/// Cuts bytes into chunks as they pass.
#[derive(Debug)]
struct Cutter {
    chunker: ChunkerId,
    pending: Vec<u8>,
    chunks: Vec<Chunk>,
}

impl Cutter {
    fn new(chunker: ChunkerId) -> Self {
        Self { chunker, pending: Vec::with_capacity(BATCH_BYTES), chunks: Vec::new() }
    }

    fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BATCH_BYTES - self.pending.len()));
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.pending.len() == BATCH_BYTES {
                self.cut(self.chunker.max_bytes() as usize);
            }
        }
    }

    fn finish(mut self, content: Content) -> ChunkMap {
        self.cut(1);
        ChunkMap { chunker: self.chunker, content, chunks: self.chunks }
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
    pub fn read(chunker: ChunkerId, blob: impl Read) -> io::Result<Self> {
        let mut builder = ChunkMapBuilder::new(chunker);
        read_all(blob, |bytes| builder.update(bytes))?;
        Ok(builder.finish())
    }

    /// Makes the map of a blob whose content is known, and holds the bytes against it. Their SHA-256 is not
    /// computed again: BLAKE3 of the whole binds them as well, at a third of the price.
    ///
    /// # Errors
    ///
    /// [`DeltaError::OtherContent`] if the bytes are not that blob, [`DeltaError::ReadTarget`].
    pub fn read_known(chunker: ChunkerId, content: Content, blob: impl Read) -> Result<Self, DeltaError> {
        let (mut cutter, mut whole) = (Cutter::new(chunker), blake3::Hasher::new());
        let read = read_all(blob, |bytes| {
            whole.update(bytes);
            cutter.update(bytes);
        });
        read.map_err(|source| DeltaError::ReadTarget { at: whole.count(), source })?;
        let is_it = whole.count() == content.size && content.digests.blake3 == whole.finalize().into();
        is_it.then(|| cutter.finish(content)).ok_or(DeltaError::OtherContent(content.digests.sha256))
    }

    /// Makes the map of what `blob` yields, under the name of a blob that it may not be: for whoever looks for chunks in a
    /// file and verifies each that it takes.
    pub fn read_unchecked(chunker: ChunkerId, content: Content, blob: impl Read) -> io::Result<Self> {
        let mut cutter = Cutter::new(chunker);
        read_all(blob, |bytes| cutter.update(bytes))?;
        Ok(cutter.finish(content))
    }

    /// Makes the map of bytes that are in memory.
    pub fn of(chunker: ChunkerId, bytes: &[u8]) -> Self {
        let mut builder = ChunkMapBuilder::new(chunker);
        builder.update(bytes);
        builder.finish()
    }
}

fn read_all(mut blob: impl Read, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    loop {
        match blob.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n_read) => take(&buffer[..n_read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
