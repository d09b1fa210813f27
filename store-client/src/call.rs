//! One request that is answered in JSON.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::error::ClientError;
use crate::progress::Progress;
use crate::refusal::Refusal;
use crate::retry::{Patience, Repeat};
use crate::store::Store;

/// The longest JSON answer that is read: a manifest of the most files there may be has about 3 MiB.
const MAX_ANSWER_BYTES: usize = 64 << 20;

pub(crate) struct Call {
    method: Method,
    url: Url,
    body: Option<Bytes>,
    repeat: Repeat,
    patience: Option<Duration>,
}

impl Call {
    pub(crate) fn new(method: Method, url: Url) -> Self {
        let repeat = if method == Method::POST { Repeat::IfUndone } else { Repeat::Always };
        Self { method, url, body: None, repeat, patience: None }
    }

    pub(crate) fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    pub(crate) fn json(self, body: &impl Serialize) -> Self {
        // Texts, numbers, lists, and maps whose keys are texts: there is no wire form without a JSON form.
        let bytes = serde_json::to_vec(body).expect("a wire form has a JSON form");
        Self { body: Some(bytes.into()), ..self }
    }

    pub(crate) fn repeat(self, repeat: Repeat) -> Self {
        Self { repeat, ..self }
    }

    pub(crate) fn within(self, patience: Duration) -> Self {
        Self { patience: Some(patience), ..self }
    }
}

impl Store {
    /// Asks, again where that is safe, and reads the answer.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T, ClientError> {
        let body = self.ask_bytes(&call).await?;
        read_json(&call.url, &body)
    }

    /// Asks as [`Store::ask`] does, where the answer says no more than that it is done.
    pub(crate) async fn tell(&self, call: Call) -> Result<(), ClientError> {
        self.ask_bytes(&call).await.map(drop)
    }

    /// Asks as [`Store::ask`] does, for a transfer that has its own patience.
    pub(crate) async fn ask_with<T: DeserializeOwned>(
        &self,
        call: &Call,
        patience: &mut Patience,
        progress: &dyn Progress,
    ) -> Result<T, ClientError> {
        let body = self.ask_patiently(call, patience, progress).await?;
        read_json(&call.url, &body)
    }

    async fn ask_bytes(&self, call: &Call) -> Result<Vec<u8>, ClientError> {
        self.ask_patiently(call, &mut Patience::with_request(self.options()), &()).await
    }

    async fn ask_patiently(
        &self,
        call: &Call,
        patience: &mut Patience,
        progress: &dyn Progress,
    ) -> Result<Vec<u8>, ClientError> {
        loop {
            match self.ask_once(call).await {
                Err(error) if call.repeat.allows(&error) => patience.wait(error, progress).await?,
                outcome => return outcome,
            }
        }
    }

    async fn ask_once(&self, call: &Call) -> Result<Vec<u8>, ClientError> {
        let mut request = self.request(call.method.clone(), call.url.clone());
        if let Some(body) = &call.body {
            request = request.header(reqwest::header::CONTENT_TYPE, "application/json").body(body.clone());
            self.counters().talk(body.len());
        }
        let patience = call.patience.unwrap_or(self.options().idle_timeout);
        let send = async { request.send().await.map_err(|it| self.unreachable(it)) };
        read_answer(self.within(patience, send).await?, self).await
    }
}

/// Reads an answer's body as JSON.
pub(crate) fn read_json<T: DeserializeOwned>(url: &Url, body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|source| ClientError::NotAStore { url: url.clone(), source })
}

/// Returns the body of an answer, or the refusal that it is.
pub(crate) async fn read_answer(response: Response, store: &Store) -> Result<Vec<u8>, ClientError> {
    if !response.status().is_success() {
        return Err(refusal(response, store).await);
    }
    read_bounded(response, store).await
}

/// Returns the refusal that an answer without success is.
pub(crate) async fn refusal(response: Response, store: &Store) -> ClientError {
    let (status, headers) = (response.status(), response.headers().clone());
    match read_bounded(response, store).await {
        Err(error) => error,
        Ok(body) => ClientError::refused(Refusal::read(status, &headers, &body)),
    }
}

async fn read_bounded(mut response: Response, store: &Store) -> Result<Vec<u8>, ClientError> {
    let mut body = Vec::new();
    while let Some(bytes) = store.chunk(&mut response).await? {
        store.counters().talk(bytes.len());
        body.extend_from_slice(&bytes);
        // What is cut off here is not JSON any more, and is told as such.
        if body.len() > MAX_ANSWER_BYTES {
            break;
        }
    }
    Ok(body)
}
