//! Archives that we build: the same from any checkout, and read back as what they were built from.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes, Permissions};
use std::io::Cursor;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use charm_archive::{ArchiveError, Built, author_tree, build};
use charm_model::digest::Content;
use charm_model::tree::EntryKind;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::{assert_that_others_agree, content, read, write};

/// A tree: kinds and contents by path. Files are `f…`, links `l…`, directories `d…`, so none is in another's
/// way.
type Tree = BTreeMap<String, (EntryKind, Vec<u8>)>;

pub(crate) fn trees() -> impl Strategy<Value = Tree> {
    let bytes = prop_oneof![vec(any::<u8>(), 0..300), vec(Just(7), 0..5000)];
    let file = (any::<bool>(), bytes).prop_map(|(executable, it)| (EntryKind::File { executable }, it));
    let files = btree_map("(d[0-9]/){0,3}f[0-9éß .-]{0,4}", file, 0..8);
    let link = "f[0-9]".prop_map(|target| (EntryKind::Link { target: target.clone() }, target.into_bytes()));
    let links = btree_map("(d[0-9]/){0,2}l[0-9]", link, 0..4);
    let directories = btree_map("(d[0-9]/){0,2}d[0-9]", Just((EntryKind::Directory, Vec::new())), 0..3);
    (files, links, directories).prop_map(|(a, b, c)| a.into_iter().chain(b).chain(c).collect())
}

fn checkout<'a>(files: impl Iterator<Item = (&'a String, &'a (EntryKind, Vec<u8>))>) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (path, (kind, content)) in files {
        write(dir.path(), path, kind, content);
    }
    dir
}

/// Changes what must not matter: times, and the bits that another umask leaves.
fn disturb(dir: &Path) {
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            disturb(&path);
            fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        } else if kind.is_file() {
            let is_executable = entry.metadata().unwrap().permissions().mode() & 0o100 != 0;
            let long_ago = SystemTime::UNIX_EPOCH + Duration::from_hours(24);
            File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_times(FileTimes::new().set_modified(long_ago))
                .unwrap();
            fs::set_permissions(&path, Permissions::from_mode(if is_executable { 0o700 } else { 0o600 }))
                .unwrap();
        }
    }
}

pub(crate) fn built(dir: &Path) -> (Vec<u8>, Built) {
    let (tree, findings) = author_tree::read(dir).unwrap();
    assert_eq!(findings, []);
    let mut bytes = Vec::new();
    let built = build(dir, &tree, &mut bytes).unwrap();
    (bytes, built)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_same_tree_makes_the_same_bytes(tree in trees()) {
        let (one, other) = (checkout(tree.iter()), checkout(tree.iter().rev()));
        disturb(other.path());
        prop_assert_eq!(built(one.path()), built(other.path()));
    }

    #[test]
    fn what_is_built_is_read_back(tree in trees()) {
        let (bytes, built) = built(checkout(tree.iter()).path());
        let archive = read(&bytes).unwrap();
        prop_assert_eq!(built.content, Content::of(&bytes));
        prop_assert_eq!(built.tree_digest, archive.tree_digest);
        for (path, (kind, expected)) in &tree {
            let entry = archive.entry(path).unwrap();
            prop_assert_eq!(&entry.kind, kind);
            prop_assert_eq!(&content(&bytes, entry), expected);
            prop_assert_eq!(entry.sha256, Content::of(expected).digests.sha256);
        }
        assert_that_others_agree(&bytes, &archive);
    }
}

/// Pins the format: a change here gives every charm a new archive at its next publish.
#[test]
fn the_bytes_of_a_tree_are_these() {
    let dir = TempDir::new().unwrap();
    write(dir.path(), "hooks/install", &EntryKind::File { executable: true }, b"#!/bin/sh\n");
    write(dir.path(), "hooks/start", &EntryKind::Link { target: "install".to_owned() }, b"");
    write(dir.path(), "metadata.yaml", &EntryKind::File { executable: false }, b"name: a\n");
    let (_, built) = built(dir.path());
    insta::assert_snapshot!(built.tree_digest, @"sha256:823deea8ae4c8fe37b514026aa6c705c49c3725c4b5c7ebc6e0a0eb930ad8881");
    insta::assert_snapshot!(format!("{} bytes, {}", built.content.size, built.content.digests.sha256), @"441 bytes, sha256:ff199ca7a08ddc05a062ca2ed86e5d45eb8a1a5e392924a355a7a96c007149bd");
}

#[test]
fn a_tree_that_the_store_would_refuse_is_not_built() {
    let dir = TempDir::new().unwrap();
    write(dir.path(), "a", &EntryKind::Link { target: "../b".to_owned() }, b"");
    let (tree, _) = author_tree::read(dir.path()).unwrap();
    let mut bytes = Vec::new();
    let error = build(dir.path(), &tree, &mut bytes).unwrap_err();
    assert_eq!(error.finding().unwrap().code, "E-LINK-ESCAPES");
    assert!(bytes.is_empty());
}

#[test]
fn a_file_that_changes_meanwhile_is_noticed() {
    let dir = TempDir::new().unwrap();
    let plain = EntryKind::File { executable: false };
    write(dir.path(), "a", &plain, b"four");
    let (tree, _) = author_tree::read(dir.path()).unwrap();
    write(dir.path(), "a", &plain, b"sixsix");
    let error = build(dir.path(), &tree, Cursor::new(Vec::new())).unwrap_err();
    assert!(matches!(error, ArchiveError::Changed { .. }));
    fs::remove_file(dir.path().join("a")).unwrap();
    write(dir.path(), "a", &EntryKind::Link { target: "/etc/hostname".to_owned() }, b"");
    assert!(build(dir.path(), &tree, Cursor::new(Vec::new())).is_err(), "a link is not followed");
}
