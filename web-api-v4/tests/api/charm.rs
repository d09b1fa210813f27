//! Small charms to publish.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use charm_model::digest::{Content, Sha256};
use charm_model::shape::{ManifestFile, Place};
use serde_json::{Value, json};
use tempfile::TempDir;
use v4_wire::publish::{PlanRequest, StreamFile};

/// A charm's tree, and the files of its streams.
#[derive(Debug, Clone)]
pub(crate) struct Charm {
    name: String,
    series: Option<String>,
    files: BTreeMap<String, String>,
    streams: BTreeMap<String, BTreeMap<String, String>>,
    declared: BTreeMap<String, Vec<String>>,
    has_archive: bool,
}

impl Charm {
    /// Returns a multi-series charm without resources.
    pub(crate) fn named(name: &str) -> Self {
        let metadata =
            format!("name: {name}\nsummary: A sample\ndescription: A sample\nseries: [jammy, noble]\n");
        Self::of_tree(name, [("metadata.yaml", metadata.as_str()), ("hooks/install", "#!/bin/sh\nexit 0\n")])
    }

    /// Returns a charm of one series that its metadata does not name.
    pub(crate) fn of_series(name: &str, series: &str) -> Self {
        let metadata = format!("name: {name}\nsummary: A sample\ndescription: A sample\n");
        let charm = Self::of_tree(name, [("metadata.yaml", metadata.as_str())]);
        Self { series: Some(series.to_owned()), ..charm }
    }

    fn of_tree<'a>(name: &str, files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self {
            name: name.to_owned(),
            series: None,
            files: files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect(),
            streams: BTreeMap::new(),
            declared: BTreeMap::new(),
            has_archive: true,
        }
    }

    /// Adds or replaces a file of the tree.
    pub(crate) fn with_file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.to_owned());
        self
    }

    /// Declares the files of a stream, and has them. The stream `stable`, or else the first, is the default one.
    pub(crate) fn with_stream(self, stream: &str, files: &[(&str, &str)]) -> Self {
        let places: Vec<&str> = files.iter().map(|(place, _)| *place).collect();
        self.declaring(stream, &places).having(stream, files)
    }

    /// Declares the files of a stream without publishing any.
    pub(crate) fn declaring(mut self, stream: &str, places: &[&str]) -> Self {
        let places = places.iter().map(|place| (*place).to_owned()).collect();
        self.declared.insert(stream.to_owned(), places);
        self
    }

    /// Publishes these files of a stream, whatever is declared.
    pub(crate) fn having(mut self, stream: &str, files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(place, text)| ((*place).to_owned(), (*text).to_owned())).collect();
        self.streams.insert(stream.to_owned(), files);
        self
    }

    /// Leaves the archive out: only resources are published.
    pub(crate) fn resources_alone(self) -> Self {
        Self { has_archive: false, ..self }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the zip file.
    pub(crate) fn archive(&self) -> Vec<u8> {
        let dir = TempDir::new().unwrap();
        for (path, text) in self.files() {
            let file = dir.path().join(&path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, text).unwrap();
            let mode = if path.starts_with("hooks/") { 0o755 } else { 0o644 };
            fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
        }
        let (tree, findings) = charm_archive::author_tree::read(dir.path()).unwrap();
        assert_eq!(findings, []);
        let mut zip = Vec::new();
        charm_archive::build(dir.path(), &tree, &mut zip).unwrap();
        zip
    }

    fn files(&self) -> BTreeMap<String, String> {
        let mut files = self.files.clone();
        if !self.declared.is_empty() {
            files.entry("metadata.yaml".to_owned()).or_default().push_str("format: 3\n");
            files.insert("resources.yaml".to_owned(), self.resources_yaml());
        }
        files
    }

    /// JSON is YAML.
    fn resources_yaml(&self) -> String {
        let first = self.declared.keys().next().unwrap();
        let default = self.declared.keys().find(|stream| *stream == "stable").unwrap_or(first);
        let streams: BTreeMap<&String, Value> =
            self.declared.iter().map(|(stream, places)| (stream, json!(by_tree(places)))).collect();
        serde_json::to_string_pretty(&json!({ "default-stream": default, "streams": streams })).unwrap()
    }

    /// Returns what is to be published to `~owner/name`.
    pub(crate) fn plan(&self, owner: &str) -> PlanRequest {
        let stream =
            |files: &BTreeMap<String, String>| files.iter().map(|(at, text)| file(at, text)).collect();
        PlanRequest {
            base: format!("~{owner}/{}", self.name).parse().unwrap(),
            series: self.series.as_ref().map(|series| series.parse().unwrap()),
            archive: self.has_archive.then(|| Content::of(&self.archive())),
            streams: self
                .streams
                .iter()
                .map(|(name, files)| (name.parse().unwrap(), stream(files)))
                .collect(),
            dry_run: false,
        }
    }

    /// Returns the bytes of everything that is to be published.
    pub(crate) fn blobs(&self) -> BTreeMap<Sha256, Vec<u8>> {
        let files =
            self.streams.values().flat_map(|files| files.values()).map(|text| text.clone().into_bytes());
        let archive = self.has_archive.then(|| self.archive());
        files.chain(archive).map(|bytes| (Content::of(&bytes).digests.sha256, bytes)).collect()
    }
}

fn by_tree(places: &[String]) -> BTreeMap<&str, Vec<&str>> {
    let mut trees = BTreeMap::<&str, Vec<&str>>::new();
    for (tree, path) in places.iter().map(|place| place.split_once('/').unwrap()) {
        trees.entry(tree).or_default().push(path);
    }
    trees
}

fn file(place: &str, text: &str) -> StreamFile {
    let (tree, path) = place.split_once('/').unwrap();
    StreamFile {
        place: Place { tree: tree.parse().unwrap(), path: path.parse().unwrap() },
        file: ManifestFile { content: Content::of(text.as_bytes()), executable: false },
    }
}
