//! A file that is arriving: under another name beside its place, until it is whole and right.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};

use charm_model::digest::{Content, Summing};

use crate::durable::flush_parent;
use crate::error::ClientError;
use crate::hash::add_all;

pub(crate) struct Landing {
    file: File,
    target: PathBuf,
    temporary: PathBuf,
    expected: Content,
    /// Boxed: two hashers are a few kilobytes, and every download's future would carry them along.
    sums: Box<Summing>,
    /// Whether some bytes are of an earlier process, or made of other files. If they are wrong, these are to blame first.
    resumed: bool,
}

impl Landing {
    /// Opens the place for a file that is to arrive, with what an earlier attempt has left there.
    pub(crate) fn open(target: &Path, expected: Content) -> Result<Self, ClientError> {
        let temporary = temporary_name(target, &expected);
        let io = || ClientError::io(&temporary);
        let mut options = OpenOptions::new();
        let file =
            options.read(true).write(true).create(true).truncate(false).open(&temporary).map_err(io())?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ClientError::Busy(target.to_owned())),
            Err(TryLockError::Error(error)) => return Err(io()(error)),
        }
        let mut sums = Box::<Summing>::default();
        add_all(&mut sums, &mut &file).map_err(io())?;
        let resumed = sums.size() > 0;
        let mut landing = Self { file, target: target.to_owned(), temporary, expected, sums, resumed };
        if landing.sums.size() > expected.size {
            landing.restart()?;
        }
        Ok(landing)
    }

    /// Returns how many bytes are there.
    pub(crate) fn size(&self) -> u64 {
        self.sums.size()
    }

    /// Returns how many bytes are still to come.
    pub(crate) fn n_left(&self) -> u64 {
        self.expected.size - self.sums.size()
    }

    /// Says whether all bytes are there.
    pub(crate) fn is_whole(&self) -> bool {
        self.sums.size() == self.expected.size
    }

    /// Says whether beginning anew may help: the bytes are wrong, and some are of an earlier process.
    pub(crate) fn is_spoilt(&self) -> bool {
        self.resumed && !self.is_right()
    }

    /// Takes note that some bytes come from this machine, or were made as somebody said: if they are wrong, the store's
    /// own bytes may be right.
    pub(crate) fn doubt(&mut self) {
        self.resumed = true;
    }

    /// Says whether the bytes, all of them, are those that were promised.
    pub(crate) fn is_right(&self) -> bool {
        self.sums.content() == self.expected
    }

    /// Returns a place beside the file for what only helps to make it. Whoever has the landing has that place.
    pub(crate) fn aside(&self) -> PathBuf {
        self.temporary.with_extension("patch.part")
    }

    /// Forgets all bytes.
    pub(crate) fn restart(&mut self) -> Result<(), ClientError> {
        *self.sums = Summing::default();
        self.resumed = false;
        self.file.set_len(0).and_then(|()| self.file.rewind()).map_err(ClientError::io(&self.temporary))
    }

    /// Adds bytes; more than were promised are refused before they fill the disk.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        if self.sums.size() + bytes.len() as u64 > self.expected.size {
            self.discard();
            return Err(self.wrong());
        }
        self.file.write_all(bytes).map_err(ClientError::io(&self.temporary))?;
        self.sums.update(bytes);
        Ok(())
    }

    /// Gives the file its name, if its bytes are those that were promised, and throws it away otherwise.
    pub(crate) fn finish(self) -> Result<(), ClientError> {
        if !self.is_right() {
            self.discard();
            return Err(self.wrong());
        }
        // The name may be there after a crash only if the bytes are.
        self.file.sync_all().map_err(ClientError::io(&self.temporary))?;
        fs::rename(&self.temporary, &self.target).map_err(ClientError::io(&self.target))?;
        flush_parent(&self.target).map_err(ClientError::io(&self.target))
    }

    pub(crate) fn wrong(&self) -> ClientError {
        ClientError::Integrity { what: self.target.display().to_string(), expected: self.expected }
    }

    fn discard(&self) {
        if let Err(error) = fs::remove_file(&self.temporary) {
            tracing::warn!(path = %self.temporary.display(), %error, "a wrong download stays behind");
        }
    }
}

impl Drop for Landing {
    /// Leaves nothing behind where nothing has arrived. What has arrived is kept, to go on from.
    fn drop(&mut self) {
        if self.sums.size() == 0 {
            // Gone already where an empty file has got its name.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Returns the same name for the same file and content, so that another process goes on where one was stopped.
fn temporary_name(target: &Path, expected: &Content) -> PathBuf {
    let mut hasher = blake3::Hasher::new();
    hasher.update(expected.digests.sha256.as_bytes());
    hasher.update(target.file_name().unwrap_or_default().as_encoded_bytes());
    // The file's own name may be as long as a name can be.
    target.with_file_name(format!(".{}.part", &hasher.finalize().to_hex()[..32]))
}
