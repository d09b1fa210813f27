//! One row of an archive's table: enough to serve the file without unzipping the archive.

use charm_model::digest::Sha256;
use charm_model::tree::{EntryKind, TreeEntry};
use serde::{Deserialize, Serialize};

/// A file, directory or link of an archive that was read and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where it stands: relative, `/` between its parts, none behind a directory.
    pub path: String,
    /// What it is; never [`EntryKind::Other`].
    #[serde(flatten, with = "KindForm")]
    pub kind: EntryKind,
    /// The number of its bytes. A link's bytes are its target.
    pub size: u64,
    /// The number of its bytes in the archive.
    pub compressed_size: u64,
    /// Where those begin, from the start of the archive.
    pub data_offset: u64,
    /// How they are stored.
    pub method: Method,
    /// CRC-32 of the uncompressed bytes, as zip has it.
    pub crc32: u32,
    /// SHA-256 of the uncompressed bytes.
    pub sha256: Sha256,
}

/// How an entry's bytes are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// As they are.
    Stored,
    /// Compressed as of RFC 1951.
    Deflated,
}

/// The JSON form of [`EntryKind`], beside the entry's other fields: `"kind": "file", "executable": true`.
#[derive(Serialize, Deserialize)]
#[serde(remote = "EntryKind", tag = "kind", rename_all = "lowercase")]
enum KindForm {
    Directory,
    File {
        executable: bool,
    },
    Link {
        target: String,
    },
    // The value is skipped as well, or the text would have to outlive the program to be read.
    #[serde(skip)]
    Other(#[serde(skip)] &'static str),
}

impl From<&Entry> for TreeEntry {
    /// Returns the entry as the model's checks take it: only regular files have a size.
    fn from(entry: &Entry) -> Self {
        let size = if matches!(entry.kind, EntryKind::File { .. }) { entry.size } else { 0 };
        Self { path: entry.path.clone(), kind: entry.kind.clone(), size }
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(EntryKind::Directory, r#""kind":"directory""#; "directory")]
    #[test_case(EntryKind::File { executable: true }, r#""kind":"file","executable":true"#; "file")]
    #[test_case(EntryKind::Link { target: "b".into() }, r#""kind":"link","target":"b""#; "link")]
    fn a_row_round_trips_through_json(kind: EntryKind, form: &str) {
        let (method, sha256) = (Method::Deflated, Sha256([7; 32]));
        let entry = Entry {
            path: "a".into(),
            kind,
            size: 1,
            compressed_size: 2,
            data_offset: 3,
            method,
            crc32: 4,
            sha256,
        };
        let json = serde_json::to_string(&entry).unwrap();
        assert!(json.contains(form), "{json}");
        assert!(json.contains(r#""method":"deflated""#), "{json}");
        assert_eq!(serde_json::from_str::<Entry>(&json).unwrap(), entry);
    }
}
