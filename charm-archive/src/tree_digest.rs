//! What makes two trees the same, however and whenever they were packed.
//!
//! The digest is SHA-256 over a text in UTF-8: the line `charm-tree 1`, and then one line per entry, sorted
//! by the bytes of the path, each ended by a line feed:
//!
//! ```text
//! charm-tree 1
//! f 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae config.yaml
//! d - empty/directory
//! x fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9 hooks/install
//! l 1e142e6277b12b7e1110478a24caee8f006a9349e86970c890203d6266209463 hooks/start
//! ```
//!
//! `f` is a file of mode 0644 and `x` one of mode 0755, with SHA-256 of the content; `l` is a link, with
//! SHA-256 of its target; `d` is a directory with nothing in it. Other directories are implied by what they
//! hold, and have no line: zip files may mention them or not. Paths have no line feeds, so different trees
//! have different texts. Times, owners, other mode bits, the order in the archive, compression and headers do
//! not matter.

use std::collections::HashSet;

use charm_model::digest::Sha256;
use charm_model::tree::EntryKind;

use crate::entry::Entry;

const HEADING: &str = "charm-tree 1\n";

/// Returns the digest of the tree that the entries make, in whichever order they stand.
pub fn tree_digest(entries: &[Entry]) -> Sha256 {
    let implied = implied_directories(entries);
    let mut sorted: Vec<_> = entries.iter().filter(|it| !implied.contains(it.path.as_str())).collect();
    sorted.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    let mut hasher = sha256::Hasher::new();
    hasher.update(HEADING.as_bytes());
    for entry in sorted {
        hasher.update(line(entry).as_bytes());
    }
    Sha256(hasher.finalize())
}

/// Returns every directory that the path of another entry goes through.
fn implied_directories(entries: &[Entry]) -> HashSet<&str> {
    let mut implied = HashSet::new();
    for entry in entries {
        let mut path = entry.path.as_str();
        while let Some((directory, _)) = path.rsplit_once('/') {
            if !implied.insert(directory) {
                // Its own directories are there as well: without this stop, deep trees would cost their
                // square.
                break;
            }
            path = directory;
        }
    }
    implied
}

fn line(entry: &Entry) -> String {
    let Entry { path, sha256, .. } = entry;
    match entry.kind {
        EntryKind::File { executable: false } => format!("f {} {path}\n", sha256.to_hex()),
        EntryKind::File { executable: true } => format!("x {} {path}\n", sha256.to_hex()),
        EntryKind::Link { .. } => format!("l {} {path}\n", sha256.to_hex()),
        EntryKind::Directory | EntryKind::Other(_) => format!("d - {path}\n"),
    }
}

#[cfg(test)]
mod tests {
    use charm_model::digest::Content;
    use test_case::test_case;

    use super::*;
    use crate::entry::Method;

    fn entry(path: &str, kind: EntryKind, content: &str) -> Entry {
        let sha256 = Content::of(content.as_bytes()).digests.sha256;
        let (path, size) = (path.to_owned(), content.len() as u64);
        Entry {
            path,
            kind,
            size,
            compressed_size: size,
            data_offset: 0,
            method: Method::Stored,
            crc32: 0,
            sha256,
        }
    }

    const PLAIN: EntryKind = EntryKind::File { executable: false };

    fn tree() -> Vec<Entry> {
        let target = "install".to_owned();
        vec![
            entry("hooks/start", EntryKind::Link { target }, "install"),
            entry("hooks/install", EntryKind::File { executable: true }, "#!/bin/sh\n"),
            entry("empty", EntryKind::Directory, ""),
            entry("config.yaml", PLAIN, "options: {}\n"),
        ]
    }

    #[test]
    fn the_digest_is_that_of_the_documented_text() {
        let of = |text: &str| Content::of(text.as_bytes()).digests.sha256.to_hex();
        let text = format!(
            "charm-tree 1\nf {} config.yaml\nd - empty\nx {} hooks/install\nl {} hooks/start\n",
            of("options: {}\n"),
            of("#!/bin/sh\n"),
            of("install"),
        );
        assert_eq!(tree_digest(&tree()).to_hex(), of(&text));
    }

    #[test]
    fn order_and_implied_directories_do_not_matter() {
        let mut other = tree();
        other.reverse();
        other.push(entry("hooks", EntryKind::Directory, ""));
        assert_eq!(tree_digest(&other), tree_digest(&tree()));
    }

    #[test_case(&[entry("a", PLAIN, "y")]; "content")]
    #[test_case(&[entry("b", PLAIN, "x")]; "path")]
    #[test_case(&[entry("a", EntryKind::File { executable: true }, "x")]; "mode")]
    #[test_case(&[entry("a", EntryKind::Link { target: "x".into() }, "x")]; "kind")]
    #[test_case(&[entry("a", PLAIN, "x"), entry("b", EntryKind::Directory, "")]; "an empty directory")]
    fn matters(other: &[Entry]) {
        assert_ne!(tree_digest(other), tree_digest(&[entry("a", PLAIN, "x")]));
    }
}
