//! What other programs write and charms may have.

use std::io::{Cursor, Write as _};
use std::time::{Duration, Instant};

use charm_archive::Archive;
use charm_model::tree::EntryKind;
use test_case::test_case;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::zip_bytes::{Part, with_zip64_end, zip};
use crate::{assert_that_others_agree, content, read};

fn read_as_others_do(bytes: &[u8]) -> Archive {
    let archive = read(bytes).unwrap();
    assert_that_others_agree(bytes, &archive);
    archive
}

#[test_case(true, false; "as go and so juju writes it")]
#[test_case(false, false; "without its signature")]
#[test_case(true, true; "wide")]
#[test_case(false, true; "wide and without its signature")]
fn a_data_descriptor_is_taken(has_signature: bool, is_wide: bool) {
    let part = Part::deflated("hooks/install", b"#!/bin/sh\n");
    let descriptor = part.descriptor(has_signature, is_wide);
    let bytes = zip(&[part.described(&descriptor), Part::stored("revision", b"7")]);
    let archive = read(&bytes).unwrap();
    assert_that_others_agree(&bytes, &archive);
    assert_eq!(content(&bytes, archive.entry("hooks/install").unwrap()), b"#!/bin/sh\n");
}

#[test]
fn entries_come_sorted_whatever_the_order_of_the_archive() {
    let parts = ["b", "a/c", "a-b"].map(|name| Part::stored(name, name.as_bytes()));
    let archive = read_as_others_do(&zip(&parts));
    assert_eq!(archive.entries.iter().map(|it| it.path.as_str()).collect::<Vec<_>>(), ["a-b", "a/c", "b"]);
}

#[test]
fn the_same_tree_has_the_same_digest_however_it_is_packed() {
    let directory = Part::directory("hooks/");
    let file = Part::deflated("hooks/install", b"x").with(|it| it.attributes = 0o100_744 << 16);
    let packed_otherwise = Part::stored("hooks/install", b"x").with(|it| it.attributes = 0o100_511 << 16);
    let digests = [zip(&[directory, file.clone()]), zip(&[file]), zip(&[packed_otherwise])]
        .map(|bytes| read_as_others_do(&bytes).tree_digest);
    assert_eq!(digests, [digests[0]; 3]);
}

#[test]
fn kinds_are_what_the_mode_says() {
    let parts = [
        Part::stored("dos", b"").with(|it| (it.made_by, it.attributes) = (20, 0x20)),
        Part::directory("empty/"),
        Part::link("link", "dos"),
        Part::stored("python", b"").with(|it| it.attributes = 0o600 << 16),
        Part::stored("run", b"").with(|it| it.attributes = 0o100_755 << 16),
    ];
    let archive = read_as_others_do(&zip(&parts));
    let kinds: Vec<_> = archive.entries.into_iter().map(|it| it.kind).collect();
    let [plain, executable] = [false, true].map(|executable| EntryKind::File { executable });
    let link = EntryKind::Link { target: "dos".to_owned() };
    assert_eq!(kinds, [plain.clone(), EntryKind::Directory, link, plain, executable]);
}

#[test]
fn an_empty_archive_and_zip64_records_that_are_right_are_taken() {
    assert_eq!(read_as_others_do(&zip(&[])).entries, []);
    let bytes = with_zip64_end(zip(&[Part::stored("a", b"content")]), |_| ());
    assert_eq!(read_as_others_do(&bytes).entries.len(), 1);
}

#[test_case(CompressionMethod::Stored, false; "stored")]
#[test_case(CompressionMethod::Deflated, false; "deflated")]
#[test_case(CompressionMethod::Deflated, true; "with zip64 sizes")]
fn what_another_writer_makes_is_taken(method: CompressionMethod, is_large: bool) {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method).large_file(is_large);
    zip.add_directory("src", options).unwrap();
    zip.start_file("src/käse.py", options.unix_permissions(0o755)).unwrap();
    zip.write_all(&b"print()\n".repeat(1000)).unwrap();
    zip.add_symlink("src/link", "käse.py", options).unwrap();
    let bytes = zip.finish().unwrap().into_inner();
    let archive = read_as_others_do(&bytes);
    assert_eq!(archive.entries.len(), 3);
    assert_eq!(archive.entry("src/käse.py").unwrap().kind, EntryKind::File { executable: true });
}

#[test]
fn a_hundred_thousand_entries_are_read_in_seconds() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for n in 0..99_000 {
        zip.start_file(format!("{}/{n}", n % 1000), options).unwrap();
        zip.write_all(b"x").unwrap();
    }
    let bytes = zip.finish().unwrap().into_inner();
    let begun = Instant::now();
    assert_eq!(read(&bytes).unwrap().entries.len(), 99_000);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn an_archive_is_a_tree_for_the_model_s_checks() {
    let parts = [
        Part::stored("hooks/install", b"x"),
        Part::deflated("metadata.yaml", b"name: a"),
        Part::link("config.yaml", "metadata.yaml"),
        Part::stored("lib/actions.yaml", b""),
    ];
    let bytes = zip(&parts);
    let tree = read(&bytes).unwrap().tree(Cursor::new(&bytes)).unwrap();
    assert_eq!(
        tree.texts.into_iter().collect::<Vec<_>>(),
        [("metadata.yaml".to_owned(), b"name: a".to_vec())]
    );
    assert_eq!(tree.charm.iter().map(|it| it.size).collect::<Vec<_>>(), [0, 1, 0, 7]);
}
