//! Where the index lies: a directory for each server of a machine, in it one index that answers, and, while one is
//! made anew, another.
//!
//! ```text
//! search/0/current      the name of the index that answers
//!          remake       is there while somebody wants another
//!          1764309125…  an index
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use search_index::{SearchError, SearchIndex};

use crate::error::StoreError;

const CURRENT: &str = "current";
const REMAKE: &str = "remake";

/// How many servers of one machine share a directory.
const MAX_SERVERS: usize = 16;

/// How often it is looked whether a server has done what it was asked.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(crate) struct Home {
    /// Of all servers; `None` keeps the index in memory.
    directory: Option<PathBuf>,
    /// This server's own, once it has one.
    own: Mutex<Option<PathBuf>>,
}

/// Where one index is, or is to be.
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

    fn own(&self) -> Option<PathBuf> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the first directory that no other process has; returns the index that is to answer there, if any is.
    pub(crate) fn claim(&self) -> Result<Option<IndexPlace>, StoreError> {
        let Some(directory) = &self.directory else { return Ok(None) };
        for place in 0..MAX_SERVERS {
            let own = directory.join(place.to_string());
            if is_locked(&own) {
                continue;
            }
            fs::create_dir_all(&own).map_err(SearchError::Directory)?;
            *self.own.lock().unwrap_or_else(PoisonError::into_inner) = Some(own.clone());
            return Ok(current(&own).map(|current| IndexPlace(Some(current))));
        }
        Err(SearchError::Locked.into())
    }

    /// Returns a place where no index is.
    pub(crate) fn fresh(&self) -> IndexPlace {
        IndexPlace(self.own().map(|own| {
            let names = (0..).map(|n| own.join(format!("index-{n}")));
            names.into_iter().find(|place| !place.exists()).unwrap_or(own)
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
            fs::File::open(&draft)?.sync_all()?;
            fs::rename(&draft, own.join(CURRENT))?;
            fs::File::open(&own)?.sync_all()?;
            remove_if_there(&own.join(REMAKE))
        };
        Ok(settle().map_err(SearchError::Directory)?)
    }

    /// Deletes indexes that do not answer. Whoever still reads one has its files open.
    pub(crate) fn sweep(&self) {
        let Some(own) = self.own() else { return };
        let current = current(&own);
        let others = fs::read_dir(&own).into_iter().flatten().flatten().map(|entry| entry.path());
        for other in others.filter(|other| other.is_dir() && Some(other) != current.as_ref()) {
            if let Err(error) = fs::remove_dir_all(&other) {
                tracing::warn!(directory = %other.display(), %error, "old search index could not be deleted");
            }
        }
    }

    /// Says whether somebody wants the index made anew.
    pub(crate) fn is_asked_for(&self) -> bool {
        self.own().is_some_and(|own| own.join(REMAKE).exists())
    }

    /// Says whether another process has the first directory.
    pub(crate) fn is_taken(&self) -> bool {
        self.directory.as_ref().is_some_and(|directory| is_locked(&directory.join("0")))
    }

    /// Asks every server of the directory for another index.
    pub(crate) fn ask(&self) -> Result<Vec<PathBuf>, StoreError> {
        let Some(directory) = &self.directory else { return Ok(Vec::new()) };
        let servers =
            (0..MAX_SERVERS).map(|place| directory.join(place.to_string())).filter(|own| own.is_dir());
        let asked: Vec<PathBuf> = servers.map(|own| own.join(REMAKE)).collect();
        for file in &asked {
            fs::write(file, b"").map_err(SearchError::Directory)?;
        }
        Ok(asked)
    }

    /// Asks, and waits until every server that runs has done it; the others do it when they start.
    pub(crate) async fn ask_and_wait(&self) -> Result<(), StoreError> {
        let asked = self.ask()?;
        while asked.iter().any(|file| file.exists() && file.parent().is_some_and(is_locked)) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }
}

/// The index that answers in a server's directory.
fn current(own: &Path) -> Option<PathBuf> {
    let name = fs::read_to_string(own.join(CURRENT)).ok()?;
    Some(own.join(name.trim())).filter(|index| index.is_dir())
}

/// Says whether a process has one of the directory's indexes open to write.
fn is_locked(own: &Path) -> bool {
    let indexes = fs::read_dir(own).into_iter().flatten().flatten().map(|entry| entry.path());
    indexes
        .filter(|index| index.is_dir())
        .any(|index| matches!(SearchIndex::open(&index), Err(SearchError::Locked)))
}

fn remove_if_there(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
