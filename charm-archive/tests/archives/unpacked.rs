//! Archives as files: what was packed, in a fresh directory, and nothing outside of it.

use std::fs;
use std::io::Cursor;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use charm_archive::{Archive, ArchiveError, author_tree, unpack};
use charm_model::tree::EntryKind;
use proptest::prelude::*;
use tempfile::TempDir;
use test_case::test_case;

use crate::built::{built, trees};
use crate::zip_bytes::{Part, zip};
use crate::{read, write};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_tree_survives_being_packed_and_unpacked(tree in trees()) {
        let dir = TempDir::new().unwrap();
        let source = dir.path().join("source");
        fs::create_dir(&source).unwrap();
        for (path, (kind, content)) in &tree {
            write(&source, path, kind, content);
        }
        let (bytes, built_once) = built(&source);
        let dest = dir.path().join("dest");
        unpack(Cursor::new(&bytes), &read(&bytes).unwrap(), &dest).unwrap();
        prop_assert_eq!(author_tree::read(&dest).unwrap().0.charm, author_tree::read(&source).unwrap().0.charm);
        prop_assert_eq!(built(&dest), (bytes, built_once));
    }
}

fn sample() -> (Vec<u8>, Archive) {
    let run = Part::deflated("hooks/install", b"#!/bin/sh\n").with(|it| it.attributes = 0o100_700 << 16);
    let bytes =
        zip(&[run, Part::stored("a", b"a"), Part::link("hooks/start", "install"), Part::directory("d/")]);
    let archive = read(&bytes).unwrap();
    (bytes, archive)
}

fn mode(file: &Path) -> u32 {
    file.metadata().unwrap().permissions().mode() & 0o7777
}

#[test]
fn modes_are_juju_s_whatever_the_umask() {
    let dir = TempDir::new().unwrap();
    let dest = dir.path().join("dest");
    let (bytes, archive) = sample();
    unpack(Cursor::new(&bytes), &archive, &dest).unwrap();
    let modes = ["", "a", "d", "hooks", "hooks/install"].map(|it| mode(&dest.join(it)));
    assert_eq!(modes, [0o755, 0o644, 0o755, 0o755, 0o755]);
    assert_eq!(fs::read_link(dest.join("hooks/start")).unwrap(), Path::new("install"));
}

#[test]
fn a_directory_that_exists_is_left_alone() {
    let dir = TempDir::new().unwrap();
    let (bytes, archive) = sample();
    let error = unpack(Cursor::new(&bytes), &archive, dir.path()).unwrap_err();
    assert!(matches!(error, ArchiveError::Io { action: "create", .. }));
    symlink("elsewhere", dir.path().join("link")).unwrap();
    assert!(unpack(Cursor::new(&bytes), &archive, &dir.path().join("link")).is_err());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

/// A table may come from elsewhere than the reader: from a catalog, or over the network.
#[test_case(|it| it.entries[0].path = "../a".to_owned(), "the name `../a` has a part `.` or `..`"; "path")]
#[test_case(|it| it.entries[0].kind = EntryKind::Link { target: "/etc".to_owned() }, "the link `a` to `/etc` is absolute"; "link")]
#[test_case(|it| it.entries[2].path = "hooks/start/x".to_owned(), "`hooks/start` is a file or link, and a directory for other entries"; "behind a link")]
#[test_case(|it| it.entries[0].sha256.0[0] ^= 1, "`a` is damaged: its SHA-256 differs"; "digest")]
#[test_case(|it| it.entries[0].crc32 ^= 1, "`a` is damaged: its CRC-32 differs"; "crc")]
fn a_table_that_lies_is_refused(lie: impl FnOnce(&mut Archive), why: &str) {
    let dir = TempDir::new().unwrap();
    let (bytes, mut archive) = sample();
    lie(&mut archive);
    let error = unpack(Cursor::new(&bytes), &archive, &dir.path().join("dest")).unwrap_err();
    assert_eq!(error.to_string(), why);
    assert!(!dir.path().join("a").exists());
}
