//! Recipes through deflate: small where little changed, right whatever the files are.

use std::fs;
use std::io::{Cursor, Write as _};

use delta::compose::DEFAULT_LEVEL;
use delta::{DeltaError, Limits, RecipeReader, Source, best_recipe, follow};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use proptest::prelude::*;
use proptest::sample::Index;
use tempfile::TempDir;
use test_case::test_case;

use crate::edits::{Shelf, edited, map, noise};

/// What files are packed in.
#[derive(Debug, Clone, Copy)]
enum Pack {
    Gzip,
    Member,
    GzipInGzip,
    /// A member, in three streams of a zip, of which the first never changes.
    Members,
}

fn gzip(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::new(level));
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn member(name: &str, bytes: &[u8], level: u32) -> Vec<u8> {
    let mut stream = DeflateEncoder::new(Vec::new(), Compression::new(level));
    stream.write_all(bytes).unwrap();
    let packed = stream.finish().unwrap();
    let mut member = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0".to_vec();
    for number in [0, packed.len(), bytes.len()] {
        member.extend(u32::try_from(number).unwrap().to_le_bytes());
    }
    member.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
    member.extend([0, 0]);
    [member, name.into(), packed].concat()
}

fn packed(pack: Pack, bytes: &[u8], level: u32) -> Vec<u8> {
    match pack {
        Pack::Gzip => gzip(bytes, level),
        Pack::Member => member("only", bytes, level),
        Pack::GzipInGzip => gzip(&[b"outside", &gzip(bytes, level)[..], b"outside"].concat(), level),
        Pack::Members => {
            let (one, other) = bytes.split_at(bytes.len() / 2);
            let same = "never changes ".repeat(1000);
            [
                member("same", same.as_bytes(), level),
                member("one", one, level),
                member("other", other, level),
                b"PK\x01\x02 and so on".to_vec(),
            ]
            .concat()
        }
    }
}

/// Returns text that deflates to about a half.
fn text(words: impl Iterator<Item = u32>) -> Vec<u8> {
    let mut text = Vec::new();
    for word in words {
        write!(text, "word {:x} of many. ", word.wrapping_mul(0x9E37_79B9)).unwrap();
    }
    text
}

fn best(target: &[u8], base: &[u8]) -> Vec<u8> {
    let scratch = TempDir::new().unwrap();
    let (target_map, base_map) = (map(target), map(base));
    let mut recipe = Vec::new();
    let source = Source { bytes: Cursor::new(target), map: &target_map };
    let base = Source { bytes: Cursor::new(base), map: &base_map };
    let n_bytes = best_recipe(source, base, DEFAULT_LEVEL, scratch.path(), &mut recipe).unwrap().unwrap();
    assert_eq!(n_bytes, recipe.len() as u64);
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    recipe
}

fn followed(recipe: &[u8], n_bytes: usize, base: &[u8]) -> Result<Vec<u8>, DeltaError> {
    let scratch = TempDir::new().unwrap();
    let mut target = Vec::new();
    let limits = Limits::for_target(n_bytes as u64);
    let moved = follow(recipe, limits, &mut Shelf::of(&[base]), scratch.path(), &mut target)?;
    assert_eq!((moved.target_bytes(), moved.recipe_bytes), (target.len() as u64, recipe.len() as u64));
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    Ok(target)
}

const FORM: usize = 6;

#[test_case(Pack::Gzip, 1; "gzip, fast")]
#[test_case(Pack::Gzip, 6; "gzip")]
#[test_case(Pack::Gzip, 9; "gzip, best")]
#[test_case(Pack::Member, 6; "a zip of one")]
#[test_case(Pack::Members, 6; "a zip")]
#[test_case(Pack::GzipInGzip, 6; "gzip in gzip")]
fn what_changed_a_little_inside_takes_a_little(pack: Pack, level: u32) {
    let old = text(0..60_000);
    let new = text((0..20_000).chain([77]).chain(20_000..60_000));
    let [base, target] = [&old, &new].map(|bytes| packed(pack, bytes, level));
    let recipe = best(&target, &base);
    assert_eq!(recipe[FORM], 2);
    assert!(recipe.len() < target.len() / 10, "{} of {}", recipe.len(), target.len());
    assert!(followed(&recipe, target.len(), &base).unwrap() == target);
}

#[test]
fn what_is_no_deflate_gets_a_plain_recipe() {
    let base = noise(1, 300_000);
    let target =
        [&base[..100_000], b"PK\x03\x04\x14\0\0\0\x08\0", b"\x1f\x8b\x08\0", &base[90_000..]].concat();
    let recipe = best(&target, &base);
    assert_eq!(recipe[FORM], 1);
    assert!(followed(&recipe, target.len(), &base).unwrap() == target);
}

#[test]
fn a_reader_of_plain_recipes_says_that_it_does_not_know_this_version() {
    let [base, target] = [0..9000, 1..9000].map(|words| packed(Pack::Gzip, &text(words), 6));
    let error =
        RecipeReader::new(&best(&target, &base)[..], Limits::for_target(target.len() as u64)).unwrap_err();
    assert_eq!(error.to_string(), "the recipe has another version than 1");
}

#[test]
fn recipes_of_both_forms_follow_each_other_in_one_stream() {
    let [base, target] = [0..9000, 1..9000].map(|words| packed(Pack::Gzip, &text(words), 6));
    let folded = best(&target, &base);
    let plain = best(&base, &target);
    let mut stream = Cursor::new([&folded[..], &folded, &plain].concat());
    let scratch = TempDir::new().unwrap();
    for (made, of) in [(&target, &base), (&target, &base), (&base, &target)] {
        let mut bytes = Vec::new();
        let limits = Limits::for_target(made.len() as u64);
        follow(&mut stream, limits, &mut Shelf::of(&[of]), scratch.path(), &mut bytes).unwrap();
        assert!(bytes == *made);
    }
}

#[test]
fn a_base_that_is_another_file_is_an_error_or_makes_another_target() {
    let [base, target] = [0..9000, 1..9000].map(|words| packed(Pack::Gzip, &text(words), 6));
    let recipe = best(&target, &base);
    let other = Shelf::default();
    let error = follow(
        &recipe[..],
        Limits::for_target(1 << 20),
        &mut { other },
        &std::env::temp_dir(),
        &mut Vec::new(),
    );
    assert!(matches!(error, Err(DeltaError::Base { .. })), "{error:?}");
}

#[test]
fn a_folded_recipe_for_more_than_is_wanted_is_refused() {
    let [base, target] = [0..9000, 1..9000].map(|words| packed(Pack::Gzip, &text(words), 6));
    let error = followed(&best(&target, &base), target.len() - 1, &base).unwrap_err();
    assert_eq!(error.to_string(), "the recipe makes more bytes than are wanted");
}

fn pack() -> impl Strategy<Value = Pack> {
    prop::sample::select(vec![Pack::Gzip, Pack::Member, Pack::GzipInGzip, Pack::Members])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_pair_makes_its_target((old, new) in edited(), pack in pack(), levels in (0..10_u32, 0..10_u32)) {
        let (base, target) = (packed(pack, &old, levels.0), packed(pack, &new, levels.1));
        let recipe = best(&target, &base);
        prop_assert!(followed(&recipe, target.len(), &base).unwrap() == target);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_spoilt_recipe_exceeds_nothing(
        pack in pack(),
        spoilt in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4),
        cut in any::<Index>(),
    ) {
        let old = text(0..2000);
        let new = text((0..1000).chain([5]).chain(1000..2000));
        let [base, target] = [&old, &new].map(|bytes| packed(pack, bytes, 6));
        let mut recipe = best(&target, &base);
        prop_assert_eq!(recipe[FORM], 2);
        for (at, byte) in spoilt {
            let at = at.index(recipe.len());
            recipe[at] = byte;
        }
        recipe.truncate(recipe.len() - cut.index(recipe.len()) / 8);
        let limits = Limits::for_target(target.len() as u64);
        let (mut made, scratch) = (Vec::new(), TempDir::new().unwrap());
        let outcome = follow(&recipe[..], limits, &mut Shelf::of(&[&base]), scratch.path(), &mut made);
        prop_assert!(made.len() <= target.len());
        prop_assert!(outcome.is_err() || made.len() as u64 == outcome.unwrap().target_bytes());
    }
}
