//! Searching: an index that follows the event log, on every server by itself.
//!
//! The index is a cache. It says itself which event it is as of; whatever happened since is put in before a search is
//! answered, or soon after if that takes long. A damaged one is made again, and so is one that somebody asks to.

mod entries;
mod home;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use catalog::base::Base;
use catalog::event::Event;
use charm_model::rights::{Caller, Right};
use search_index::{Answer, Hit, Query, SearchIndex};
use tokio::sync::Mutex;

use crate::error::StoreError;
use crate::search::home::Home;
use crate::store::Store;

/// How long a search waits for what just happened.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long a search waits where there is no index yet, which is made in that time for some thousand bases.
const FIRST_PATIENCE: Duration = Duration::from_secs(10);

/// How many events are put in at a time.
const EVENTS_AT_ONCE: u32 = 500;

/// How many bases are put in at a time when the index is made.
const BASES_AT_ONCE: u32 = 200;

/// After how many such times what was gathered is written.
const FLUSH_EVERY: usize = 50;

/// Where the index is, and who works on it.
pub(crate) struct Search {
    home: Home,
    /// What answers; `None` before the first is whole.
    serving: RwLock<Option<Arc<SearchIndex>>>,
    /// Locked by whoever puts something in.
    following: Mutex<()>,
    /// Locked by whoever makes an index anew.
    making: Mutex<()>,
}

impl Search {
    pub(crate) fn new(directory: Option<PathBuf>) -> Self {
        Self {
            home: Home::new(directory),
            serving: RwLock::default(),
            following: Mutex::default(),
            making: Mutex::default(),
        }
    }

    fn serving(&self) -> Option<Arc<SearchIndex>> {
        self.serving.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn serve(&self, index: Arc<SearchIndex>) {
        *self.serving.write().unwrap_or_else(PoisonError::into_inner) = Some(index);
    }
}

impl Store {
    /// Answers a search with what the caller may know of.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoIndex`] while the first index is being made.
    pub async fn search(&self, caller: &Caller, query: Query) -> Result<Answer, StoreError> {
        let (index, is_fresh) = self.fresh_index().await?;
        let asker = caller.clone();
        let mut answer = blocking(move || Ok(index.search(&asker, &query)?)).await?;
        if !is_fresh {
            answer.hits = self.still_known(caller, answer.hits).await?;
        }
        Ok(answer)
    }

    /// Returns what begins like the text, the likeliest first, of what the caller may know of.
    ///
    /// # Errors
    ///
    /// As [`Self::search`].
    pub async fn complete_name(
        &self,
        caller: &Caller,
        text: String,
        limit: usize,
    ) -> Result<Vec<Hit>, StoreError> {
        let (index, is_fresh) = self.fresh_index().await?;
        let asker = caller.clone();
        let hits = blocking(move || Ok(index.complete(&asker, &text, limit)?)).await?;
        if is_fresh { Ok(hits) } else { self.still_known(caller, hits).await }
    }

    /// Puts into the index what happened since, and makes one if there is none or it was asked for. Returns whether
    /// there was anything to do.
    ///
    /// # Errors
    ///
    /// The first failure; the next call goes on from there.
    pub async fn follow_search(&self) -> Result<bool, StoreError> {
        let search = self.search_parts();
        let made = search.serving().is_none() || search.home.is_asked_for();
        if made {
            self.make_index().await?;
        }
        Ok(self.catch_up().await? || made)
    }

    /// Makes the index anew. The old one answers meanwhile. Of a directory that a running server has, the server is
    /// asked to, and waited for.
    ///
    /// # Errors
    ///
    /// The first failure; the old index is kept.
    pub async fn remake_index(&self) -> Result<(), StoreError> {
        let home = &self.search_parts().home;
        if self.search_parts().serving().is_none() && home.is_taken() {
            return home.ask_and_wait().await;
        }
        home.ask()?;
        self.make_index().await
    }

    /// Returns the index, and whether it has everything that had happened when it was asked for.
    async fn fresh_index(&self) -> Result<(Arc<SearchIndex>, bool), StoreError> {
        let last = self.database().read().await?.last_event().await?;
        let index = self.search_parts().serving();
        let patience = if index.is_some() { PATIENCE } else { FIRST_PATIENCE };
        if let Some(index) = index.filter(|index| cursor(index).is_ok_and(|cursor| cursor >= last)) {
            return Ok((index, true));
        }
        // In a task of its own, so that a caller who goes away does not stop it half-way.
        let store = self.clone();
        let following = tokio::spawn(async move { store.follow_search().await });
        let is_fresh = match tokio::time::timeout(patience, following).await {
            Err(_) => false,
            Ok(followed) => match followed? {
                Ok(_) => true,
                Err(error) => {
                    warn(&error, "search index cannot follow");
                    false
                }
            },
        };
        let index = self.search_parts().serving().ok_or(StoreError::NoIndex)?;
        Ok((index, is_fresh))
    }

    /// Leaves out what the caller may not know of any more, for an index that is behind.
    async fn still_known(&self, caller: &Caller, hits: Vec<Hit>) -> Result<Vec<Hit>, StoreError> {
        let mut tx = self.database().read().await?;
        let mut known = Vec::new();
        for hit in hits {
            let base = tx.base(&hit.base).await?;
            if base.is_some_and(|base| base.acl.allows(caller, &base.name, Right::Metadata)) {
                known.push(hit);
            }
        }
        Ok(known)
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
        let fresh = place.clone();
        let index = Arc::new(blocking(move || Ok(fresh.open()?)).await?);
        let n_bases = self.fill(&index).await?;
        let _following = search.following.lock().await;
        self.catch_up_on(&index).await?;
        search.home.settle(&place)?;
        search.serve(index);
        search.home.sweep();
        tracing::info!(n_bases, "made the search index");
        Ok(())
    }

    /// Opens the index that is there, if it is whole.
    async fn open_index(&self) -> Result<(), StoreError> {
        let search = self.search_parts();
        let Some(place) = search.home.claim()? else { return Ok(()) };
        match blocking(move || Ok(place.open()?)).await {
            Ok(index) if index.cursor()?.is_some() => search.serve(Arc::new(index)),
            Ok(_) => {}
            Err(error) => warn(&error, "search index is damaged: it is made again"),
        }
        Ok(())
    }

    async fn fill(&self, index: &Arc<SearchIndex>) -> Result<usize, StoreError> {
        let event = self.database().read().await?.last_event().await?;
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
        blocking(move || Ok(index.commit(event)?)).await?;
        Ok(n_bases)
    }

    async fn catch_up(&self) -> Result<bool, StoreError> {
        let search = self.search_parts();
        let _turn = search.following.lock().await;
        match search.serving() {
            Some(index) => self.catch_up_on(&index).await,
            None => Ok(false),
        }
    }

    /// Puts in the bases of all events since the index's own, as they are now: twice does no harm.
    async fn catch_up_on(&self, index: &Arc<SearchIndex>) -> Result<bool, StoreError> {
        let mut any = false;
        loop {
            let events = self.database().read().await?.events(cursor(index)?, EVENTS_AT_ONCE).await?;
            let Some(Event { seq, .. }) = events.last() else { return Ok(any) };
            let (seq, index) = (*seq, index.clone());
            let bases = events.into_iter().filter_map(|event| event.base).map(|base| (base.id, base));
            self.put(&index, bases.collect::<BTreeMap<_, _>>().into_values().collect()).await?;
            blocking(move || Ok(index.commit(seq)?)).await?;
            any = true;
        }
    }

    async fn put(&self, index: &Arc<SearchIndex>, bases: Vec<Base>) -> Result<(), StoreError> {
        let mut put = Vec::new();
        for base in bases {
            let (audience, entries) = self.entries(&base).await?;
            put.push((base.name, audience, entries));
        }
        let index = index.clone();
        let replace = move || {
            for (base, audience, entries) in put {
                index.replace(&base, &audience, &entries)?;
            }
            Ok(())
        };
        blocking(replace).await
    }
}

/// An index without a cursor has seen nothing.
fn cursor(index: &SearchIndex) -> Result<u64, StoreError> {
    Ok(index.cursor()?.unwrap_or_default())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await?
}

fn warn(error: &StoreError, what: &str) {
    tracing::warn!(error = error as &dyn std::error::Error, "{what}");
}
