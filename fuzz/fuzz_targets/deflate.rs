//! Files with deflate in them: what is made of one as the target, and of the other as the base, makes the target again.

#![no_main]

use std::io::{self, Cursor};

use charm_model::digest::Sha256;
use delta::{Bases, ChunkMap, ChunkerId, Limits, Source, best_recipe, follow};
use libfuzzer_sys::fuzz_target;

struct Base<'a>(&'a [u8]);

impl Bases for Base<'_> {
    fn read_at(&mut self, _: &Sha256, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let bytes = usize::try_from(offset).ok().and_then(|start| self.0.get(start..)?.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Puts a gzip header before each half, so that streams are found.
fn file(bytes: &[u8]) -> Vec<u8> {
    let (one, other) = bytes.split_at(bytes.len() / 2);
    let header = b"\x1f\x8b\x08\0\0\0\0\0\0\x03";
    [&header[..], one, b"between", header, other].concat()
}

fuzz_target!(|bytes: &[u8]| {
    let scratch = std::env::temp_dir();
    let (target, base) = (file(bytes), file(&bytes[bytes.len() / 3..]));
    let [target_map, base_map] = [&target, &base].map(|bytes| ChunkMap::of(ChunkerId::FastCdc32K, bytes));
    let source = Source { bytes: Cursor::new(&target), map: &target_map };
    let of = Source { bytes: Cursor::new(&base), map: &base_map };
    let mut recipe = Vec::new();
    best_recipe(source, of, 1, &scratch, &mut recipe)
        .expect("a recipe is made of any two files")
        .expect("small files are always tried");
    let (limits, mut made) = (Limits::for_target(target.len() as u64), Vec::new());
    follow(&recipe[..], limits, &mut Base(&base), &scratch, &mut made).expect("a recipe is followed");
    assert!(made == target);
});
