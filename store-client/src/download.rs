//! Fetching an entity's bytes into a file: verified while they arrive, resumed after an interruption.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use charm_model::digest::Content;
use charm_model::reference::Reference;
use charm_model::shape::Place;
use futures::{Stream, stream};
use reqwest::header::{CONTENT_RANGE, ETAG, IF_RANGE, RANGE};
use reqwest::{Method, Response, StatusCode};
use tokio::sync::mpsc;
use url::Url;

use crate::call::refusal;
use crate::delta_down::DeltaDown;
use crate::error::ClientError;
use crate::hash::blocking;
use crate::landing::Landing;
use crate::part_size::PartSize;
use crate::progress::{Event, Progress};
use crate::publish::Source;
use crate::retry::{Patience, is_transient};
use crate::store::Store;

/// How many chunks the network may be ahead of the disk.
const CHUNKS_AHEAD: usize = 16;

/// What of an entity is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// The archive.
    Archive,
    /// One file of its resources.
    Resource(Place),
}

impl Store {
    /// Fetches bytes into a file. The file appears under its name only when it is whole, right and flushed.
    ///
    /// The reference should be fully qualified, so that it means the same bytes from the first to the last. What an
    /// interrupted process has left beside the file is gone on with.
    ///
    /// # Errors
    ///
    /// [`ClientError::Integrity`] if the bytes are not those that are expected; nothing is kept then.
    pub async fn download(
        &self,
        id: &Reference,
        item: &Item,
        expected: &Content,
        target: &Path,
        progress: Arc<dyn Progress>,
    ) -> Result<(), ClientError> {
        self.download_from(id, item, expected, target, Vec::new(), progress).await.map(drop)
    }

    /// Fetches bytes as [`Store::download`] does, and of those that files on this machine have as well only what
    /// differs. Returns how many bytes were here already.
    ///
    /// The likeliest files come first: those at the same place. Whether they still are what they were is looked at,
    /// and what they lead to is verified like everything else.
    ///
    /// # Errors
    ///
    /// Those of [`Store::download`]. Whatever is wrong with the files here, or with what the store says of its own,
    /// costs no more than the bytes themselves.
    pub async fn download_from(
        &self,
        id: &Reference,
        item: &Item,
        expected: &Content,
        target: &Path,
        candidates: Vec<Source>,
        progress: Arc<dyn Progress>,
    ) -> Result<u64, ClientError> {
        let (target, expected) = (target.to_owned(), *expected);
        let landing = blocking(move || Landing::open(&target, expected)).await?;
        let part_size = PartSize::whole_or(self.options().part_bytes);
        let fetch =
            Fetch { store: self, url: self.url_of_item(id, &[], item), expected, part_size, progress };
        let delta = DeltaDown { fetch: &fetch, id, item, candidates: &candidates };
        let (landing, n_reused) = delta.land(landing).await?;
        let mut landing = fetch.all(landing).await?;
        let is_spoilt = landing.is_spoilt();
        if is_spoilt {
            landing.restart()?;
            landing = fetch.all(landing).await?;
        }
        blocking(move || landing.finish()).await?;
        Ok(if is_spoilt { 0 } else { n_reused })
    }

    /// Returns the bytes of one file inside an archive, as they come.
    pub async fn archive_file(
        &self,
        id: &Reference,
        path: &str,
    ) -> Result<impl Stream<Item = Result<Bytes, ClientError>> + use<>, ClientError> {
        let parts: Vec<&str> = ["archive"].into_iter().chain(path.split('/')).collect();
        let request = self.request(Method::GET, self.url_of(id, &parts, &[]));
        let idle_timeout = self.options().idle_timeout;
        let send = async { request.send().await.map_err(|it| self.unreachable(it)) };
        let response = self.within(idle_timeout, send).await?;
        if !response.status().is_success() {
            return Err(refusal(response, self).await);
        }
        let store = self.clone();
        Ok(stream::try_unfold((store, response), |(store, mut response)| async move {
            let chunk = store.chunk(&mut response).await?;
            store.counters().received(chunk.as_ref().map_or(0, Bytes::len));
            Ok(chunk.map(|bytes| (bytes, (store, response))))
        }))
    }

    /// Returns where an item is, or what is kept of that kind beside it.
    pub(crate) fn url_of_item(&self, id: &Reference, kind: &[&str], item: &Item) -> Url {
        let mut parts = kind.to_vec();
        match item {
            Item::Archive => parts.push("archive"),
            Item::Resource(place) => {
                parts.extend(["resources", place.tree.as_str()]);
                parts.extend(place.path.as_str().split('/'));
            }
        }
        self.url_of(id, &parts, &[])
    }
}

/// One item's own bytes, as they come from the store.
pub(crate) struct Fetch<'a> {
    pub(crate) store: &'a Store,
    pub(crate) url: Url,
    pub(crate) expected: Content,
    pub(crate) part_size: PartSize,
    pub(crate) progress: Arc<dyn Progress>,
}

impl Fetch<'_> {
    /// Fetches until all bytes are there, however often the connection breaks, as long as some arrive each time.
    async fn all(&self, mut landing: Landing) -> Result<Landing, ClientError> {
        let mut patience = Patience::with_transfer(self.store.options());
        while !landing.is_whole() {
            let before = landing.size();
            let outcome;
            (landing, outcome) = self.rest(landing).await?;
            if landing.size() > before {
                patience.renew();
            }
            match outcome {
                Err(error) => self.recover(error, landing.size() > before, &mut patience).await?,
                // An answer that ends early without breaking off ends early the next time as well.
                Ok(()) if landing.size() <= before => return Err(landing.wrong()),
                Ok(()) => {}
            }
        }
        Ok(landing)
    }

    /// Waits for the next attempt; where nothing came through, it asks for less.
    async fn recover(
        &self,
        error: ClientError,
        got_on: bool,
        patience: &mut Patience,
    ) -> Result<(), ClientError> {
        let is_shorter = !got_on && self.part_size.failed(self.part_size.n_bytes(), &error);
        if is_shorter || is_transient(&error) {
            patience.wait(error, self.progress.as_ref()).await
        } else {
            Err(error)
        }
    }

    /// Fetches from where the file ends. Returns the file as it is then, and how the connection ended.
    async fn rest(&self, mut landing: Landing) -> Result<(Landing, Result<(), ClientError>), ClientError> {
        let response = match self.open(landing.size()).await {
            Ok(response) => response,
            Err(error) => return Ok((landing, Err(error))),
        };
        if response.status() != StatusCode::PARTIAL_CONTENT && landing.size() > 0 {
            landing.restart()?;
        }
        self.receive(landing, response).await
    }

    async fn open(&self, offset: u64) -> Result<Response, ClientError> {
        let mut request = self.store.request(Method::GET, self.url.clone());
        if let Some(range) = self.range(offset) {
            request = request.header(RANGE, range).header(IF_RANGE, self.etag());
        }
        let send = async { request.send().await.map_err(|it| self.store.unreachable(it)) };
        let response = self.store.within(self.store.options().idle_timeout, send).await?;
        if !response.status().is_success() {
            return Err(refusal(response, self.store).await);
        }
        self.check(&response, offset)?;
        Ok(response)
    }

    /// Returns what is asked for; nothing in particular, if it is all.
    fn range(&self, offset: u64) -> Option<String> {
        match offset.checked_add(self.part_size.n_bytes()) {
            Some(end) if end < self.expected.size => Some(format!("bytes={offset}-{}", end - 1)),
            _ if offset > 0 => Some(format!("bytes={offset}-")),
            _ => None,
        }
    }

    /// Refuses other bytes, and another range, before any of them is written.
    fn check(&self, response: &Response, offset: u64) -> Result<(), ClientError> {
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let is_other = header(ETAG).is_some_and(|etag| etag != self.etag());
        let is_elsewhere = response.status() == StatusCode::PARTIAL_CONTENT
            && !header(CONTENT_RANGE).is_some_and(|it| it.starts_with(&format!("bytes {offset}-")));
        if is_other || is_elsewhere {
            return Err(ClientError::Integrity { what: self.url.path().to_owned(), expected: self.expected });
        }
        Ok(())
    }

    pub(crate) fn etag(&self) -> String {
        format!("\"{}\"", self.expected.digests.sha256)
    }

    async fn receive(
        &self,
        mut landing: Landing,
        response: Response,
    ) -> Result<(Landing, Result<(), ClientError>), ClientError> {
        let (sender, mut receiver) = mpsc::channel::<Bytes>(CHUNKS_AHEAD);
        let (blob, progress) = (self.expected.digests.sha256, self.progress.clone());
        let writing = blocking(move || {
            while let Some(bytes) = receiver.blocking_recv() {
                landing.write(&bytes)?;
                let n_bytes = bytes.len() as u64;
                progress.note(Event::Received { blob, n_bytes, position: landing.size() });
            }
            Ok(landing)
        });
        let (landing, outcome) = tokio::join!(writing, self.pass(response, sender));
        Ok((landing?, outcome))
    }

    /// Hands on the bytes of an answer as they come, until it ends or nobody takes them.
    async fn pass(&self, mut response: Response, sender: mpsc::Sender<Bytes>) -> Result<(), ClientError> {
        loop {
            let Some(bytes) = self.store.chunk(&mut response).await? else { return Ok(()) };
            self.store.counters().received(bytes.len());
            self.store.pace().take(bytes.len()).await;
            if sender.send(bytes).await.is_err() {
                return Ok(());
            }
        }
    }
}
