//! Trees of files as plain data: what an author's directory or an archive holds.
//!
//! Who reads the directory or the archive is elsewhere; here both look the same.

use std::collections::BTreeMap;

/// What an entry of a tree is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A regular file, mode 0755 or 0644.
    File {
        /// Whether its mode is 0755.
        executable: bool,
    },
    /// A symbolic link.
    Link {
        /// What it points at, as written.
        target: String,
    },
    /// Something that does not travel: a device, a socket, a pipe.
    Other(&'static str),
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Where it stands: relative, `/` between its parts. Not checked yet; what was not UTF-8 is U+FFFD.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// The bytes of a regular file; 0 otherwise.
    pub size: u64,
}

/// An author's tree: the charm, and the resources beside it.
#[derive(Debug, Clone, Default)]
pub struct AuthorTree {
    /// What goes into the archive, sorted by path. `resources/` and what is ignored are left out.
    pub charm: Vec<TreeEntry>,
    /// What stands under `resources/`, sorted by path, relative to it: `common/a.zip`, `amd64/b.zip`.
    pub resources: Vec<TreeEntry>,
    /// The YAML files that say what the charm is, by their path: `metadata.yaml`, `resources.yaml`, `bundle.yaml`…
    pub texts: BTreeMap<String, Vec<u8>>,
}
