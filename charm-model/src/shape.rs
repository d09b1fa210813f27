//! The files of a stream: declared (a shape), and published (a manifest).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use crate::digest::{Content, Sha256};
use crate::name::{Architecture, NameError};

/// The most directories and file name that a resource's path may have.
pub const MAX_PATH_LEVELS: usize = 8;

/// The longest part between slashes, in bytes: what common file systems take.
pub const MAX_PATH_PART_BYTES: usize = 255;

/// The most files of one stream.
pub const MAX_STREAM_FILES: usize = 10_000;

/// The most streams of one charm.
pub const MAX_STREAMS: usize = 32;

/// Names at the top of a unit's `resources/` that the layout itself takes.
pub const RESERVED_TOP_NAMES: &[&str] = &["common", "arch"];

/// Which units a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Tree {
    /// Every unit.
    Common,
    /// Units of that architecture.
    Arch(Architecture),
}

impl Tree {
    /// Returns the directory of the tree under an author's `resources/`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Common => "common",
            Self::Arch(architecture) => architecture.as_str(),
        }
    }

    /// Says whether a unit of that architecture has the tree's files.
    pub fn is_for(self, architecture: Architecture) -> bool {
        self == Self::Common || self == Self::Arch(architecture)
    }
}

impl FromStr for Tree {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == "common" { Ok(Self::Common) } else { text.parse().map(Self::Arch) }
    }
}

impl TryFrom<String> for Tree {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Tree> for String {
    fn from(tree: Tree) -> Self {
        tree.as_str().to_owned()
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not a resource's path. The text itself is for the caller to show.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PathError {
    /// Begins with a slash.
    #[error("the path is absolute; write it relative to the tree's directory")]
    Absolute,
    /// Has a part `..`.
    #[error("the path leaves its directory with `..`")]
    Parent,
    /// Has an empty part, or a part `.`.
    #[error("the path has an empty part or `.`; write it plainly")]
    NotPlain,
    /// Has a backslash or a control character.
    #[error("the path has a backslash or a control character")]
    Character,
    /// Is not in Unicode's composed form (NFC).
    #[error("the path is not in Unicode form NFC; rename the file to `{0}` in composed form")]
    NotComposed(String),
    /// Has a part of more than [`MAX_PATH_PART_BYTES`].
    #[error("a part of the path has more than {MAX_PATH_PART_BYTES} bytes")]
    PartTooLong,
    /// Has more than [`MAX_PATH_LEVELS`].
    #[error("the path has more than {MAX_PATH_LEVELS} levels")]
    TooDeep,
}

/// Where a resource stands in its tree: relative, `/` between its parts, in Unicode form NFC.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourcePath(String);

impl ResourcePath {
    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the form under which paths collide on file systems that fold case.
    pub fn folded(&self) -> String {
        self.0.to_lowercase().nfc().collect()
    }

    /// Returns the first part.
    pub fn top(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }
}

impl FromStr for ResourcePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        if text.starts_with('/') {
            return Err(PathError::Absolute);
        }
        if text.chars().any(|it| it == '\\' || it.is_control()) {
            return Err(PathError::Character);
        }
        if text.split('/').any(|part| part == "..") {
            return Err(PathError::Parent);
        }
        if text.split('/').any(|part| part.is_empty() || part == ".") {
            return Err(PathError::NotPlain);
        }
        if text.split('/').any(|part| part.len() > MAX_PATH_PART_BYTES) {
            return Err(PathError::PartTooLong);
        }
        if text.split('/').count() > MAX_PATH_LEVELS {
            return Err(PathError::TooDeep);
        }
        if !is_nfc(text) {
            return Err(PathError::NotComposed(text.nfc().collect()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for ResourcePath {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        text.parse()
    }
}

impl From<ResourcePath> for String {
    fn from(path: ResourcePath) -> Self {
        path.0
    }
}

impl fmt::Display for ResourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A file's place: which tree, and where in it. Ordered by tree, then path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The tree.
    pub tree: Tree,
    /// The path in it.
    pub path: ResourcePath,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tree, self.path)
    }
}

/// What a stream consists of: places, without sizes and digests.
///
/// A charm declares one per stream; a manifest has one. A charm and a resource revision fit if both are equal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shape(pub BTreeSet<Place>);

/// The identity of a shape: SHA-256 over its places, one to a line. Shown by its first eight digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShapeId(pub Sha256);

impl fmt::Display for ShapeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_hex()[..8])
    }
}

impl Shape {
    /// Returns the identity of this set of places.
    pub fn id(&self) -> ShapeId {
        let mut hasher = sha256::Hasher::new();
        hasher.update(b"charm shape 1\n");
        for place in &self.0 {
            // No path has a line feed (see `PathError::Character`), so this is one-to-one.
            hasher.update(format!("{place}\n").as_bytes());
        }
        ShapeId(Sha256(hasher.finalize()))
    }

    /// Returns what `other` lacks and what it has too much, seen from this shape.
    pub fn difference(&self, other: &Self) -> ShapeDifference {
        ShapeDifference {
            missing: self.0.difference(&other.0).cloned().collect(),
            extra: other.0.difference(&self.0).cloned().collect(),
        }
    }
}

/// How a manifest differs from what a charm declares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShapeDifference {
    /// Declared, and not there.
    pub missing: Vec<Place>,
    /// There, and not declared.
    pub extra: Vec<Place>,
}

impl ShapeDifference {
    /// Says whether there is none.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.extra.is_empty()
    }
}

impl fmt::Display for ShapeDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list =
            |places: &[Place]| places.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
        match (self.missing.as_slice(), self.extra.as_slice()) {
            ([], []) => f.write_str("no difference"),
            (missing, []) => write!(f, "missing: {}", list(missing)),
            ([], extra) => write!(f, "not declared: {}", list(extra)),
            (missing, extra) => write!(f, "missing: {}; not declared: {}", list(missing), list(extra)),
        }
    }
}

/// One file of a resource revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Its bytes.
    #[serde(flatten)]
    pub content: Content,
    /// Whether a unit may execute it: mode 0755 rather than 0644.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
}

/// The files of one resource revision.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest(pub BTreeMap<Place, ManifestFile>);

impl Manifest {
    /// Returns the places without their contents.
    pub fn shape(&self) -> Shape {
        Shape(self.0.keys().cloned().collect())
    }

    /// Returns the identity of the list: SHA-256 over places, sizes, digests and modes, one file to a line.
    pub fn digest(&self) -> Sha256 {
        let mut hasher = sha256::Hasher::new();
        hasher.update(b"charm manifest 1\n");
        for (place, file) in &self.0 {
            let Content { size, digests } = file.content;
            let mode = if file.executable { "0755" } else { "0644" };
            let line = format!("{place}\t{size}\t{}\t{}\t{mode}\n", digests.sha256, digests.blake3);
            hasher.update(line.as_bytes());
        }
        Sha256(hasher.finalize())
    }

    /// Returns the bytes of all files together.
    pub fn size_bytes(&self) -> u64 {
        self.0.values().map(|file| file.content.size).sum()
    }

    /// Returns the files that a unit of that architecture has.
    pub fn for_architecture(
        &self,
        architecture: Architecture,
    ) -> impl Iterator<Item = (&Place, &ManifestFile)> {
        self.0.iter().filter(move |(place, _)| place.tree.is_for(architecture))
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn place(tree: &str, path: &str) -> Place {
        Place { tree: tree.parse().unwrap(), path: path.parse().unwrap() }
    }

    #[test_case("a.zip" => Ok(()))]
    #[test_case("layers/10-app.tar" => Ok(()))]
    #[test_case("/etc/passwd" => Err(PathError::Absolute))]
    #[test_case("../x" => Err(PathError::Parent))]
    #[test_case("a/../b" => Err(PathError::Parent))]
    #[test_case("a//b" => Err(PathError::NotPlain))]
    #[test_case("./a" => Err(PathError::NotPlain))]
    #[test_case("" => Err(PathError::NotPlain))]
    #[test_case("a\\b" => Err(PathError::Character))]
    #[test_case("a\tb" => Err(PathError::Character))]
    #[test_case("1/2/3/4/5/6/7/8/9" => Err(PathError::TooDeep))]
    #[test_case("e\u{301}.zip" => Err(PathError::NotComposed("\u{e9}.zip".into())))]
    fn reads_a_path(text: &str) -> Result<(), PathError> {
        text.parse::<ResourcePath>().map(|_| ())
    }

    #[test]
    fn a_shape_is_its_places_whatever_their_order() {
        let one = Shape([place("common", "a"), place("amd64", "b")].into());
        let other = Shape([place("amd64", "b"), place("common", "a")].into());
        assert_eq!(one.id(), other.id());
        assert_ne!(one.id(), Shape([place("arm64", "b"), place("common", "a")].into()).id());
    }

    #[test]
    fn a_difference_names_every_file() {
        let declared = Shape([place("common", "a"), place("amd64", "b")].into());
        let found = Shape([place("common", "a"), place("common", "c")].into());
        assert_eq!(declared.difference(&found).to_string(), "missing: `amd64/b`; not declared: `common/c`");
    }

    #[test]
    fn sizes_and_modes_are_part_of_a_manifest_and_not_of_its_shape() {
        let file = |bytes: &[u8], executable| ManifestFile { content: Content::of(bytes), executable };
        let one = Manifest([(place("common", "a"), file(b"1", false))].into());
        let other = Manifest([(place("common", "a"), file(b"1", true))].into());
        assert_eq!(one.shape(), other.shape());
        assert_ne!(one.digest(), other.digest());
    }
}
