//! A charm, as its author keeps it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

const METADATA: &str = "summary: a charm\ndescription: a charm for tests\nseries: [trusty]\nformat: 3\n";

/// An author's directory.
#[derive(Debug, Clone)]
pub struct Tree {
    dir: PathBuf,
}

impl Tree {
    /// Makes a charm of that name, without resources, in a directory of that name.
    pub fn charm(parent: &Path, name: &str) -> Self {
        Self::empty(parent, name)
            .file("metadata.yaml", format!("name: {name}\n{METADATA}"))
            .hook("install", "#!/bin/sh\ncat resources/*\n")
    }

    /// Makes an empty directory.
    pub fn empty(parent: &Path, name: &str) -> Self {
        let dir = parent.join(name);
        fs::create_dir(&dir).unwrap();
        Self { dir }
    }

    /// Returns the directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes a file.
    #[must_use]
    pub fn file(self, path: &str, contents: impl AsRef<[u8]>) -> Self {
        self.write(path, contents);
        self
    }

    /// Writes an executable file under `hooks/`.
    #[must_use]
    pub fn hook(self, name: &str, text: &str) -> Self {
        self.write_hook(name, text);
        self
    }

    /// Writes a file under `resources/`, such as `common/a.zip`.
    #[must_use]
    pub fn resource(self, path: &str, contents: impl AsRef<[u8]>) -> Self {
        self.file(&format!("resources/{path}"), contents)
    }

    /// Makes a symbolic link.
    #[must_use]
    pub fn link(self, path: &str, target: &str) -> Self {
        symlink(target, self.dir.join(path)).unwrap();
        self
    }

    /// Declares these files, such as `common/a.zip`, in each of these streams, the first of which is the default.
    #[must_use]
    pub fn declaring(self, streams: &[&str], files: &[&str]) -> Self {
        self.declare(streams, files);
        self
    }

    /// Declares files in a tree that is there.
    pub fn declare(&self, streams: &[&str], files: &[&str]) {
        let default = streams.first().unwrap();
        let streams = lines(streams.iter().map(|stream| format!("  {stream}:")));
        let shape = shape(files);
        self.write(
            "resources.yaml",
            format!("default-stream: {default}\nshape:\n{shape}streams:\n{streams}"),
        );
    }

    /// Writes a file of a tree that is there.
    pub fn write(&self, path: &str, contents: impl AsRef<[u8]>) {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    /// Writes a hook of a tree that is there.
    pub fn write_hook(&self, name: &str, text: &str) {
        let path = format!("hooks/{name}");
        self.write(&path, text);
        fs::set_permissions(self.dir.join(path), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// Returns the lists of each tree, as `resources.yaml` has them.
fn shape(files: &[&str]) -> String {
    let mut trees: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (tree, path) in files.iter().filter_map(|file| file.split_once('/')) {
        trees.entry(tree).or_default().push(path);
    }
    lines(trees.iter().map(|(tree, paths)| format!("  {tree}: [{}]", paths.join(", "))))
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| line + "\n").collect()
}
