//! Searching: an index that follows the event log, on every server by itself.
//!
//! The index is a cache. It says itself which event it is as of; whatever happened since is put in before a search is
//! answered, or soon after if that takes long. A damaged one is made again, and so is one that somebody asks to.

mod details;
mod entries;
mod home;

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use catalog::base::Base;
use catalog::error::CatalogError;
use catalog::transaction::Transaction;
use charm_model::reference::BaseId;
use charm_model::rights::{Caller, Right};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use search_index::{Answer, Audience, Cursor, Entry, Hit, Query, SearchError, SearchIndex};
use tokio::sync::Mutex;

pub use crate::search::details::HitArchive;

use crate::error::StoreError;
use crate::search::home::{Home, IndexPlace};
use crate::store::Store;

/// How many events are put in at a time.
const EVENTS_AT_ONCE: u32 = 500;

/// How many bases are put in at a time when the index is made.
const BASES_AT_ONCE: u32 = 200;

/// How many of them are read side by side: a README comes from far away if blobs are in a bucket.
const READERS: usize = 4;

/// After how many such times what was gathered is written.
const FLUSH_EVERY: usize = 50;

/// How many bases an index may not know the rights of, and answer all the same. Each is left out by name.
const MAX_UNKNOWN: u32 = 1_000;

/// Where the index is, and who works on it.
pub(crate) struct Search {
    home: Home,
    /// What answers; `None` before the first is whole.
    serving: RwLock<Option<Arc<SearchIndex>>>,
    /// Locked by whoever puts something in.
    following: Mutex<()>,
    /// Locked by whoever makes an index anew.
    making: Mutex<()>,
    /// Whether what answers has failed since somebody looked whether it is sound.
    is_suspect: AtomicBool,
}

impl Search {
    pub(crate) fn new(directory: Option<PathBuf>) -> Self {
        Self {
            home: Home::new(directory),
            serving: RwLock::default(),
            following: Mutex::default(),
            making: Mutex::default(),
            is_suspect: AtomicBool::default(),
        }
    }

    fn serving(&self) -> Option<Arc<SearchIndex>> {
        self.serving.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn serve(&self, index: Option<Arc<SearchIndex>>) {
        *self.serving.write().unwrap_or_else(PoisonError::into_inner) = index;
    }
}

impl Store {
    /// Answers a search with what the caller may know of.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoIndex`] while the first index is being made, or the one there is lags far behind.
    pub async fn search(&self, caller: &Caller, query: Query) -> Result<Answer, StoreError> {
        self.ask(caller, query, SearchIndex::search).await
    }

    /// Returns what begins like the query's text, the likeliest first, of what the caller may know of.
    ///
    /// # Errors
    ///
    /// As [`Self::search`].
    pub async fn complete_name(&self, caller: &Caller, query: Query) -> Result<Vec<Hit>, StoreError> {
        self.ask(caller, query, SearchIndex::complete).await
    }

    /// Puts into the index what happened since, and makes one if there is none, if the one there is turns out to be
    /// damaged, or if somebody asked to.
    ///
    /// # Errors
    ///
    /// The first failure; the next call goes on from there.
    pub async fn follow_search(&self) -> Result<(), StoreError> {
        self.look_for_damage().await?;
        let search = self.search_parts();
        if search.serving().is_none() || search.home.is_asked_for() {
            self.make_index().await?;
        }
        let last = self.database().read().await?.last_event().await?;
        self.catch_up(last).await
    }

    /// Makes the index anew, of every server that runs in its directory. The old one answers meanwhile.
    ///
    /// # Errors
    ///
    /// The first failure; the old index is kept.
    pub async fn remake_index(&self) -> Result<(), StoreError> {
        let search = self.search_parts();
        let asked = search.home.ask()?;
        // Where no server runs, this process does the work of the next that starts.
        if asked.is_empty() || search.serving().is_some() {
            self.make_index().await?;
        }
        home::wait_for(&asked).await;
        Ok(())
    }

    async fn ask<T: Send + 'static>(
        &self,
        caller: &Caller,
        mut query: Query,
        question: fn(&SearchIndex, &Caller, &Query) -> Result<T, SearchError>,
    ) -> Result<T, StoreError> {
        let (index, hidden) = self.index_for(caller).await?;
        query.without = hidden;
        let caller = caller.clone();
        let answer = blocking(move || Ok(question(&index, &caller, &query)?)).await;
        if answer.is_err() {
            self.search_parts().is_suspect.store(true, Ordering::Relaxed);
        }
        answer
    }

    /// Returns the index, and the bases that it would show to the caller though they are hidden by now.
    async fn index_for(&self, caller: &Caller) -> Result<(Arc<SearchIndex>, Vec<BaseId>), StoreError> {
        let last = self.database().read().await?.last_event().await?;
        let is_fresh = |index: &Arc<SearchIndex>| cursor(index).event >= last;
        if let Some(index) = self.search_parts().serving().filter(is_fresh) {
            return Ok((index, Vec::new()));
        }
        self.wait_for_event(last).await?;
        let index = self.search_parts().serving().ok_or(StoreError::NoIndex)?;
        let hidden = if is_fresh(&index) { Vec::new() } else { self.hidden_since(&index, caller).await? };
        Ok((index, hidden))
    }

    /// Waits until the index has that event, but not for long.
    async fn wait_for_event(&self, event: u64) -> Result<(), StoreError> {
        let store = self.clone();
        let is_there = self.search_parts().serving().is_some();
        // In a task of its own, so that a caller who goes away does not stop it half-way.
        let following = tokio::spawn(async move {
            if !is_there {
                store.make_index().await?;
            }
            store.catch_up(event).await
        });
        let wait = if is_there { self.limits().search_wait } else { self.limits().first_search_wait };
        if let Ok(followed) = tokio::time::timeout(wait, following).await
            && let Err(error) = followed?
        {
            warn(&error, "search index cannot follow");
        }
        Ok(())
    }

    /// Returns the bases whose rights have changed since the index was written, and that the caller may not know of.
    async fn hidden_since(&self, index: &SearchIndex, caller: &Caller) -> Result<Vec<BaseId>, StoreError> {
        let mut tx = self.database().read().await?;
        let changed = tx.bases_with_new_rights(cursor(index).event, MAX_UNKNOWN + 1).await?;
        if changed.len() > MAX_UNKNOWN as usize {
            return Err(StoreError::NoIndex);
        }
        let is_hidden = |base: &Base| !base.acl.allows(caller, &base.name, Right::Metadata);
        let mut hidden = Vec::new();
        for base in changed.into_iter().filter(is_hidden) {
            hidden.extend(tx.former_names(&base).await?);
            hidden.push(base.name);
        }
        Ok(hidden)
    }

    /// Has an index that failed made again if its files are not what was written.
    async fn look_for_damage(&self) -> Result<(), StoreError> {
        let search = self.search_parts();
        if !search.is_suspect.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let Some(index) = search.serving() else { return Ok(()) };
        if blocking(move || Ok(index.is_sound()?)).await.unwrap_or(false) {
            return Ok(());
        }
        tracing::warn!("search index is damaged: it is made again");
        search.home.condemn()?;
        search.serve(None);
        Ok(())
    }

    /// Makes an index from the bases as they are, and has it answer once it is whole.
    async fn make_index(&self) -> Result<(), StoreError> {
        let search = self.search_parts();
        let _turn = search.making.lock().await;
        if search.serving().is_none() {
            self.open_index().await?;
        }
        // It was there, or somebody else made it while this one waited.
        if search.serving().is_some() && !search.home.is_asked_for() {
            return Ok(());
        }
        let place = search.home.fresh();
        // What was begun before and came to nothing.
        search.home.sweep();
        let fresh = place.clone();
        let index = Arc::new(blocking(move || Ok(fresh.open()?)).await?);
        let n_bases = self.fill(&index).await?;
        let _following = search.following.lock().await;
        let last = self.database().read().await?.last_event().await?;
        self.catch_up_on(&index, last).await?;
        search.home.settle(&place)?;
        search.serve(Some(index));
        search.home.sweep();
        tracing::info!(n_bases, "made the search index");
        Ok(())
    }

    /// Opens the index that is there, if it is whole, sound, and of this store's log.
    async fn open_index(&self) -> Result<(), StoreError> {
        let search = self.search_parts();
        let Some(place) = search.home.claim()? else { return Ok(()) };
        let index = match blocking(move || open_sound(&place)).await {
            Ok(Some(index)) => index,
            Ok(None) => {
                tracing::warn!("search index is damaged: it is made again");
                return Ok(());
            }
            Err(error) => {
                warn(&error, "search index cannot be opened: it is made again");
                return Ok(());
            }
        };
        let mut tx = self.database().read().await?;
        match index.cursor() {
            Some(cursor) if cursor == cursor_of(&mut tx, cursor.event).await? => {
                search.serve(Some(Arc::new(index)));
            }
            Some(_) => tracing::warn!("search index is not of this database: it is made again"),
            None => {}
        }
        Ok(())
    }

    async fn fill(&self, index: &Arc<SearchIndex>) -> Result<usize, StoreError> {
        let mut tx = self.database().read().await?;
        let last = tx.last_event().await?;
        let cursor = cursor_of(&mut tx, last).await?;
        drop(tx);
        let (mut after, mut n_bases) = (None, 0);
        for round in 1.. {
            let bases = self.database().read().await?.bases_after(after, BASES_AT_ONCE).await?;
            let Some(last) = bases.last() else { break };
            (after, n_bases) = (Some(last.id), n_bases + bases.len());
            self.put(index, bases).await?;
            if round % FLUSH_EVERY == 0 {
                let index = index.clone();
                blocking(move || Ok(index.flush()?)).await?;
            }
        }
        let index = index.clone();
        blocking(move || Ok(index.commit(cursor)?)).await?;
        Ok(n_bases)
    }

    async fn catch_up(&self, event: u64) -> Result<(), StoreError> {
        let search = self.search_parts();
        let _turn = search.following.lock().await;
        match search.serving() {
            Some(index) => self.catch_up_on(&index, event).await,
            None => Ok(()),
        }
    }

    /// Puts in the bases of all events from the index's own to that one, as they are now: twice does no harm.
    async fn catch_up_on(&self, index: &Arc<SearchIndex>, event: u64) -> Result<(), StoreError> {
        while cursor(index).event < event {
            let events = self.database().read().await?.events(cursor(index).event, EVENTS_AT_ONCE).await?;
            let Some(last) = events.last().map(|last| Cursor { event: last.seq, at: last.at }) else { break };
            let bases = events.into_iter().filter_map(|event| event.base).map(|base| (base.id, base));
            self.put(index, bases.collect::<BTreeMap<_, _>>().into_values().collect()).await?;
            let index = index.clone();
            blocking(move || Ok(index.commit(last)?)).await?;
        }
        Ok(())
    }

    async fn put(&self, index: &Arc<SearchIndex>, bases: Vec<Base>) -> Result<(), StoreError> {
        let mut former = Vec::new();
        let mut tx = self.database().read().await?;
        for base in &bases {
            former.extend(tx.former_names(base).await?);
        }
        drop(tx);
        let read = stream::iter(bases).map(|base| self.readable_entries(base)).buffer_unordered(READERS);
        let put: Vec<_> = read.try_collect().await?;
        let index = index.clone();
        let replace = move || {
            // A transferred base is found by its present name alone.
            for base in &former {
                index.replace(base, &Audience::Only(Vec::new()), &[])?;
            }
            for (base, audience, entries) in put {
                index.replace(&base, &audience, &entries)?;
            }
            Ok(())
        };
        blocking(replace).await
    }

    /// Reads a base's entries. One that cannot be read must not keep all others from being found.
    async fn readable_entries(&self, base: Base) -> Result<(BaseId, Audience, Vec<Entry>), StoreError> {
        match self.entries(&base).await {
            Ok((audience, entries)) => Ok((base.name, audience, entries)),
            Err(StoreError::Catalog(error @ CatalogError::Corrupt(_))) => {
                tracing::error!(base = %base.name, error = &error as &dyn StdError, "left out of the search index");
                Ok((base.name, Audience::Only(Vec::new()), Vec::new()))
            }
            Err(error) => Err(error),
        }
    }
}

/// An index that never was whole has seen nothing.
fn cursor(index: &SearchIndex) -> Cursor {
    index.cursor().unwrap_or(Cursor::START)
}

/// Returns where an index stands that has this event of the log; at the start, if there is no such event.
async fn cursor_of(tx: &mut Transaction, event: u64) -> Result<Cursor, StoreError> {
    let Some(before) = event.checked_sub(1) else { return Ok(Cursor::START) };
    let event = tx.events(before, 1).await?.pop();
    Ok(event.map_or(Cursor::START, |event| Cursor { event: event.seq, at: event.at }))
}

/// Opens an index; returns `None` if it is damaged.
fn open_sound(place: &IndexPlace) -> Result<Option<SearchIndex>, StoreError> {
    let index = place.open()?;
    Ok(index.is_sound()?.then_some(index))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await?
}

fn warn(error: &StoreError, what: &str) {
    tracing::warn!(error = error as &dyn StdError, "{what}");
}
