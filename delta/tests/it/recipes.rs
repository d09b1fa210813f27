//! Recipes make their targets, in whole and in parts.

use std::io::Cursor;
use std::ops::Range;

use charm_model::digest::{Content, Sha256};
use delta::compose::DEFAULT_LEVEL;
use delta::recipe::{Frame, Header, Moved};
use delta::{DeltaError, Limits, RecipeReader, RecipeWriter, Sampled, Source};
use delta::{assemble, copy_recipe, patch_recipe, sample_patches};
use insta::assert_snapshot;
use proptest::prelude::*;
use proptest::sample::Index;
use test_case::test_case;

use crate::edits::{Shelf, edited, file, map, noise, slice};

fn copies(target: &[u8], part: Range<u64>, bases: &[&[u8]]) -> (Vec<u8>, Moved) {
    let maps: Vec<_> = bases.iter().map(|base| map(base)).collect();
    let maps: Vec<_> = maps.iter().collect();
    let mut recipe = Vec::new();
    let source = Source { bytes: Cursor::new(target), map: &map(target) };
    let moved = copy_recipe(source, part, &maps, DEFAULT_LEVEL, &mut recipe).unwrap();
    (recipe, moved)
}

fn patches(target: &[u8], part: Range<u64>, base: &[u8]) -> (Vec<u8>, Moved) {
    let mut recipe = Vec::new();
    let source = Source { bytes: Cursor::new(target), map: &map(target) };
    let base = Source { bytes: Cursor::new(base), map: &map(base) };
    let moved = patch_recipe(source, part, base, DEFAULT_LEVEL, &mut recipe).unwrap();
    (recipe, moved)
}

fn follow(recipe: &[u8], bases: &[&[u8]], n_bytes: u64) -> (Vec<u8>, Moved) {
    let mut made = Vec::new();
    let mut shelf = Shelf::of(bases);
    let moved = assemble(recipe, Limits::for_target(n_bytes), &mut shelf, &mut made).unwrap();
    assert_eq!(shelf.n_read, moved.base_bytes);
    (made, moved)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_recipe_of_copies_makes_its_part_of_the_target(
        (base, target) in edited(),
        other in file(),
        part in any::<[Index; 2]>(),
    ) {
        let part = range(part, target.len());
        let bases = [&other[..], &base[..]];
        let (recipe, written) = copies(&target, part.clone(), &bases);
        let (made, moved) = follow(&recipe, &bases, part.end - part.start);
        prop_assert!(made == slice(&target, part));
        prop_assert_eq!(moved, written);
        prop_assert_eq!(moved.recipe_bytes, recipe.len() as u64);
    }

    #[test]
    fn a_recipe_of_patches_makes_its_part_of_the_target(
        (base, target) in edited(),
        part in any::<[Index; 2]>(),
    ) {
        let part = range(part, target.len());
        let (recipe, written) = patches(&target, part.clone(), &base);
        let (made, moved) = follow(&recipe, &[&base[..]], part.end - part.start);
        prop_assert!(made == slice(&target, part));
        prop_assert_eq!(moved, written);
    }
}

fn range(ends: [Index; 2], size: usize) -> Range<u64> {
    let [a, b] = ends.map(|end| end.index(size + 1) as u64);
    a.min(b)..a.max(b)
}

#[test]
fn a_patch_moves_what_changed_and_little_else() {
    let base = noise(1, 40 << 20);
    let mut target = base.clone();
    for at in (0..target.len()).step_by(500_000) {
        target[at] ^= 1;
    }
    target.splice(1000..1000, noise(2, 100_000));
    let size = target.len() as u64;
    let (recipe, moved) = patches(&target, 0..size, &base);
    assert!(recipe.len() < 200_000, "{moved:?}");
    assert!(follow(&recipe, &[&base], size).0 == target);
    let (recipe, moved) = copies(&target, 0..size, &[&base]);
    assert!(recipe.len() < target.len() / 6, "{moved:?}");
}

#[test]
fn a_long_equal_range_is_copied_and_not_patched() {
    let base = noise(1, 4 << 20);
    let target = [&noise(2, 1000)[..], &base].concat();
    let (_, moved) = patches(&target, 0..target.len() as u64, &base);
    assert!(moved.copied_bytes > 3 << 20, "{moved:?}");
}

#[test]
fn what_does_not_compress_is_sent_as_it_is() {
    let target = noise(1, 1000);
    for (recipe, moved) in [copies(&target, 0..1000, &[]), patches(&target, 0..1000, b"")] {
        assert_eq!((moved.n_frames, moved.new_bytes), (1, 1000));
        assert!(recipe.ends_with(&target));
    }
}

fn sampled(target: &[u8], base: &[u8]) -> Sampled {
    let (target_map, base_map) = (map(target), map(base));
    let target = Source { bytes: Cursor::new(target), map: &target_map };
    sample_patches(target, Source { bytes: Cursor::new(base), map: &base_map }, DEFAULT_LEVEL).unwrap()
}

/// Changes a byte in every 4 KiB: no chunk stays, and nearly all bytes do.
fn rebuilt(base: &[u8]) -> Vec<u8> {
    let mut target = base.to_vec();
    target.iter_mut().step_by(4 << 10).for_each(|byte| *byte ^= 1);
    target
}

#[test]
fn samples_tell_what_patches_would_come_to() {
    let base = noise(1, 12 << 20);
    let other = sampled(&noise(2, 12 << 20), &base);
    assert_eq!(other, Sampled { target_bytes: 2 << 20, packed_bytes: 2 << 20 });
    let alike = sampled(&rebuilt(&base), &base);
    assert_eq!(alike.target_bytes, 2 << 20);
    assert!(alike.packed_bytes < 50_000, "{alike:?}");
    let moved = sampled(&rebuilt(&[&noise(3, 3 << 20), &base[..]].concat()), &base);
    assert!(moved.packed_bytes < moved.target_bytes / 2, "{moved:?}");
}

#[test]
fn only_what_would_not_be_copied_is_sampled() {
    let (base, new) = (noise(1, 4 << 20), noise(2, 300 << 10));
    assert_eq!(sampled(&base, &base), Sampled::default());
    let inserted = [&base[..2 << 20], &new, &base[2 << 20..]].concat();
    let sampled = sampled(&inserted, &base);
    assert!((100 << 10..500 << 10).contains(&sampled.target_bytes), "{sampled:?}");
    assert!(sampled.packed_bytes > sampled.target_bytes / 2, "{sampled:?}");
}

#[test]
fn recipes_can_follow_each_other_in_one_stream() {
    let (one, two) = (noise(1, 1000), vec![7; 1000]);
    let stream = [copies(&one, 0..1000, &[]).0, copies(&two, 0..1000, &[]).0].concat();
    let mut rest = &stream[..];
    for expected in [one, two] {
        let mut made = Vec::new();
        assemble(&mut rest, Limits::for_target(1000), &mut Shelf::default(), &mut made).unwrap();
        assert_eq!(made, expected);
    }
    assert!(rest.is_empty());
}

/// The recipe that [`the_bytes_of_a_recipe_never_change`] pins, but for what zstd makes of its segments.
fn one_of_each(out: &mut Vec<u8>, base: &[u8]) -> Result<Moved, DeltaError> {
    let bases = vec![Content::of(base).digests.sha256];
    let mut recipe = RecipeWriter::new(out, Header { target: 3..1110, bases })?;
    recipe.copy(0, 1, 4)?;
    recipe.add(Frame::Literal { length: 3 }, b"new")?;
    recipe.add(Frame::Zstd { raw_length: 1000, length: 19 }, ZEROS)?;
    let patch = Frame::Patch { base: 0, window_offset: 0, window_length: 100, raw_length: 100, length: 19 };
    recipe.add(patch, TURNED)?;
    recipe.finish()
}

/// A thousand zeros, as zstd 1.5.7 packs them.
const ZEROS: &[u8; 19] = &[40, 181, 47, 253, 96, 232, 2, 77, 0, 0, 16, 0, 0, 1, 0, 227, 43, 128, 5];
/// The last 37 bytes of the base and then the others, as zstd 1.5.7 packs them against all of it.
const TURNED: &[u8; 19] = &[40, 181, 47, 253, 32, 100, 85, 0, 0, 0, 2, 0, 100, 24, 9, 160, 71, 1, 1];

#[test]
fn the_bytes_of_a_recipe_never_change() {
    let base = noise(1, 100);
    let mut recipe = Vec::new();
    one_of_each(&mut recipe, &base).unwrap();
    assert_snapshot!(hex::encode(&recipe), @"524543495045010103000000000000005304000000000000ecbbd120ccfb466807f6d7ff8fa6ab65f0315174e530b87643abfbc0c6f2d74a01000100000000000000040000000000000002030000006e657703e80300001300000028b52ffd60e8024d00001000000100e32b80050400000000000000000064000000640000001300000028b52ffd2064550000000200641809a0470101");
    let (made, _) = follow(&recipe, &[&base], 1107);
    assert!(made == [&base[1..5], b"new", &[0; 1000], &base[63..], &base[..63]].concat());
}

fn patch_against(window_length: u32) -> Frame {
    Frame::Patch { base: 0, window_offset: 0, window_length, raw_length: 10, length: 5 }
}

const COPY: Frame = Frame::Copy { base: 0, offset: 0, length: 10 };

#[test_case(Frame::Copy { base: 1, offset: 0, length: 10 } => "refers to a base that the header does not name")]
#[test_case(Frame::Copy { base: 0, offset: u64::MAX, length: 10 } => "refers to bytes beyond 2^64")]
#[test_case(Frame::Copy { base: 0, offset: 0, length: 0 } => "makes nothing")]
#[test_case(Frame::Copy { base: 0, offset: 0, length: 40_000_001 } => "makes more than is left of the target")]
#[test_case(Frame::Literal { length: 0 } => "makes nothing")]
#[test_case(Frame::Literal { length: (16 << 20) + 1 } => "is longer than a segment may be")]
#[test_case(Frame::Zstd { raw_length: 10, length: 10 } => "is not smaller than what it makes")]
#[test_case(Frame::Zstd { raw_length: 16 << 20, length: 100 } => "makes too much of too little")]
#[test_case(Frame::Zstd { raw_length: (16 << 20) + 1, length: 1 << 20 } => "is longer than a segment may be")]
#[test_case(patch_against(0) => "has an empty window")]
#[test_case(patch_against((64 << 20) + 1) => "has a longer window than it may have")]
fn writer_and_reader_refuse(frame: Frame) -> String {
    let header = Header { target: 0..40_000_000, bases: vec![Sha256([0; 32])] };
    let mut bytes = Vec::new();
    let mut writer = RecipeWriter::new(&mut bytes, header).unwrap();
    let payload = vec![0; frame.payload_bytes() as usize];
    let by_writer = writer.add(frame, &payload).unwrap_err().to_string();
    drop(writer);
    bytes.extend(crate::hostile::head(&frame));
    let mut reader = RecipeReader::new(&bytes[..], Limits::for_target(40_000_000)).unwrap();
    let by_reader = reader.next_piece(&mut Shelf::default()).unwrap_err().to_string();
    assert_eq!(by_reader, by_writer);
    by_reader.strip_prefix("frame `0` of the recipe, for byte `0` of the target, ").unwrap().to_owned()
}

#[test]
fn many_windows_for_few_bytes_are_refused() {
    let header = Header { target: 0..100, bases: vec![Sha256([0; 32])] };
    let mut writer = RecipeWriter::new(Vec::new(), header).unwrap();
    let patch = patch_against(4 << 20);
    writer.add(patch, b"patch").unwrap();
    let error = writer.add(patch, b"patch").unwrap_err();
    assert_snapshot!(error, @"frame `1` of the recipe, for byte `10` of the target, reads more of bases than the recipe may");
}

#[test]
fn many_frames_for_few_bytes_are_refused() {
    let header = Header { target: 0..100, bases: Vec::new() };
    let mut writer = RecipeWriter::new(Vec::new(), header).unwrap();
    let refused = (0..100).find_map(|_| writer.add(Frame::Literal { length: 1 }, b"x").err()).unwrap();
    assert_snapshot!(refused, @"frame `64` of the recipe, for byte `64` of the target, is one frame too many for what the recipe makes");
}

#[test]
fn a_recipe_that_lacks_bytes_is_not_finished() {
    let header = Header { target: 0..11, bases: vec![Sha256([0; 32])] };
    let mut writer = RecipeWriter::new(Vec::new(), header).unwrap();
    writer.add(COPY, b"").unwrap();
    assert!(matches!(writer.finish(), Err(DeltaError::Frame { frame: 1, at: 10, .. })));
}

#[test]
fn a_recipe_for_more_than_is_wanted_is_refused_at_once() {
    let (recipe, _) = copies(&[7; 1000], 0..1000, &[]);
    let error = RecipeReader::new(&recipe[..], Limits::for_target(999)).unwrap_err();
    assert_snapshot!(error, @"the recipe makes more bytes than are wanted");
}

#[test]
fn a_base_that_is_shorter_than_a_recipe_says_is_named() {
    let base = noise(1, 100_000);
    let (recipe, _) = copies(&base, 0..100_000, &[&base]);
    let mut sink = Vec::new();
    let error =
        assemble(&recipe[..], Limits::for_target(100_000), &mut Shelf::default(), &mut sink).unwrap_err();
    assert!(matches!(error, DeltaError::Base { offset: 0, length: 100_000, .. }), "{error}");
}
