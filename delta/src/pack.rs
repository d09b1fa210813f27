//! Many small blobs in one request, and in one object.
//!
//! ```text
//! magic "BLOBPACK" · version u8 · number of blobs u32
//! per blob, ascending by SHA-256: SHA-256 · length u32 · the bytes
//! ```
//!
//! Numbers are little-endian. The order keeps a blob from standing twice, and whoever writes rows for them
//! from waiting in a circle for another who does. A pack ends with the last of its blobs: one that broke off
//! is told from a whole one.
//!
//! [`PackWriter`] and [`PackReader`] hold to the same rules. Neither believes a digest: whoever reads a pack
//! hashes every blob.

use std::io::{self, Read, Write};

use charm_model::digest::Sha256;

use crate::bytes::{take, take_u8, take_u32};
use crate::error::DeltaError;

const MAGIC: [u8; 8] = *b"BLOBPACK";
const VERSION: u8 = 1;

/// How many bytes stand before the first blob.
pub const HEADER_BYTES: usize = 8 + 1 + 4;

/// How many bytes stand before each blob.
pub const HEAD_BYTES: usize = 32 + 4;

/// How much a pack may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackLimits {
    /// The largest blob, in bytes. A reader keeps one in memory.
    pub blob_bytes: u64,
    /// The most blobs.
    pub blobs: usize,
    /// The most bytes of all blobs together.
    pub bytes: u64,
}

impl PackLimits {
    /// Returns how many bytes a pack within these limits has at most.
    pub const fn encoded_bytes(&self) -> u64 {
        encoded_bytes(self.blobs, self.bytes)
    }
}

/// Returns how many bytes a pack has.
pub const fn encoded_bytes(n_blobs: usize, n_bytes: u64) -> u64 {
    let heads = n_blobs.saturating_mul(HEAD_BYTES).saturating_add(HEADER_BYTES);
    n_bytes.saturating_add(heads as u64)
}

/// What has passed of a pack, and what may still come.
#[derive(Debug)]
struct Progress {
    limits: PackLimits,
    n_blobs: u32,
    blob: u32,
    n_bytes: u64,
    last: Option<Sha256>,
}

impl Progress {
    fn new(n_blobs: u32, limits: PackLimits) -> Result<Self, DeltaError> {
        let progress = Self { limits, n_blobs, blob: 0, n_bytes: 0, last: None };
        if n_blobs as usize > limits.blobs { Err(progress.wrong("is one too many")) } else { Ok(progress) }
    }

    const fn is_whole(&self) -> bool {
        self.blob == self.n_blobs
    }

    fn check(&self, sha256: &Sha256, length: u32) -> Result<(), DeltaError> {
        if self.is_whole() {
            return Err(self.wrong("was not announced"));
        }
        if self.last.as_ref().is_some_and(|last| last >= sha256) {
            return Err(self.wrong("does not follow the one before it by SHA-256"));
        }
        if u64::from(length) > self.limits.blob_bytes {
            return Err(self.wrong("is too large for a pack"));
        }
        if self.n_bytes + u64::from(length) > self.limits.bytes {
            return Err(self.wrong("is more than a pack may hold"));
        }
        Ok(())
    }

    fn advance(&mut self, sha256: Sha256, length: u32) {
        self.blob += 1;
        self.n_bytes += u64::from(length);
        self.last = Some(sha256);
    }

    fn wrong(&self, problem: &'static str) -> DeltaError {
        DeltaError::Pack { blob: self.blob, problem }
    }

    fn broken(&self) -> impl FnOnce(io::Error) -> DeltaError + use<> {
        let blob = self.blob;
        move |source| DeltaError::ReadPack { blob, source }
    }

    /// Returns where the next blob's bytes begin in the pack.
    fn next_start(&self) -> u64 {
        encoded_bytes(self.blob as usize + 1, self.n_bytes)
    }
}

/// Writes a pack blob by blob, and nothing that a [`PackReader`] with the same limits would refuse.
#[derive(Debug)]
pub struct PackWriter<W> {
    out: W,
    progress: Progress,
}

impl<W: Write> PackWriter<W> {
    /// Begins a pack of so many blobs. Each becomes two writes, so `out` should be buffered where writes are
    /// dear.
    pub fn new(mut out: W, n_blobs: u32, limits: PackLimits) -> Result<Self, DeltaError> {
        let progress = Progress::new(n_blobs, limits)?;
        let header = [&MAGIC[..], &[VERSION], &n_blobs.to_le_bytes()].concat();
        out.write_all(&header).map_err(DeltaError::WritePack)?;
        Ok(Self { out, progress })
    }

    /// Adds a blob: ascending by SHA-256.
    pub fn add(&mut self, sha256: Sha256, bytes: &[u8]) -> Result<(), DeltaError> {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.progress.check(&sha256, length)?;
        let head = [&sha256.0[..], &length.to_le_bytes()].concat();
        self.out.write_all(&head).map_err(DeltaError::WritePack)?;
        self.out.write_all(bytes).map_err(DeltaError::WritePack)?;
        self.progress.advance(sha256, length);
        Ok(())
    }

    /// Ends the pack, and returns what it was written to.
    ///
    /// # Errors
    ///
    /// [`DeltaError::Pack`] if blobs are still missing.
    pub fn finish(mut self) -> Result<W, DeltaError> {
        if !self.progress.is_whole() {
            return Err(self.progress.wrong("is missing"));
        }
        self.out.flush().map_err(DeltaError::WritePack)?;
        Ok(self.out)
    }
}

/// A blob of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackedBlob<'a> {
    /// What the pack calls it.
    pub sha256: Sha256,
    /// Where its bytes begin in the pack.
    pub start: u64,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// Reads a pack blob by blob. It asks for no byte behind the pack's last.
///
/// After an error it is of no more use.
#[derive(Debug)]
pub struct PackReader<R> {
    input: R,
    progress: Progress,
    bytes: Vec<u8>,
}

impl<R: Read> PackReader<R> {
    /// Reads the header.
    pub fn new(mut input: R, limits: PackLimits) -> Result<Self, DeltaError> {
        let mut header = [0; HEADER_BYTES];
        let broken = |source| DeltaError::ReadPack { blob: 0, source };
        input.read_exact(&mut header).map_err(broken)?;
        let n_blobs = decode(&header).map_err(|problem| DeltaError::PackHeader { problem })?;
        Ok(Self { input, progress: Progress::new(n_blobs, limits)?, bytes: Vec::new() })
    }

    /// Returns how many blobs the pack announces.
    pub const fn n_blobs(&self) -> u32 {
        self.progress.n_blobs
    }

    /// Returns the next blob, or nothing behind the last.
    pub fn next_blob(&mut self) -> Result<Option<PackedBlob<'_>>, DeltaError> {
        if self.progress.is_whole() {
            return Ok(None);
        }
        let mut head = [0; HEAD_BYTES];
        self.input.read_exact(&mut head).map_err(self.progress.broken())?;
        let (sha256, length) = decode_head(&head).ok_or_else(|| self.progress.wrong("is too short"))?;
        // Before the buffer grows: a length is no reason to have the memory.
        self.progress.check(&sha256, length)?;
        self.bytes.resize(length as usize, 0);
        self.input.read_exact(&mut self.bytes).map_err(self.progress.broken())?;
        let start = self.progress.next_start();
        self.progress.advance(sha256, length);
        Ok(Some(PackedBlob { sha256, start, bytes: &self.bytes }))
    }
}

/// Returns the number of blobs.
fn decode(mut header: &[u8]) -> Result<u32, &'static str> {
    let rest = &mut header;
    if take(rest) != Some(MAGIC) {
        return Err("does not begin as one");
    }
    if take_u8(rest) != Some(VERSION) {
        return Err("has another version than 1");
    }
    take_u32(rest).ok_or("ends too early")
}

fn decode_head(mut head: &[u8]) -> Option<(Sha256, u32)> {
    let rest = &mut head;
    Some((Sha256(take(rest)?), take_u32(rest)?))
}
