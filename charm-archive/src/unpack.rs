//! An archive as files of a fresh directory.
//!
//! Nothing is written outside of it, whatever the archive says: its table is checked as if it came from a
//! stranger; the directory is new; every directory on the way is opened below its parent by one plain name
//! and never through a link; and links are made last, when nothing is written any more.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use charm_model::tree::EntryKind;
use rustix::fs::{Mode, OFlags};

use crate::archive::Archive;
use crate::entry::Entry;
use crate::entry_reader::open_entry;
use crate::error::ArchiveError;
use crate::limits::ArchiveLimits;
use crate::{mode, tree_rules};

/// How much is written at once, in bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// Writes what an archive holds into a directory that does not exist yet.
///
/// When it returns, every file and directory is on the disk, each with the SHA-256 that the table says: the
/// caller may rename the directory into its place, and flush the parent of that. After an error, what was
/// written is left for the caller to remove.
pub fn unpack(mut file: impl Read + Seek, archive: &Archive, dest: &Path) -> Result<(), ArchiveError> {
    let names = archive.entries.iter().map(|it| (it.path.as_str(), &it.kind));
    // How many entries are too many was the store's to say; the table is in memory already.
    tree_rules::check(names, &ArchiveLimits { max_entries: usize::MAX, ..ArchiveLimits::default() })?;
    let mut place = Place::create(dest).map_err(ArchiveError::io("create", dest.to_string_lossy()))?;
    let is_link = |entry: &&Entry| matches!(entry.kind, EntryKind::Link { .. });
    let others = archive.entries.iter().filter(|it| !is_link(it));
    for entry in others.chain(archive.entries.iter().filter(is_link)) {
        write_entry(&mut file, &mut place, entry).map_err(ArchiveError::io("write", &entry.path))?;
    }
    place.close().map_err(ArchiveError::io("write", dest.to_string_lossy()))
}

fn write_entry(file: impl Read + Seek, place: &mut Place, entry: &Entry) -> io::Result<()> {
    let (directory, name) = entry.path.rsplit_once('/').unwrap_or(("", &entry.path));
    match &entry.kind {
        EntryKind::Directory => place.enter(&entry.path).map(|_| ()),
        EntryKind::Link { target } => Ok(rustix::fs::symlinkat(target, place.enter(directory)?, name)?),
        EntryKind::File { .. } | EntryKind::Other(_) => {
            write_file(file, create_file(place.enter(directory)?, name)?, entry)
        }
    }
}

fn create_file(directory: impl AsFd, name: &str) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(directory, name, flags, Mode::RUSR | Mode::WUSR)?.into())
}

fn write_file(archive: impl Read + Seek, mut file: File, entry: &Entry) -> io::Result<()> {
    let mut content = open_entry(archive, entry)?;
    let mut hasher = sha256::Hasher::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match content.read(&mut buffer)? {
            0 => break,
            n_read => {
                hasher.update(&buffer[..n_read]);
                file.write_all(&buffer[..n_read])?;
            }
        }
    }
    if hasher.finalize() != entry.sha256.0 {
        let error = ArchiveError::Corrupt { path: entry.path.clone(), problem: "its SHA-256 differs" };
        return Err(io::Error::new(io::ErrorKind::InvalidData, error));
    }
    // Set on the open file, because the mode given at creation is subject to the umask.
    file.set_permissions(Permissions::from_mode(mode::permissions(&entry.kind)))?;
    file.sync_all()
}

/// Where in the fresh directory something is written: the directories from its root down are open.
struct Place {
    root: OwnedFd,
    below: Vec<(String, OwnedFd)>,
}

impl Place {
    fn create(dest: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().mode(0o700).create(dest)?;
        let root = open_directory(rustix::fs::CWD, dest)?;
        set_directory_mode(&root)?;
        Ok(Self { root, below: Vec::new() })
    }

    /// Opens the directory of that path, below the root, and returns it. Makes what is not there.
    fn enter(&mut self, path: &str) -> io::Result<&OwnedFd> {
        let parts: Vec<_> = path.split('/').filter(|it| !it.is_empty()).collect();
        let open = self.below.iter().map(|(name, _)| name.as_str());
        let n_shared = open.zip(&parts).take_while(|(open, part)| open == *part).count();
        self.leave(n_shared)?;
        for part in &parts[n_shared..] {
            let directory = make_directory(self.current(), part)?;
            self.below.push(((*part).to_owned(), directory));
        }
        Ok(self.current())
    }

    fn current(&self) -> &OwnedFd {
        self.below.last().map_or(&self.root, |(_, directory)| directory)
    }

    /// Closes directories until so many below the root are left open, and brings their entries to the disk.
    fn leave(&mut self, n_left: usize) -> io::Result<()> {
        while self.below.len() > n_left {
            rustix::fs::fsync(self.current())?;
            self.below.pop();
        }
        Ok(())
    }

    fn close(mut self) -> io::Result<()> {
        self.leave(0)?;
        Ok(rustix::fs::fsync(&self.root)?)
    }
}

/// Opens the directory of that name, made if it is not there.
fn make_directory(parent: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    match rustix::fs::mkdirat(parent, name, Mode::RWXU) {
        Ok(()) => {
            let directory = open_directory(parent, name)?;
            set_directory_mode(&directory)?;
            Ok(directory)
        }
        Err(rustix::io::Errno::EXIST) => open_directory(parent, name),
        Err(error) => Err(error.into()),
    }
}

fn open_directory(parent: impl AsFd, name: impl rustix::path::Arg) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(parent, name, flags, Mode::empty())?)
}

fn set_directory_mode(directory: &OwnedFd) -> io::Result<()> {
    Ok(rustix::fs::fchmod(directory, Mode::from_raw_mode(mode::permissions(&EntryKind::Directory)))?)
}
