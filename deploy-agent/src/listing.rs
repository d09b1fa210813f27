//! What a tree consists of, entry by entry.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use charm_archive::{Archive, Entry};
use charm_model::digest::Sha256;
use charm_model::shape::ManifestFile;
use charm_model::tree::EntryKind;

/// Every entry of a directory and of those below it, by its path: relative, `/` between its parts.
///
/// In the order of paths a directory comes before what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Listing(pub(crate) BTreeMap<String, Node>);

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Directory,
    File { size: u64, sha256: Sha256, executable: bool },
    Link { target: String },
}

impl Node {
    fn entry(entry: &Entry) -> Self {
        match &entry.kind {
            EntryKind::File { executable } => {
                Self::File { size: entry.size, sha256: entry.sha256, executable: *executable }
            }
            EntryKind::Link { target } => Self::Link { target: target.clone() },
            // The strict reader has refused what is neither.
            EntryKind::Directory | EntryKind::Other(_) => Self::Directory,
        }
    }

    pub(crate) fn file(file: &ManifestFile) -> Self {
        let ManifestFile { content, executable } = *file;
        Self::File { size: content.size, sha256: content.digests.sha256, executable }
    }
}

/// A path at which two different things would have to stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken(pub(crate) String);

impl Listing {
    /// Lists what an archive holds, and the directories that its paths imply. The strict reader has refused two entries
    /// at one path.
    pub(crate) fn of_archive(archive: &Archive) -> Self {
        let mut nodes = BTreeMap::new();
        for entry in &archive.entries {
            for (end, _) in entry.path.match_indices('/') {
                nodes.entry(entry.path[..end].to_owned()).or_insert(Node::Directory);
            }
            nodes.insert(entry.path.clone(), Node::entry(entry));
        }
        Self(nodes)
    }

    /// Adds an entry and the directories above it. What is there already may come again, as the same thing.
    pub(crate) fn add(&mut self, path: &str, node: Node) -> Result<(), Taken> {
        for (end, _) in path.match_indices('/') {
            self.add_one(&path[..end], Node::Directory)?;
        }
        self.add_one(path, node)
    }

    fn add_one(&mut self, path: &str, node: Node) -> Result<(), Taken> {
        match self.0.entry(path.to_owned()) {
            Slot::Vacant(slot) => {
                slot.insert(node);
                Ok(())
            }
            // Two files of the same content at one place are still two files: one of them would be lost.
            Slot::Occupied(slot) if *slot.get() == Node::Directory && node == Node::Directory => Ok(()),
            Slot::Occupied(slot) => Err(Taken(slot.key().clone())),
        }
    }
}
