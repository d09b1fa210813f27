//! Stores and charms that mean harm, or are broken: nothing they say reaches what a unit runs.

use charm_model::digest::Content;
use test_case::test_case;
use v4_wire::resolve::Kind;

use crate::sample::{Entry, Sample};
use crate::store::Store;
use crate::unit::{Unit, exists};

const FILES: &[(&str, &str)] = &[("common/base.zip", "base")];

/// Says how an installation is refused, after checking that nothing came of it.
fn refusal(sample: &Sample) -> (i32, String) {
    let store = Store::with(sample);
    let unit = Unit::new(&store);
    let refused = unit.install().refused();
    assert_eq!(unit.running(), None);
    assert!(!exists(&unit.dir().join("charm")));
    refused
}

#[test_case(&Entry::Link("resources", "/etc"); "a link out of the tree")]
#[test_case(&Entry::Link("resources", "hooks"); "a link where the resources belong")]
#[test_case(&Entry::Link("resources/common", "../hooks"); "a link where a tree belongs")]
#[test_case(&Entry::File("resources/base.zip", "trap"); "a file where a flat link belongs")]
#[test_case(&Entry::File("resources", "trap"); "a file where the directory belongs")]
fn an_archive_with_something_where_resources_belong_is_refused(entry: &Entry<'_>) {
    let entries = [
        Entry::File("hooks/install", ""),
        match entry {
            Entry::File(path, text) => Entry::File(path, text),
            Entry::Link(path, target) => Entry::Link(path, target),
        },
    ];
    assert_eq!(refusal(&Sample::with_entries(1, &entries, FILES)), (9, "E-ARCHIVE".to_owned()));
}

#[test]
fn bytes_that_are_not_the_promised_ones_change_nothing() {
    let mut sample = Sample::new(1, FILES);
    sample.files[0].1 = b"evil".to_vec();
    assert_eq!(refusal(&sample), (9, "E-DIGEST".to_owned()));
}

#[test]
fn a_list_that_is_not_the_manifest_s_is_refused() {
    let mut sample = Sample::new(1, FILES);
    let resources = sample.resolution.resources.as_mut().unwrap();
    resources.files[0].file.content = Content::of(b"evil");
    sample.files[0].1 = b"evil".to_vec();
    assert_eq!(refusal(&sample), (9, "E-CONTRADICTION".to_owned()));
}

#[test]
fn an_archive_of_another_tree_is_refused() {
    let mut sample = Sample::new(1, FILES);
    sample.resolution.archive.tree = sample.resolution.archive.content.digests.sha256;
    assert_eq!(refusal(&sample), (9, "E-CONTRADICTION".to_owned()));
}

#[test]
fn resources_that_collide_are_refused() {
    let sample = Sample::new(1, &[("common/a", "1"), ("amd64/a", "2")]);
    assert_eq!(refusal(&sample), (9, "E-ARCHIVE".to_owned()));
}

#[test]
fn a_format_that_is_not_known_is_refused() {
    let metadata = "name: mysql\nsummary: s\ndescription: d\nformat: 4\n";
    let sample = Sample::with_entries(1, &[Entry::File("metadata.yaml", metadata)], FILES);
    assert_eq!(refusal(&sample), (9, "E-UNFIT".to_owned()));
}

#[test]
fn resources_that_the_charm_does_not_declare_are_refused() {
    let declaration = "default-stream: stable\nstreams:\n  stable:\n    common: [base.zip, more.zip]\n";
    let sample = Sample::with_entries(1, &[Entry::File("resources.yaml", declaration)], FILES);
    assert_eq!(refusal(&sample), (9, "E-SHAPE-MISMATCH".to_owned()));
}

#[test]
fn what_arrived_before_a_failure_is_not_fetched_again() {
    let right = Sample::new(1, &[("common/a", "a"), ("common/b", "b")]);
    let mut wrong = right.clone();
    wrong.files[1].1 = b"c".to_vec();
    let store = Store::with(&wrong);
    let unit = Unit::new(&store);
    assert_eq!(unit.install().refused(), (9, "E-DIGEST".to_owned()));
    store.take_asked();
    store.release(&right);
    unit.install().ok();
    assert!(!store.take_asked().contains(&"archive".to_owned()));
}

#[test]
fn a_bundle_is_refused() {
    let mut sample = Sample::new(1, FILES);
    sample.resolution.kind = Kind::Bundle;
    assert_eq!(refusal(&sample), (2, "E-BUNDLE".to_owned()));
}
