//! Writes that survive a loss of power, once they return.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::Path;

use rustix::fs::OFlags;

use crate::error::DeployError;

/// Writes a file that does not exist yet. Its name is durable when its directory is flushed.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), DeployError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(DeployError::io(path))
}

/// Makes a directory and those above it, each flushed into the one that it stands in.
pub(crate) fn create_dir_all(path: &Path) -> Result<(), DeployError> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    create_dir_all(parent)?;
    match fs::create_dir(path) {
        // Another process was faster; the lock that it is after is not taken yet.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(DeployError::io(path)(error)),
        Ok(()) => flush(parent),
    }
}

/// Makes a symbolic link where nothing stands yet.
pub(crate) fn link(target: impl AsRef<Path>, path: &Path) -> Result<(), DeployError> {
    symlink(target, path).map_err(DeployError::io(path))
}

/// Makes a link point elsewhere in one step: whoever follows it finds the old target or the new one.
pub(crate) fn relink(target: &str, path: &Path, directory: &Path) -> Result<(), DeployError> {
    let fresh = path.with_extension("new");
    remove_if_there(&fresh)?;
    link(target, &fresh)?;
    flush(directory)?;
    fs::rename(&fresh, path).map_err(DeployError::io(path))?;
    flush(directory)
}

/// Removes a file or a link; nothing there is as good.
pub(crate) fn remove_if_there(path: &Path) -> Result<(), DeployError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(DeployError::io(path)(error)),
        _ => Ok(()),
    }
}

/// Flushes a file, or the names in a directory.
pub(crate) fn flush(path: &Path) -> Result<(), DeployError> {
    store_client::durable::flush(path).map_err(DeployError::io(path))
}

/// Flushes the names in a directory and in all below it.
pub(crate) fn flush_directories(path: &Path) -> Result<(), DeployError> {
    store_client::durable::flush_directories(path).map_err(DeployError::io(path))
}

/// Opens a regular file and nothing else: what a hook has put in its place may be a link out of the tree, or a pipe
/// that never ends.
pub(crate) fn open_regular(path: &Path) -> std::io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(ErrorKind::InvalidInput.into()) }
}
