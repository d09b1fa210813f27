//! Recipes through deflate. The bytes are a recipe's parts, so that what lies behind lengths and frames is reached; or the
//! recipe itself.

#![no_main]

use std::io;

use charm_model::digest::Sha256;
use delta::{Bases, Limits, follow};
use libfuzzer_sys::fuzz_target;

const TARGET_BYTES: u64 = 64 << 10;

/// Any base has these bytes.
struct Base<'a>(&'a [u8]);

impl Bases for Base<'_> {
    fn read_at(&mut self, _: &Sha256, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let bytes = usize::try_from(offset).ok().and_then(|start| self.0.get(start..)?.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Splits off the first bytes, as many as the first one says.
fn split<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    let Some((&n_bytes, rest)) = bytes.split_first() else { return &[] };
    let (part, rest) = rest.split_at(rest.len().min(n_bytes.into()));
    *bytes = rest;
    part
}

/// Makes a list of folds: gap, text and method of each take a byte, two bytes and a byte.
fn folds(bytes: &[u8]) -> Vec<u8> {
    let mut list = Vec::new();
    let entries = bytes.chunks_exact(4);
    let n_folds = entries.len();
    for entry in entries {
        list.extend([entry[0] & 0x7f, entry[1] | 0x80, entry[2] & 0x7f, entry[3] % 11]);
    }
    if list.is_empty() {
        return vec![0; 12];
    }
    // A zstd frame of one raw block, whose lengths are in two bytes and in three. RFC 8878 §3.1.1.
    let n_list = u32::try_from(list.len()).unwrap();
    let size = if n_list < 256 {
        vec![0x20, n_list.to_le_bytes()[0]]
    } else {
        [vec![0x60], (n_list as u16 - 256).to_le_bytes().to_vec()].concat()
    };
    let block = &(n_list << 3 | 1).to_le_bytes()[..3];
    let frame = [&[0x28, 0xb5, 0x2f, 0xfd], &size[..], block, &list].concat();
    let numbers = [n_folds as u32, n_list, frame.len() as u32];
    [numbers.into_iter().flat_map(u32::to_le_bytes).collect(), frame].concat()
}

/// Makes a recipe of parts.
fn recipe(mut bytes: &[u8], base_bytes: usize) -> Vec<u8> {
    let (base_folds, target_folds) = (split(&mut bytes), split(&mut bytes));
    let n_target = split(&mut bytes).iter().fold(0, |number, byte| number << 8 & 0xffff | u64::from(*byte));
    let columns = [split(&mut bytes), split(&mut bytes), split(&mut bytes), split(&mut bytes)];
    let sections = [&[bytes], &columns[..]].concat();
    let mut recipe = b"RECIPE\x02".to_vec();
    recipe.extend(n_target.to_le_bytes());
    recipe.extend([7; 32]);
    recipe.extend((base_bytes as u64).to_le_bytes());
    // The body of the base's view, or all of it.
    recipe.push(n_target.to_le_bytes()[0] & 1);
    recipe.extend(sections.iter().flat_map(|section| (section.len() as u64).to_le_bytes()));
    recipe.extend(folds(base_folds));
    recipe.extend(folds(target_folds));
    let view = sections.concat();
    recipe.extend(b"RECIPE\x01\0");
    recipe.extend(0_u64.to_le_bytes());
    recipe.extend((view.len() as u64).to_le_bytes());
    if !view.is_empty() {
        recipe.push(2);
        recipe.extend(u32::try_from(view.len()).unwrap().to_le_bytes());
        recipe.extend(view);
    }
    recipe
}

fuzz_target!(|bytes: &[u8]| {
    let base = bytes.get(bytes.len() / 2..).unwrap_or_default();
    let limits = Limits::for_target(TARGET_BYTES);
    for recipe in [bytes.to_vec(), recipe(bytes, base.len())] {
        let mut target = Vec::new();
        let moved = follow(&recipe[..], limits, &mut Base(base), &std::env::temp_dir(), &mut target);
        assert!(target.len() as u64 <= TARGET_BYTES);
        if let Ok(moved) = moved {
            assert_eq!(moved.target_bytes(), target.len() as u64);
            assert!(moved.recipe_bytes <= recipe.len() as u64);
        }
    }
});
