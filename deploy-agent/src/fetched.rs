//! `fetch/`: verified bytes by their SHA-256, until a tree has them.

use std::fs::{self, File};
use std::io::{self, Seek as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use charm_model::digest::{Content, Sha256};
use store_client::content_of;

use crate::durable;
use crate::error::DeployError;

/// The directory of what was fetched. An interrupted run leaves its files here, and the next goes on with them.
#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    dir: PathBuf,
}

impl Fetched {
    pub(crate) fn open(dir: PathBuf) -> Result<Self, DeployError> {
        durable::create_dir_all(&dir)?;
        Ok(Self { dir })
    }

    /// Returns where bytes of that content stand, or belong.
    pub(crate) fn path(&self, content: &Content) -> PathBuf {
        self.path_of(content.digests.sha256)
    }

    fn path_of(&self, sha256: Sha256) -> PathBuf {
        self.dir.join(sha256.to_hex())
    }

    /// Says whether the bytes are here. They are read again: this directory may have seen a hook, or a bad disk.
    pub(crate) fn has(&self, content: &Content) -> Result<bool, DeployError> {
        let path = self.path(content);
        match durable::open_regular(&path).and_then(content_of) {
            Ok(found) if found == *content => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            _ => durable::remove_if_there(&path).map(|()| false),
        }
    }

    /// Copies the bytes from a file of an installed tree, and says whether they still were what they had been.
    ///
    /// The copy is checked, not its source: a file that changes while it is copied is noticed too.
    pub(crate) fn copy(&self, content: &Content, source: &Path) -> Result<bool, DeployError> {
        let Ok(mut source) = durable::open_regular(source) else { return Ok(false) };
        let path = self.path(content);
        let fresh = path.with_extension("copy");
        let mut copy = || {
            let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&fresh)?;
            // Within one file system the kernel copies, and shares the blocks where it can.
            io::copy(&mut source, &mut file)?;
            file.rewind()?;
            file.sync_all()?;
            content_of(file)
        };
        if copy().map_err(DeployError::io(&fresh))? != *content {
            return durable::remove_if_there(&fresh).map(|()| false);
        }
        fs::rename(&fresh, &path).map_err(DeployError::io(&path))?;
        Ok(true)
    }

    /// Puts bytes that are here into a tree, without moving them where they need not move.
    pub(crate) fn put(&self, sha256: Sha256, target: &Path, executable: bool) -> Result<(), DeployError> {
        let put = || {
            let source = self.path_of(sha256);
            // Two names of one file would change together when a hook writes to one of them.
            let is_first = fs::metadata(&source)?.nlink() == 1;
            if !(is_first && fs::hard_link(&source, target).is_ok()) {
                copy_new(&source, target)?;
            }
            let mode = if executable { 0o755 } else { 0o644 };
            fs::set_permissions(target, fs::Permissions::from_mode(mode))?;
            File::open(target)?.sync_all()
        };
        put().map_err(DeployError::io(target))
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) -> Result<(), DeployError> {
        for entry in fs::read_dir(&self.dir).map_err(DeployError::io(&self.dir))? {
            durable::remove_if_there(&entry.map_err(DeployError::io(&self.dir))?.path())?;
        }
        Ok(())
    }
}

/// Copies to a name that nothing has yet, so that no link is followed.
fn copy_new(source: &Path, target: &Path) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(target)?;
    io::copy(&mut File::open(source)?, &mut file).map(drop)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn fetched(dir: &Path) -> Fetched {
        Fetched::open(dir.join("fetch")).unwrap()
    }

    #[test]
    fn bytes_that_changed_where_they_lay_are_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let (fetched, content) = (fetched(dir.path()), Content::of(b"right"));
        assert!(!fetched.has(&content).unwrap());
        fs::write(fetched.path(&content), "wrong").unwrap();
        assert!(!fetched.has(&content).unwrap());
        assert!(!fetched.path(&content).exists());
        fs::write(fetched.path(&content), "right").unwrap();
        assert!(fetched.has(&content).unwrap());
    }

    #[test]
    fn a_file_is_reused_only_if_it_is_still_the_same_regular_file() {
        let dir = tempfile::tempdir().unwrap();
        let (fetched, content) = (fetched(dir.path()), Content::of(b"right"));
        let source = dir.path().join("source");
        assert!(!fetched.copy(&content, &source).unwrap(), "it is gone");
        fs::write(&source, "wrong").unwrap();
        assert!(!fetched.copy(&content, &source).unwrap(), "it changed in place");
        fs::write(&source, "right").unwrap();
        symlink(&source, dir.path().join("link")).unwrap();
        assert!(!fetched.copy(&content, &dir.path().join("link")).unwrap(), "it is a link now");
        assert!(!fetched.path(&content).exists());
        assert!(fetched.copy(&content, &source).unwrap());
        assert!(fetched.has(&content).unwrap());
    }

    #[test]
    fn two_places_of_the_same_bytes_do_not_change_together() {
        let dir = tempfile::tempdir().unwrap();
        let (fetched, content) = (fetched(dir.path()), Content::of(b"same"));
        fs::write(fetched.path(&content), "same").unwrap();
        let (one, other) = (dir.path().join("one"), dir.path().join("other"));
        fetched.put(content.digests.sha256, &one, true).unwrap();
        fetched.put(content.digests.sha256, &other, false).unwrap();
        fs::write(&one, "changed").unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "same");
        assert_eq!(fs::metadata(&one).unwrap().mode() & 0o777, 0o755);
        assert_eq!(fs::metadata(&other).unwrap().mode() & 0o777, 0o644);
    }

    #[test]
    fn bytes_are_never_put_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (fetched, content) = (fetched(dir.path()), Content::of(b"bytes"));
        fs::write(fetched.path(&content), "bytes").unwrap();
        let outside = dir.path().join("outside");
        symlink(&outside, dir.path().join("trap")).unwrap();
        assert!(fetched.put(content.digests.sha256, &dir.path().join("trap"), false).is_err());
        assert!(!outside.exists());
    }
}
