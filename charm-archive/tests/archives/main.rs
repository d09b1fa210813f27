//! What an archive may be: built by us, written by others, or made to harm.

#![expect(clippy::unwrap_used, reason = "what a test needs and does not get is its failure")]

mod built;
mod mutated;
mod refused;
mod taken;
mod unpacked;
mod zip_bytes;

use std::fs;
use std::io::{Cursor, Read as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use charm_archive::{Archive, ArchiveError, ArchiveLimits, Entry, open_entry};
use charm_model::tree::EntryKind;

/// Reads an archive under the default limits.
fn read(bytes: &[u8]) -> Result<Archive, ArchiveError> {
    read_within(bytes, &ArchiveLimits::default())
}

fn read_within(bytes: &[u8], limits: &ArchiveLimits) -> Result<Archive, ArchiveError> {
    Archive::read(Cursor::new(bytes), bytes.len() as u64, limits)
}

fn content(bytes: &[u8], entry: &Entry) -> Vec<u8> {
    let mut content = Vec::new();
    open_entry(Cursor::new(bytes), entry).unwrap().read_to_end(&mut content).unwrap();
    content
}

/// Asserts that another reader finds the same names, kinds and bytes.
fn assert_that_others_agree(bytes: &[u8], archive: &Archive) {
    let mut other = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    assert_eq!(other.len(), archive.entries.len());
    for entry in &archive.entries {
        let slash = if entry.kind == EntryKind::Directory { "/" } else { "" };
        let mut found = other.by_name(&format!("{}{slash}", entry.path)).unwrap();
        let mut theirs = Vec::new();
        found.read_to_end(&mut theirs).unwrap();
        assert_eq!(found.is_symlink(), matches!(entry.kind, EntryKind::Link { .. }));
        assert_eq!(theirs, content(bytes, entry), "{}", entry.path);
    }
}

/// Makes a file, directory or link of an author's tree.
fn write(dir: &Path, path: &str, kind: &EntryKind, content: &[u8]) {
    let file = dir.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    match kind {
        EntryKind::Directory => fs::create_dir_all(file).unwrap(),
        EntryKind::Link { target } => symlink(target, file).unwrap(),
        EntryKind::File { executable } => {
            fs::write(&file, content).unwrap();
            let mode = if *executable { 0o755 } else { 0o644 };
            fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
        }
        EntryKind::Other(what) => panic!("{path} is {what}"),
    }
}
