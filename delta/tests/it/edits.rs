//! Files, their edits, and bases in memory.

use std::collections::HashMap;
use std::io;
use std::ops::Range;

use charm_model::digest::{Content, Sha256};
use delta::{Bases, ChunkMap, ChunkerId};
use proptest::prelude::*;

/// Returns bytes that do not compress, the same for the same seed.
pub(crate) fn noise(seed: u8, n_bytes: usize) -> Vec<u8> {
    let mut bytes = vec![0; n_bytes];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    bytes
}

/// Returns bytes that compress to about half.
fn text(seed: u8, n_bytes: usize) -> Vec<u8> {
    noise(seed, n_bytes).into_iter().map(|byte| b'a' + byte % 16).collect()
}

pub(crate) fn map(bytes: &[u8]) -> ChunkMap {
    ChunkMap::of(ChunkerId::FastCdc32K, bytes)
}

/// Returns a range of a file that is in memory.
pub(crate) fn slice(bytes: &[u8], range: Range<u64>) -> &[u8] {
    &bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
}

/// A file: runs of noise, text and zeros.
pub(crate) fn file() -> impl Strategy<Value = Vec<u8>> {
    let run = (0..3, any::<u8>(), 0..200_000_usize).prop_map(|(kind, seed, n_bytes)| match kind {
        0 => noise(seed, n_bytes),
        1 => text(seed, n_bytes),
        _ => vec![0; n_bytes],
    });
    prop::collection::vec(run, 0..5).prop_map(|runs| runs.concat())
}

/// A file, and what became of it by edits that insert, delete, replace or move.
pub(crate) fn edited() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let edit = (0..4, any::<prop::sample::Index>(), 0..100_000_usize, any::<u8>());
    (file(), prop::collection::vec(edit, 0..6)).prop_map(|(base, edits)| {
        let mut target = base.clone();
        for (kind, at, n_bytes, seed) in edits {
            let start = at.index(target.len() + 1);
            let end = target.len().min(start + n_bytes);
            let new = noise(seed, n_bytes);
            let edited = match kind {
                0 => [&target[..start], &new[..], &target[start..]].concat(),
                1 => [&target[..start], &target[end..]].concat(),
                2 => [&target[..start], &new[..], &target[end..]].concat(),
                _ => [&target[start..end], &target[..start], &target[end..]].concat(),
            };
            target = edited;
        }
        (base, target)
    })
}

/// Bases by their digest, and how much was read of them.
#[derive(Default)]
pub(crate) struct Shelf {
    files: HashMap<Sha256, Vec<u8>>,
    pub(crate) n_read: u64,
}

impl Shelf {
    pub(crate) fn of(files: &[&[u8]]) -> Self {
        let files = files.iter().map(|file| (Content::of(file).digests.sha256, file.to_vec()));
        Self { files: files.collect(), n_read: 0 }
    }
}

impl Bases for Shelf {
    fn read_at(&mut self, base: &Sha256, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let file = self.files.get(base).ok_or(io::ErrorKind::NotFound)?;
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = start.checked_add(buffer.len()).and_then(|end| file.get(start..end));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        self.n_read += buffer.len() as u64;
        Ok(())
    }
}
