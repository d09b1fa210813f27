//! Cuts that never move, and maps that are read strictly.

use std::io::Cursor;

use charm_model::digest::Content;
use delta::{ChunkMap, ChunkMapBuilder, ChunkerId, DeltaError};
use insta::assert_snapshot;
use proptest::prelude::*;
use test_case::test_case;

use crate::edits::{file, map, noise};

/// Whoever changes these numbers makes every stored map useless: it is a new `ChunkerId`.
#[test]
fn cuts_never_move() {
    let map = map(&noise(1, 700_000));
    let lengths: Vec<_> = map.chunks().iter().map(|chunk| chunk.length).collect();
    assert_snapshot!(format!("{lengths:?}"), @"[54635, 47401, 64114, 48018, 15026, 8277, 63008, 42392, 46632, 38866, 12045, 77009, 40869, 60519, 36342, 44847]");
    assert_snapshot!(blake3::hash(&map.encode()), @"a6de95bde28ab07b9b927b60111d5a8b80e0e5aeae066872d4618f320553ad8a");
}

#[test]
fn zeros_are_cut_at_the_greatest_length() {
    let lengths: Vec<_> = map(&vec![0; 300_000]).chunks().iter().map(|chunk| chunk.length).collect();
    assert_eq!(lengths, [131_072, 131_072, 37_856]);
}

#[test]
fn the_bytes_of_a_map_never_change() {
    assert_snapshot!(hex::encode(map(b"charm").encode()), @"4348554e4b4d415001010d0f110500000000000000b3a927cf63131517aecbd7b5934a4a84bdeb5116d56579d7e5917f5140201dcebc262ebbb218fae2dcbe6a327dbfa9f41911773ba1b1dfca5ca2af083e7738de05000000bc262ebbb218fae2dcbe6a327dbfa9f41911773ba1b1dfca5ca2af083e7738de");
}

#[test]
fn an_empty_blob_has_a_map_without_chunks() {
    let map = map(b"");
    assert!(map.chunks().is_empty());
    assert_eq!(ChunkMap::decode(&map.encode()).unwrap(), map);
}

const WRONG_LENGTH: &str = "has a chunk of a length that its chunker does not make";

fn whole() -> Vec<u8> {
    map(&noise(1, 100_000)).encode()
}

#[test_case(Vec::clear => "does not begin as one"; "nothing")]
#[test_case(|bytes| bytes[0] = b'c' => "does not begin as one"; "other magic")]
#[test_case(|bytes| bytes[8] = 2 => "has another version than 1"; "a later version")]
#[test_case(|bytes| bytes[10] = 12 => "has an unknown chunker"; "other sizes")]
#[test_case(|bytes| bytes.truncate(84) => "ends too early"; "half a header")]
#[test_case(|bytes| bytes.truncate(bytes.len() - 1) => "ends too early"; "half a chunk")]
#[test_case(|bytes| bytes.push(0) => "goes on behind its end"; "more than a map")]
#[test_case(|bytes| bytes[20] = 0xff => "ends too early"; "a size beyond the chunks")]
#[test_case(|bytes| bytes[13] -= 1 => "has more chunks than its size"; "a size within a chunk")]
#[test_case(|bytes| bytes[85..89].fill(0) => WRONG_LENGTH; "an empty chunk")]
#[test_case(|bytes| bytes[85..89].fill(0xff) => WRONG_LENGTH; "a giant chunk")]
fn refuses(spoil: fn(&mut Vec<u8>)) -> &'static str {
    let mut bytes = whole();
    spoil(&mut bytes);
    match ChunkMap::decode(&bytes) {
        Err(DeltaError::ChunkMap { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_map_does_not_depend_on_how_the_bytes_come(
        blob in file(),
        parts in prop::collection::vec(1..90_000_usize, 1..9),
    ) {
        let mut builder = ChunkMapBuilder::new(ChunkerId::FastCdc32K);
        let mut rest = &blob[..];
        for part in parts.iter().cycle() {
            let (now, later) = rest.split_at(rest.len().min(*part));
            builder.update(now);
            rest = later;
            if rest.is_empty() { break }
        }
        let whole = map(&blob);
        prop_assert_eq!(&builder.finish(), &whole);
        prop_assert_eq!(&ChunkMap::read(ChunkerId::FastCdc32K, Cursor::new(&blob)).unwrap(), &whole);
    }

    #[test]
    fn a_map_covers_its_blob_and_round_trips(blob in file()) {
        let map = map(&blob);
        let mut end = 0;
        for chunk in map.chunks() {
            prop_assert_eq!(chunk.offset, end);
            end = chunk.end();
            let range = usize::try_from(chunk.offset).unwrap()..usize::try_from(end).unwrap();
            prop_assert!(chunk.verify(&blob[range]).is_ok());
        }
        prop_assert_eq!(map.content(), &Content::of(&blob));
        prop_assert_eq!(end, map.content().size);
        let bytes = map.encode();
        prop_assert!(bytes.len() as u64 <= ChunkMap::max_encoded_bytes(map.chunker(), map.content().size));
        prop_assert_eq!(ChunkMap::decode(&bytes).unwrap(), map);
    }

    #[test]
    fn arbitrary_bytes_are_a_map_or_an_error(at in 0..400_usize, byte in any::<u8>(), cut in 0..500_usize) {
        let mut bytes = whole();
        bytes.truncate(cut.max(1));
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(map) = ChunkMap::decode(&bytes) {
            prop_assert_eq!(map.encode(), bytes);
        }
    }
}

#[test]
fn the_map_of_a_known_blob_is_that_of_its_bytes() {
    let bytes = noise(1, 3_000_000);
    let known = ChunkMap::read_known(ChunkerId::FastCdc32K, Content::of(&bytes), bytes.as_slice());
    assert_eq!(known.unwrap(), map(&bytes));
}

#[test_case(|bytes| bytes[70_000] ^= 1; "a flipped bit")]
#[test_case(|bytes| bytes.truncate(99_999); "a byte too few")]
#[test_case(|bytes| bytes.push(0); "a byte too many")]
fn a_damaged_blob_gets_no_map(spoil: fn(&mut Vec<u8>)) {
    let mut bytes = noise(1, 100_000);
    let content = Content::of(&bytes);
    spoil(&mut bytes);
    let refused = ChunkMap::read_known(ChunkerId::FastCdc32K, content, bytes.as_slice());
    assert!(matches!(refused, Err(DeltaError::OtherContent(sha256)) if sha256 == content.digests.sha256));
}
