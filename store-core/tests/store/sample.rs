//! Small charms to publish.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use bytes::Bytes;
use charm_archive::{author_tree, build};
use charm_model::digest::{Content, Sha256};
use charm_model::name::StreamName;
use charm_model::reference::Reference;
use charm_model::rights::{Caller, Identity, Scope};
use charm_model::shape::{ManifestFile, Place};
use v4_wire::publish::{PlanRequest, StreamFile};

/// A charm for jammy and focal, and what is published with it.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) base: String,
    pub(crate) archive: Option<Bytes>,
    pub(crate) streams: BTreeMap<StreamName, BTreeMap<Place, Bytes>>,
}

impl Sample {
    /// Returns a charm without resources. Another word makes it another revision.
    pub(crate) fn new(base: &str, word: &str) -> Self {
        Self::declaring(base, word, &[])
    }

    /// Returns a charm that declares these files for each stream; the first stream is the default one.
    pub(crate) fn declaring(base: &str, word: &str, streams: &[(&str, &[&str])]) -> Self {
        let (_, name) = base.split_once('/').unwrap();
        let mut files = BTreeMap::new();
        files.insert(
            "metadata.yaml",
            format!("name: {name}\nsummary: {word}\nformat: 3\nseries: [jammy, focal]\n"),
        );
        if let Some((default, _)) = streams.first() {
            files.insert("resources.yaml", resources_yaml(default, streams));
        }
        Self { base: base.to_owned(), archive: Some(archive(&files)), streams: BTreeMap::new() }
    }

    /// Adds a file that is published with the charm.
    pub(crate) fn with(mut self, stream: &str, place: &str, bytes: impl Into<Bytes>) -> Self {
        let (tree, path) = place.split_once('/').unwrap();
        let place = Place { tree: tree.parse().unwrap(), path: path.parse().unwrap() };
        self.streams.entry(stream.parse().unwrap()).or_default().insert(place, bytes.into());
        self
    }

    /// Leaves the archive out: only resources are published, for the newest charm.
    pub(crate) fn without_archive(self) -> Self {
        Self { archive: None, ..self }
    }

    pub(crate) fn plan(&self) -> PlanRequest {
        let file = |(place, bytes): (&Place, &Bytes)| StreamFile {
            place: place.clone(),
            file: ManifestFile { content: Content::of(bytes), executable: false },
        };
        let streams = self.streams.iter();
        PlanRequest {
            base: self.base.parse().unwrap(),
            series: None,
            archive: self.archive.as_ref().map(|bytes| Content::of(bytes)),
            streams: streams.map(|(name, files)| (name.clone(), files.iter().map(file).collect())).collect(),
            dry_run: false,
        }
    }

    /// Returns everything that is published, by digest.
    pub(crate) fn blobs(&self) -> BTreeMap<Sha256, Bytes> {
        let files = self.streams.values().flat_map(BTreeMap::values);
        let all = self.archive.iter().chain(files);
        all.map(|bytes| (Content::of(bytes).digests.sha256, bytes.clone())).collect()
    }
}

fn resources_yaml(default: &str, streams: &[(&str, &[&str])]) -> String {
    let mut text = format!("default-stream: {default}\nstreams:\n");
    for (stream, places) in streams {
        let files: Vec<_> = places.iter().map(|place| place.strip_prefix("common/").unwrap()).collect();
        writeln!(text, "  {stream}: {{common: [{}]}}", files.join(", ")).unwrap();
    }
    text
}

fn archive(files: &BTreeMap<&str, String>) -> Bytes {
    let directory = tempfile::tempdir().unwrap();
    for (path, text) in files {
        fs::write(directory.path().join(path), text).unwrap();
    }
    let (tree, _) = author_tree::read(directory.path()).unwrap();
    let mut bytes = Vec::new();
    build(directory.path(), &tree, &mut bytes).unwrap();
    bytes.into()
}

/// Returns bytes that never repeat: the same for the same word.
pub(crate) fn bytes(word: &str, n_bytes: usize) -> Bytes {
    let mut bytes = vec![0; n_bytes];
    blake3::Hasher::new().update(word.as_bytes()).finalize_xof().fill(&mut bytes);
    bytes.into()
}

pub(crate) fn user(name: &str) -> Caller {
    let (name, groups) = (name.parse().unwrap(), BTreeSet::new());
    Caller::User(Identity { name, groups, scope: Scope::UNRESTRICTED, token: None })
}

pub(crate) fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}
