//! What has to be on the disk before it is relied upon. Everything here blocks.

use std::fs::File;
use std::io;
use std::path::Path;

use walkdir::WalkDir;

/// Flushes a file, or the names in a directory.
pub fn flush(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Flushes the names in the directory that something stands in.
pub fn flush_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if parent != Path::new("") => flush(parent),
        _ => flush(Path::new(".")),
    }
}

/// Flushes the names in a directory and in all below it.
pub fn flush_directories(path: &Path) -> io::Result<()> {
    for entry in WalkDir::new(path).contents_first(true) {
        let entry = entry?;
        if entry.file_type().is_dir() {
            flush(entry.path())?;
        }
    }
    Ok(())
}
