//! Charms to deploy.

use std::io::{Cursor, Write as _};

use charm_archive::{Archive, ArchiveLimits};
use charm_model::digest::Content;
use charm_model::shape::{Manifest, ManifestFile, Place};
use charm_model::timestamp::Timestamp;
use serde_json::json;
use v4_wire::publish::StreamFile;
use v4_wire::resolve::Resolution;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// An entry of an archive: a file, or a link.
pub(crate) enum Entry<'a> {
    File(&'a str, &'a str),
    Link(&'a str, &'a str),
}

/// One published charm with its resources.
#[derive(Clone)]
pub(crate) struct Sample {
    pub(crate) resolution: Resolution,
    pub(crate) archive: Vec<u8>,
    pub(crate) files: Vec<(Place, Vec<u8>)>,
}

impl Sample {
    /// A charm of that revision whose hook prints it, with resources given as `tree/path` and content.
    pub(crate) fn new(revision: u32, files: &[(&str, &str)]) -> Self {
        let hook = format!("#!/bin/sh\necho {revision}\n");
        Self::with_entries(revision, &[Entry::File("hooks/install", &hook)], files)
    }

    /// A charm of these entries, and a plain `metadata.yaml` if it is not among them.
    pub(crate) fn with_entries(revision: u32, entries: &[Entry<'_>], files: &[(&str, &str)]) -> Self {
        let archive = zip(entries);
        let files: Vec<_> = files.iter().map(|(at, text)| (place(at), text.as_bytes().to_vec())).collect();
        let resolution = resolution(revision, &archive, &files);
        Self { resolution, archive, files }
    }

    pub(crate) fn id(&self) -> String {
        self.resolution.id.to_string()
    }
}

pub(crate) fn place(text: &str) -> Place {
    let (tree, path) = text.split_once('/').unwrap();
    Place { tree: tree.parse().unwrap(), path: path.parse().unwrap() }
}

fn zip(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().unix_permissions(0o644);
    let metadata = Entry::File("metadata.yaml", "name: mysql\nsummary: s\ndescription: d\n");
    let has_metadata = entries.iter().any(|it| matches!(it, Entry::File("metadata.yaml", _)));
    for entry in (!has_metadata).then_some(&metadata).into_iter().chain(entries) {
        match entry {
            Entry::File(path, text) => {
                let mode = if path.starts_with("hooks/") { 0o755 } else { 0o644 };
                zip.start_file(*path, options.unix_permissions(mode)).unwrap();
                zip.write_all(text.as_bytes()).unwrap();
            }
            Entry::Link(path, target) => zip.add_symlink(*path, *target, options).unwrap(),
        }
    }
    zip.finish().unwrap().into_inner()
}

fn resolution(revision: u32, archive: &[u8], files: &[(Place, Vec<u8>)]) -> Resolution {
    let manifest = |content| ManifestFile { content, executable: false };
    let manifest =
        Manifest(files.iter().map(|(at, bytes)| (at.clone(), manifest(Content::of(bytes)))).collect());
    let table = Archive::read(Cursor::new(archive), archive.len() as u64, &ArchiveLimits::default());
    let content = Content::of(archive);
    // An archive that is refused has no tree; a store that means harm names any.
    let tree = table.map_or(content.digests.sha256, |table| table.tree_digest);
    let published = Timestamp::from_micros(0);
    let resources = json!({
        "stream": "stable", "revision": revision, "shape": manifest.shape().id(), "manifest": manifest.digest(),
        "published": published, "files": StreamFile::list(&manifest),
    });
    let answer = json!({
        "id": format!("~joe/precise/mysql-{revision}.stable.{revision}"), "kind": "charm", "channel": "stable",
        "rule": {"charm": "current", "resources": "current"}, "event": revision,
        "archive": {"size": content.size, "sha256": content.digests.sha256, "blake3": content.digests.blake3,
            "tree": tree, "published": published},
        "resources": resources,
    });
    serde_json::from_value(answer).unwrap()
}
