//! Archives with random damage: refused, or read as others read them; never a panic, never a file outside.

use std::fs;
use std::io::Cursor;

use charm_archive::unpack;
use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::zip_bytes::{Part, zip};
use crate::{assert_that_others_agree, read};

/// One change of some bytes.
#[derive(Debug, Clone)]
enum Damage {
    Set(usize, Vec<u8>),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    /// Copies bytes from one place over those of another.
    Copy(usize, usize, usize),
}

fn damages() -> impl Strategy<Value = Damage> {
    let place = || any::<usize>();
    let interesting = prop_oneof![
        vec(any::<u8>(), 1..5),
        Just(b"../".to_vec()),
        Just(b"/".to_vec()),
        Just(vec![0xff; 4]),
        Just(b"PK\x05\x06".to_vec()),
    ];
    prop_oneof![
        6 => (place(), interesting.clone()).prop_map(|(at, bytes)| Damage::Set(at, bytes)),
        1 => (place(), interesting).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        1 => (place(), 1_usize..30).prop_map(|(at, n)| Damage::Remove(at, n)),
        1 => (place(), place(), 1_usize..60).prop_map(|(from, to, n)| Damage::Copy(from, to, n)),
    ]
}

fn apply(bytes: &mut Vec<u8>, damage: Damage) {
    let end = bytes.len();
    match damage {
        Damage::Set(at, new) => overwrite(bytes, at % end, &new),
        Damage::Insert(at, new) => {
            bytes.splice(at % end..at % end, new);
        }
        Damage::Remove(at, n_bytes) if end > n_bytes + 1 => {
            let at = at % (end - n_bytes);
            bytes.drain(at..at + n_bytes);
        }
        Damage::Remove(..) => (),
        Damage::Copy(from, to, n_bytes) => {
            let from = from % end;
            let copied = bytes[from..end.min(from + n_bytes)].to_vec();
            overwrite(bytes, to % end, &copied);
        }
    }
}

fn overwrite(bytes: &mut [u8], at: usize, new: &[u8]) {
    let end = bytes.len().min(at + new.len());
    bytes[at..end].copy_from_slice(&new[..end - at]);
}

fn good() -> Vec<u8> {
    let described = Part::deflated("hooks/start", b"start start start");
    let descriptor = described.descriptor(true, false);
    zip(&[
        Part::directory("hooks/"),
        Part::stored("hooks/install", b"#!/bin/sh\n"),
        described.described(&descriptor),
        Part::link("hooks/stop", "start"),
        Part::stored("a", b"a"),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn damage_is_refused_or_harmless(damages in vec(damages(), 1..4)) {
        let mut bytes = good();
        for damage in damages {
            apply(&mut bytes, damage);
        }
        if let Ok(archive) = read(&bytes) {
            assert_that_others_agree(&bytes, &archive);
            let dir = TempDir::new().unwrap();
            unpack(Cursor::new(&bytes), &archive, &dir.path().join("tree")).unwrap();
            prop_assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }
}
