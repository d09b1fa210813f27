//! Sending a blob in parts, and going on where an interruption left it.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use charm_model::digest::Sha256;
use futures::StreamExt as _;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Method};
use v4_wire::error::Code;
use v4_wire::publish::{Session, UploadProgress};

use crate::call::{Call, read_answer, read_json};
use crate::error::ClientError;
use crate::file_part::{FilePart, Meter};
use crate::hash::hash_file;
use crate::part_size::PartSize;
use crate::progress::{Event, Progress};
use crate::publish::Source;
use crate::recheck::Beginnings;
use crate::recipe_up::{self, Cook};
use crate::retry::{Patience, is_transient};
use crate::store::Store;

pub(crate) struct Upload<'a> {
    store: &'a Store,
    session: &'a Session,
    source: &'a Source,
    part_size: &'a PartSize,
    cook: Cook<'a>,
    progress: &'a Arc<dyn Progress>,
    beginnings: Arc<Beginnings>,
}

impl<'a> Upload<'a> {
    pub(crate) fn new(
        (store, session): (&'a Store, &'a Session),
        source: &'a Source,
        part_size: &'a PartSize,
        cook: Cook<'a>,
        progress: &'a Arc<dyn Progress>,
    ) -> Self {
        Self { store, session, source, part_size, cook, progress, beginnings: Arc::default() }
    }

    /// Sends what the store does not have, until it says that all has arrived and is what was announced.
    pub(crate) async fn send_from(&self, offset: u64) -> Result<(), ClientError> {
        let patience = Patience::with_transfer(self.store.options());
        let mut going = Going { patience, restarted: false };
        let mut at = UploadProgress { offset, complete: false };
        while !at.complete {
            let before = at.offset;
            at = match self.send_part(before).await {
                // A recipe of which nothing was taken was none.
                Ok(answer) if !answer.complete && answer.offset <= before && self.cook.works() => {
                    self.cook.stop();
                    answer
                }
                Ok(answer) if !answer.complete && answer.offset <= before => return Err(self.not_taken()),
                Ok(answer) => answer,
                Err(error) => self.recover(error, before, &mut going).await?,
            };
            if at.offset > before {
                going.patience.renew();
            }
            self.progress.note(Event::Stored { blob: self.blob(), position: at.offset });
        }
        Ok(())
    }

    /// Returns from where to go on after a part that failed; only the store knows how much of it has arrived.
    async fn recover(
        &self,
        error: ClientError,
        offset: u64,
        going: &mut Going,
    ) -> Result<UploadProgress, ClientError> {
        let is_shorter = self.part_size().failed(self.part(offset).end - offset, &error);
        // An earlier part may still be on its way through a proxy, or be flushed by the store.
        let is_early = error.is(Code::Offset);
        let is_plainer = !is_shorter && self.becomes_plain(&error).await?;
        let goes_on = is_shorter || is_early || is_plainer || is_transient(&error);
        if !(goes_on || going.begins_anew(&error, offset)) {
            return Err(error);
        }
        going.patience.wait(error, self.progress.as_ref()).await?;
        let call = Call::get(self.url(None));
        self.store.ask_with(&call, &mut going.patience, self.progress.as_ref()).await
    }

    /// Gives recipes up if they may be to blame, and says so. A file that changed since it was summed up is to blame
    /// before them.
    async fn becomes_plain(&self, error: &ClientError) -> Result<bool, ClientError> {
        let is_told = error.problem().is_some_and(|it| (400..500).contains(&it.status));
        if !is_told || is_transient(error) || error.is(Code::Offset) || !self.cook.works() {
            return Ok(false);
        }
        self.cook.stop();
        if error.is(Code::Digest) && hash_file(&self.source.path, Arc::new(())).await? != self.source.content
        {
            return Err(ClientError::Changed(self.source.path.clone()));
        }
        Ok(true)
    }

    async fn send_part(&self, offset: u64) -> Result<UploadProgress, ClientError> {
        let (part, part_size) = (self.part(offset), self.part_size());
        let meter = Arc::new(Meter::default());
        let began = Instant::now();
        let recipe = self.cook.recipe(self.source, part.clone()).await?;
        let (media_type, n_bytes, body) = if let Some(recipe) = recipe {
            let (n_bytes, to) = (recipe.n_bytes, (self.store.clone(), meter.clone()));
            let body = recipe_up::body(recipe, self.source, &part, to, self.progress.clone());
            (v4_wire::RECIPE, n_bytes, body)
        } else {
            // What was meant to be a recipe may be more than a request should be.
            let part = self.plain_part(offset);
            let n_bytes = part.end - part.start;
            ("application/octet-stream", n_bytes, self.body(part, meter.clone()))
        };
        let request = self
            .store
            .request(Method::PUT, self.url(Some(offset)))
            .header(CONTENT_TYPE, media_type)
            .header(CONTENT_LENGTH, n_bytes)
            .body(body);
        let answer = async {
            read_answer(request.send().await.map_err(|it| self.store.unreachable(it))?, self.store).await
        };
        let body =
            self.store.watch(&meter, n_bytes, answer).await.map_err(|error| self.blame(&meter, error))?;
        part_size.passed(part.end - part.start, began.elapsed());
        read_json(&self.url(None), &body)
    }

    fn part_size(&self) -> &PartSize {
        if self.cook.works() { self.cook.part_size() } else { self.part_size }
    }

    fn part(&self, offset: u64) -> Range<u64> {
        self.part_of(offset, self.part_size().n_bytes())
    }

    fn plain_part(&self, offset: u64) -> Range<u64> {
        self.part_of(offset, self.part_size.n_bytes())
    }

    /// Returns the part from there on: to the blob's end, or to the last step of the store's within so many bytes, or to
    /// the next one: of less than a step the store keeps nothing.
    fn part_of(&self, offset: u64, n_bytes: u64) -> Range<u64> {
        let (size, step) = (self.source.content.size, self.session.part_step.max(1));
        let n_steps = (offset.saturating_add(n_bytes) / step).max(offset / step + 1);
        offset..n_steps.saturating_mul(step).min(size).max(offset)
    }

    fn body(&self, range: Range<u64>, meter: Arc<Meter>) -> Body {
        let (blob, mut position, progress) = (self.blob(), range.start, self.progress.clone());
        let part = FilePart { source: self.source.clone(), range, beginnings: self.beginnings.clone() };
        Body::wrap_stream(part.read(self.store.clone(), meter).inspect(move |read| {
            if let Ok(bytes) = read {
                position += bytes.len() as u64;
                progress.note(Event::Sent { blob, n_bytes: bytes.len() as u64, position });
            }
        }))
    }

    /// Returns the file's fault rather than the network's, where it was the file's.
    fn blame(&self, meter: &Meter, error: ClientError) -> ClientError {
        match meter.fault() {
            None => error,
            Some(fault) => fault.of(self.source.path.clone()),
        }
    }

    fn not_taken(&self) -> ClientError {
        ClientError::Integrity { what: self.source.path.display().to_string(), expected: self.source.content }
    }

    fn blob(&self) -> Sha256 {
        self.source.content.digests.sha256
    }

    fn url(&self, offset: Option<u64>) -> url::Url {
        let query = [("offset", offset.map(|it| it.to_string()))];
        self.store.url(["publish", &self.session.id, "blobs", &self.blob().to_hex()], &query)
    }
}

impl Store {
    /// Gives up once nothing moves any more. With all bytes there the store flushes and verifies, and a proxy that kept
    /// them until now passes them on; both may take longer.
    pub(crate) async fn watch<T>(
        &self,
        meter: &Meter,
        n_bytes: u64,
        work: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        let options = self.options();
        tokio::pin!(work);
        loop {
            let before = meter.n_sent();
            let patience = if before == n_bytes { options.commit_timeout } else { options.idle_timeout };
            match tokio::time::timeout(patience, &mut work).await {
                Ok(result) => return result,
                Err(_) if meter.n_sent() == before => return Err(self.silent(patience)),
                Err(_) => {}
            }
        }
    }
}

/// What an upload may still try.
struct Going {
    patience: Patience,
    restarted: bool,
}

impl Going {
    /// Says whether to begin anew: this file is what was announced, so what an earlier run has left at the store is not.
    fn begins_anew(&mut self, error: &ClientError, offset: u64) -> bool {
        error.is(Code::Digest) && offset > 0 && !std::mem::replace(&mut self.restarted, true)
    }
}
