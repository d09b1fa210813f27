//! Objects as files of a local directory. Every function here but [`LocalDir::run`] blocks.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::blocking::blocking;
use crate::derived::Derived;
use crate::error::BlobError;
use crate::key::ObjectKey;

/// A directory that holds objects, laid out as [`ObjectKey`] says.
#[derive(Debug, Clone)]
pub(crate) struct LocalDir {
    root: Arc<Path>,
}

/// A file under `staging/`, open for its one writer.
#[derive(Debug, Clone)]
pub(crate) struct StagedFile {
    file: Arc<File>,
    path: Arc<Path>,
}

impl LocalDir {
    /// Opens the directory, and makes it and its subdirectories if they are not there.
    pub(crate) fn open(root: &Path) -> Result<Self, BlobError> {
        make_durably(root).map_err(BlobError::at(root))?;
        let local = Self { root: root.into() };
        // Made once, so that naming an object takes one rename and one flush of a directory.
        let shards = (0..=u8::MAX).map(|shard| format!("o/{shard:02x}"));
        for directory in shards.chain(["staging".into(), "trash".into()]) {
            let path = local.path(&directory);
            fs::create_dir_all(&path).map_err(BlobError::at(&path))?;
        }
        sync_directory(&local.path("o"))?;
        sync_directory(&local.root)?;
        Ok(local)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Runs `work` on a thread that may block.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, BlobError> + Send + 'static,
    ) -> Result<T, BlobError> {
        let local = self.clone();
        blocking(move || work(&local)).await
    }

    /// Opens an object; `None` if there is no such one.
    pub(crate) fn open_object(&self, key: ObjectKey) -> Result<Option<File>, BlobError> {
        let path = self.path(&key.to_string());
        if_found(File::open(&path)).map_err(BlobError::at(&path))
    }

    /// Returns the size of an object, in bytes.
    pub(crate) fn size(&self, key: ObjectKey) -> Result<Option<u64>, BlobError> {
        let path = self.path(&key.to_string());
        let metadata = if_found(fs::metadata(&path)).map_err(BlobError::at(&path))?;
        Ok(metadata.map(|it| it.len()))
    }

    /// Opens the file that is to become an object, to be written from `offset` on.
    pub(crate) fn stage(&self, key: ObjectKey, offset: u64) -> Result<StagedFile, BlobError> {
        let path = self.path(&key.in_staging());
        let file = OpenOptions::new().write(true).create(offset == 0).truncate(false).open(&path);
        let Some(file) = if_found(file).map_err(BlobError::at(&path))? else {
            return Err(BlobError::Lost(key));
        };
        lock(&file, &path, key)?;
        is_still_there(&file, &path, key)?;
        if offset == 0 {
            // Without this the offsets that will be called durable would be those of a file without a name.
            sync_directory(&self.path("staging"))?;
        }
        let n_bytes = file.metadata().map_err(BlobError::at(&path))?.len();
        if n_bytes < offset {
            Err(BlobError::Lost(key))
        } else {
            Ok(StagedFile { file: file.into(), path: path.into() })
        }
    }

    /// Gives the staged bytes, which are whole and verified, their name. May be repeated.
    pub(crate) fn name(&self, key: ObjectKey, size: u64) -> Result<(), BlobError> {
        // A key is used once: what has the name already is this upload, finished before a crash.
        if !self.is_named(key, size)? {
            match self.name_staged(key, size) {
                // Another request that finishes the same upload was faster.
                Err(BlobError::Lost(_)) if self.is_named(key, size)? => {}
                named => named?,
            }
        }
        sync_directory(parent(&self.path(&key.to_string())))
    }

    fn is_named(&self, key: ObjectKey, size: u64) -> Result<bool, BlobError> {
        Ok(self.size(key)? == Some(size))
    }

    /// Holds the lock until the file has its name, so that nobody takes it for lost in between.
    fn name_staged(&self, key: ObjectKey, size: u64) -> Result<(), BlobError> {
        let staged = self.stage(key, size)?;
        staged.flush()?;
        let is_renamed = self.rename(&key.in_staging(), &key.to_string())?;
        if is_renamed { Ok(()) } else { Err(BlobError::Lost(key)) }
    }

    /// Writes an object in one piece. What a crash leaves is under one of the names that are deleted.
    pub(crate) fn put(&self, key: ObjectKey, bytes: &[u8]) -> Result<(), BlobError> {
        let path = self.path(&key.in_staging());
        let file = File::create(&path).map_err(BlobError::at(&path))?;
        let staged = StagedFile { file: file.into(), path: path.into() };
        staged.write_at(bytes, 0)?;
        staged.flush()?;
        if !self.rename(&key.in_staging(), &key.to_string())? {
            return Err(BlobError::Lost(key));
        }
        sync_directory(parent(&self.path(&key.to_string())))
    }

    /// Moves an object into the trash. One that is not there is left alone.
    pub(crate) fn trash(&self, key: ObjectKey) -> Result<(), BlobError> {
        self.move_durably(&key.to_string(), &key.in_trash()).map(drop)
    }

    /// Moves an object out of the trash. Says whether it was in there.
    pub(crate) fn restore(&self, key: ObjectKey) -> Result<bool, BlobError> {
        self.move_durably(&key.in_trash(), &key.to_string())
    }

    /// Drops the staged bytes.
    pub(crate) fn unstage(&self, key: ObjectKey) -> Result<(), BlobError> {
        self.remove(&key.in_staging())
    }

    /// Deletes whatever lies under the key, staged, named or in the trash.
    pub(crate) fn delete(&self, key: ObjectKey) -> Result<(), BlobError> {
        let derived = Derived::ALL.map(|kind| key.derived(kind));
        let names = [key.in_staging(), key.to_string(), key.in_trash()];
        names.iter().chain(&derived).try_for_each(|name| self.remove(name))
    }

    /// Keeps what was derived. Two who derive the same at once leave the work of one of them.
    pub(crate) fn put_derived(&self, key: ObjectKey, kind: Derived, bytes: &[u8]) -> Result<(), BlobError> {
        let path = self.path(&key.derived(kind));
        let written = || -> io::Result<()> {
            fs::create_dir_all(parent(&path))?;
            let mut staged = tempfile::NamedTempFile::new_in(parent(&path))?;
            staged.write_all(bytes)?;
            staged.persist(&path)?;
            Ok(())
        };
        written().map_err(BlobError::at(&path))
    }

    /// Returns what was derived.
    pub(crate) fn derived(&self, key: ObjectKey, kind: Derived) -> Result<Option<Bytes>, BlobError> {
        let path = self.path(&key.derived(kind));
        Ok(if_found(fs::read(&path)).map_err(BlobError::at(&path))?.map(Bytes::from))
    }

    fn remove(&self, name: &str) -> Result<(), BlobError> {
        let path = self.path(name);
        match if_found(fs::remove_file(&path)).map_err(BlobError::at(&path))? {
            Some(()) => sync_directory(parent(&path)),
            None => Ok(()),
        }
    }

    /// Writes, flushes and deletes a file.
    pub(crate) fn probe(&self, key: ObjectKey) -> Result<(), BlobError> {
        self.stage(key, 0)?.write_at(b"probe", 0)?;
        self.name(key, 5)?;
        self.delete(key)
    }

    /// Returns how many bytes may still be written.
    pub(crate) fn free_bytes(&self) -> Result<u64, BlobError> {
        let stat =
            rustix::fs::statvfs(&*self.root).map_err(io::Error::from).map_err(BlobError::at(&self.root))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn move_durably(&self, from: &str, to: &str) -> Result<bool, BlobError> {
        let is_moved = self.rename(from, to)?;
        if is_moved {
            sync_directory(parent(&self.path(to)))?;
            sync_directory(parent(&self.path(from)))?;
        }
        Ok(is_moved)
    }

    fn rename(&self, from: &str, to: &str) -> Result<bool, BlobError> {
        let to = self.path(to);
        let renamed = if_found(fs::rename(self.path(from), &to)).map_err(BlobError::at(&to))?;
        Ok(renamed.is_some())
    }
}

impl StagedFile {
    pub(crate) fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), BlobError> {
        self.file.write_all_at(bytes, offset).map_err(BlobError::at(&self.path))
    }

    /// Waits until what was written is on the disk.
    pub(crate) fn flush(&self) -> Result<(), BlobError> {
        self.file.sync_data().map_err(BlobError::at(&self.path))
    }
}

/// Keeps a second writer out: a write of an abandoned request may still be under way, and if it ended after the next
/// request's had begun, the file would hold other bytes than were hashed. The lock ends with the last use of the file.
fn lock(file: &File, path: &Path, key: ObjectKey) -> Result<(), BlobError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(BlobError::Busy(key)),
        Err(TryLockError::Error(error)) => Err(BlobError::at(path)(error)),
    }
}

/// Refuses a file that was named or deleted between its opening and its locking: a named object is not written to.
fn is_still_there(file: &File, path: &Path, key: ObjectKey) -> Result<(), BlobError> {
    let opened = file.metadata().map_err(BlobError::at(path))?;
    let there = if_found(fs::metadata(path)).map_err(BlobError::at(path))?;
    let is_same = there.is_some_and(|there| (there.dev(), there.ino()) == (opened.dev(), opened.ino()));
    if is_same { Ok(()) } else { Err(BlobError::Lost(key)) }
}

/// Makes a directory and those above it, each flushed into the one that it stands in: else a loss of power could take
/// the name of the first of them, and with it everything that was flushed below.
fn make_durably(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = match path.parent() {
        Some(above) if above != Path::new("") => above,
        _ => Path::new("."),
    };
    make_durably(above)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => File::open(above)?.sync_all(),
    }
}

/// Waits until the names in a directory are on the disk.
fn sync_directory(path: &Path) -> Result<(), BlobError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(BlobError::at(path))
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn if_found<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
