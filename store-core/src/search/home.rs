//! Where the index lies: a directory for each server of a machine, in it one index that answers, and, while one is
//! made anew, another.
//!
//! ```text
//! search/0/lock         locked by the server whose directory it is
//!          current      the name of the index that answers
//!          remake       is there while somebody wants another
//!          index-3      an index
//! ```

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use search_index::{SearchError, SearchIndex};

use crate::error::StoreError;

const LOCK: &str = "lock";
const CURRENT: &str = "current";
const REMAKE: &str = "remake";

/// What the names of indexes begin with.
const PREFIX: &str = "index-";

/// How many servers of one machine share a directory.
const MAX_SERVERS: usize = 16;

/// How often it is looked whether a server has done what it was asked.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(crate) struct Home {
    /// Of all servers; `None` keeps the index in memory.
    directory: Option<PathBuf>,
    /// This server's own, once it has one.
    own: Mutex<Option<Own>>,
}

/// A server's own directory.
struct Own {
    directory: PathBuf,
    /// Locked as long as it is open: the system unlocks it however the process ends.
    _lock: File,
}

/// Where one index is, or is to be; `None` is in memory.
#[derive(Debug, Clone)]
pub(crate) struct IndexPlace(Option<PathBuf>);

impl IndexPlace {
    pub(crate) fn open(&self) -> Result<SearchIndex, SearchError> {
        match &self.0 {
            Some(directory) => SearchIndex::open(directory),
            None => SearchIndex::in_memory(),
        }
    }
}

impl Home {
    pub(crate) fn new(directory: Option<PathBuf>) -> Self {
        Self { directory, own: Mutex::default() }
    }

    /// Takes the first directory that no other process has, unless this one has one already; returns the index that is
    /// to answer there, if any is.
    pub(crate) fn claim(&self) -> Result<Option<IndexPlace>, StoreError> {
        let Some(directory) = &self.directory else { return Ok(None) };
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if own.is_none() {
            *own = Some(claim_one_of(directory).map_err(SearchError::Directory)?.ok_or(SearchError::Locked)?);
        }
        let current = own.as_ref().and_then(|own| current(&own.directory));
        Ok(current.map(|current| IndexPlace(Some(current))))
    }

    fn own(&self) -> Option<PathBuf> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|own| own.directory.clone())
    }

    /// Returns a place where no index is. Its name is that of none before: somebody may still read there.
    pub(crate) fn fresh(&self) -> IndexPlace {
        IndexPlace(self.own().map(|own| {
            let number =
                |index: PathBuf| index.file_name()?.to_str()?.strip_prefix(PREFIX)?.parse::<u64>().ok();
            let last = directories(&own).filter_map(number).max();
            own.join(format!("{PREFIX}{}", last.map_or(0, |last| last + 1)))
        }))
    }

    /// Has this index answer from now on, also after a restart, and nobody ask for another.
    pub(crate) fn settle(&self, place: &IndexPlace) -> Result<(), StoreError> {
        let (Some(own), Some(name)) = (self.own(), place.0.as_ref().and_then(|place| place.file_name()))
        else {
            return Ok(());
        };
        // The rename is what counts: a crash before it leaves the old index, one after it the new.
        let draft = own.join("current.new");
        let settle = || {
            fs::write(&draft, name.as_encoded_bytes())?;
            File::open(&draft)?.sync_all()?;
            fs::rename(&draft, own.join(CURRENT))?;
            File::open(&own)?.sync_all()?;
            remove_if_there(&own.join(REMAKE))
        };
        Ok(settle().map_err(SearchError::Directory)?)
    }

    /// Has no index answer, not after a restart either.
    pub(crate) fn condemn(&self) -> Result<(), StoreError> {
        let Some(own) = self.own() else { return Ok(()) };
        Ok(remove_if_there(&own.join(CURRENT)).map_err(SearchError::Directory)?)
    }

    /// Deletes indexes that do not answer. Whoever still reads one has its files open.
    pub(crate) fn sweep(&self) {
        let Some(own) = self.own() else { return };
        let current = current(&own);
        for other in directories(&own).filter(|other| Some(other) != current.as_ref()) {
            if let Err(error) = fs::remove_dir_all(&other) {
                tracing::warn!(directory = %other.display(), %error, "old search index could not be deleted");
            }
        }
    }

    /// Says whether somebody wants the index made anew.
    pub(crate) fn is_asked_for(&self) -> bool {
        self.own().is_some_and(|own| own.join(REMAKE).exists())
    }

    /// Asks every server that has or had a directory here for another index: those that run do it now, the others when
    /// they start. Returns what those that run take away once they have done it.
    pub(crate) fn ask(&self) -> Result<Vec<PathBuf>, StoreError> {
        let mut asked = Vec::new();
        let servers =
            self.directory.iter().flat_map(|directory| places(directory)).filter(|own| own.is_dir());
        for own in servers {
            fs::write(own.join(REMAKE), b"").map_err(SearchError::Directory)?;
            asked.push(own.join(REMAKE));
        }
        asked.retain(|file| is_awaited(file));
        Ok(asked)
    }
}

/// Waits until the servers that were asked have done it, or run no more.
pub(crate) async fn wait_for(asked: &[PathBuf]) {
    while asked.iter().any(|file| is_awaited(file)) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn is_awaited(asked: &Path) -> bool {
    asked.exists() && asked.parent().is_some_and(is_locked)
}

fn directories(own: &Path) -> impl Iterator<Item = PathBuf> {
    let inside = fs::read_dir(own).into_iter().flatten().flatten().map(|entry| entry.path());
    inside.filter(|path| path.is_dir())
}

fn places(directory: &Path) -> impl Iterator<Item = PathBuf> {
    (0..MAX_SERVERS).map(|place| directory.join(place.to_string()))
}

fn claim_one_of(directory: &Path) -> io::Result<Option<Own>> {
    for directory in places(directory) {
        fs::create_dir_all(&directory)?;
        if let Some(lock) = lock(&directory)? {
            return Ok(Some(Own { directory, _lock: lock }));
        }
    }
    Ok(None)
}

/// Locks a directory; returns `None` if another process has it.
fn lock(own: &Path) -> io::Result<Option<File>> {
    let file = File::options().create(true).truncate(false).write(true).open(own.join(LOCK))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Says whether a process has the directory. What cannot be locked at all is nobody's.
fn is_locked(own: &Path) -> bool {
    matches!(lock(own), Ok(None))
}

/// The index that answers in a server's directory.
fn current(own: &Path) -> Option<PathBuf> {
    let name = fs::read_to_string(own.join(CURRENT)).ok()?;
    Some(own.join(name.trim())).filter(|index| index.is_dir())
}

fn remove_if_there(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
