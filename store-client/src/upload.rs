//! Sending a blob in parts, and going on where an interruption left it.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use charm_model::digest::Sha256;
use futures::StreamExt as _;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Method};
use v4_wire::error::Code;
use v4_wire::publish::{Session, UploadProgress};

use crate::call::{Call, read_answer};
use crate::error::ClientError;
use crate::file_part::{Meter, read_part};
use crate::progress::{Event, Progress};
use crate::publish::Source;
use crate::retry::Patience;
use crate::store::Store;

pub(crate) struct Upload<'a> {
    pub(crate) store: &'a Store,
    pub(crate) session: &'a Session,
    pub(crate) source: &'a Source,
    pub(crate) progress: &'a Arc<dyn Progress>,
}

impl Upload<'_> {
    /// Sends what the store does not have, until it says that all has arrived and is what was announced.
    pub(crate) async fn send_from(&self, offset: u64) -> Result<(), ClientError> {
        let mut patience = Patience::new(self.store.options().n_retries);
        let mut at = UploadProgress { offset, complete: false };
        while !at.complete {
            let before = at.offset;
            at = match self.send_part(before).await {
                Ok(answer) if !answer.complete && answer.offset <= before => return Err(self.not_taken()),
                Ok(answer) => answer,
                Err(error) => self.after(error, before, &mut patience).await?,
            };
            if at.offset > before {
                patience.renew();
            }
            self.progress.note(Event::Stored { blob: self.blob(), position: at.offset });
        }
        Ok(())
    }

    /// Returns from where to go on after a part that failed; only the store knows how much of it has arrived.
    async fn after(
        &self,
        error: ClientError,
        offset: u64,
        patience: &mut Patience,
    ) -> Result<UploadProgress, ClientError> {
        if !error.is(Code::Offset) {
            patience.wait(error).await?;
            return self.ask().await;
        }
        let at = self.ask().await?;
        if at.offset == offset && !at.complete { Err(error) } else { Ok(at) }
    }

    async fn ask(&self) -> Result<UploadProgress, ClientError> {
        self.store.ask(Call::get(self.url(None))).await
    }

    async fn send_part(&self, offset: u64) -> Result<UploadProgress, ClientError> {
        let part = self.part(offset);
        let n_bytes = part.end - part.start;
        let meter = Arc::new(Meter::default());
        let request = self
            .store
            .request(Method::PUT, self.url(Some(offset)))
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, n_bytes)
            .body(self.body(part, meter.clone()));
        let answer = async {
            read_answer(request.send().await.map_err(|it| self.store.unreachable(it))?, self.store).await
        };
        let body = self.watch(&meter, n_bytes, answer).await.map_err(|error| self.blame(&meter, error))?;
        serde_json::from_slice(&body).map_err(|source| ClientError::NotAStore { url: self.url(None), source })
    }

    fn part(&self, offset: u64) -> Range<u64> {
        // A store that takes no bytes at all would keep the client here for ever.
        let n_bytes = self.store.options().part_bytes.min(self.session.max_part).max(1);
        offset..offset.saturating_add(n_bytes).min(self.source.content.size).max(offset)
    }

    fn body(&self, part: Range<u64>, meter: Arc<Meter>) -> Body {
        let (blob, mut position, progress) = (self.blob(), part.start, self.progress.clone());
        let bytes = read_part(&self.source.path, part, meter);
        Body::wrap_stream(bytes.inspect(move |read| {
            if let Ok(bytes) = read {
                position += bytes.len() as u64;
                progress.note(Event::Sent { blob, n_bytes: bytes.len() as u64, position });
            }
        }))
    }

    /// Gives up once nothing moves any more. With all bytes there the store flushes and verifies, which may take longer.
    async fn watch<T>(
        &self,
        meter: &Meter,
        n_bytes: u64,
        work: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        let options = self.store.options();
        tokio::pin!(work);
        loop {
            let before = meter.n_sent();
            let patience = if before == n_bytes { options.commit_timeout } else { options.idle_timeout };
            match tokio::time::timeout(patience, &mut work).await {
                Ok(result) => return result,
                Err(_) if meter.n_sent() == before => return Err(self.store.silent(patience)),
                Err(_) => {}
            }
        }
    }

    /// Returns the file's fault rather than the network's, where it was the file's.
    fn blame(&self, meter: &Meter, error: ClientError) -> ClientError {
        let path = self.source.path.clone();
        match meter.fault() {
            None => error,
            Some(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => ClientError::Changed(path),
            Some(source) => ClientError::Io { path, source },
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
