//! From announced bytes to an object: stage, flush, verify, then name.
//!
//! Between two calls everything is in an [`UploadState`], which the caller keeps where every server can read it. So any
//! of them can go on where another died, and no byte that was flushed is sent or hashed again.

use bytes::Bytes;
use charm_model::digest::Digests;
use futures::stream::{self, BoxStream, Stream, StreamExt as _};
use serde::{Deserialize, Serialize};
use tracing::{instrument, warn};

use crate::error::{BlobError, BodyError};
use crate::key::ObjectKey;
use crate::remote::{Multipart, Remote};
use crate::store::{Backend, BlobStore};
use crate::sums::{MAX_INLINE_SHA384, RunningSums, Sums};

use append::Append;
use blocks::Blocks;
use sink::Sink;

mod append;
mod blocks;
mod sink;

/// How far an upload is, durably. To be kept as it is; what is in it may change, and its form is none of the caller's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UploadState {
    key: ObjectKey,
    size: u64,
    sums: RunningSums,
    /// Of an upload into a bucket that has begun.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    multipart: Option<Multipart>,
}

impl UploadState {
    /// Announces an object of `size` bytes. Nothing is written yet.
    ///
    /// A blob that is small gets its SHA-384 in any case.
    pub fn begin(key: ObjectKey, size: u64, want_sha384: bool) -> Self {
        let sums = RunningSums::new(want_sha384 || size <= MAX_INLINE_SHA384);
        Self { key, size, sums, multipart: None }
    }

    /// Returns the key under which the object will lie.
    pub fn key(&self) -> ObjectKey {
        self.key
    }

    /// Returns how many bytes were announced.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns how many bytes have come and are flushed; the next one to send.
    pub fn offset(&self) -> u64 {
        self.sums.size()
    }

    fn is_whole(&self) -> bool {
        self.offset() == self.size
    }

    /// Returns what the bytes turned out to be, for who could not know it before.
    ///
    /// # Errors
    ///
    /// [`BlobError::Incomplete`] until all have come.
    pub fn sums(&self) -> Result<Sums, BlobError> {
        if self.is_whole() {
            Ok(self.sums.sums())
        } else {
            Err(BlobError::Incomplete { offset: self.offset(), size: self.size })
        }
    }
}

impl BlobStore {
    /// Writes a body from [`UploadState::offset`] on. The bytes flow as the returned stream is polled; each item is the
    /// durable state by then, to be stored before the next is asked for: every 32 MiB, and when the body ends. A crash
    /// loses at most 64 MiB.
    ///
    /// The first item of an upload into a bucket comes before its first byte, and has what is needed to clean up. A
    /// body that ends early into a bucket is kept up to its last whole part of 8 MiB; the offset says so.
    ///
    /// # Errors
    ///
    /// [`BlobError::Busy`] while another body is being written; [`BlobError::Lost`] if the state is of bytes that are
    /// gone. In the stream, behind the state that holds what came before: [`BlobError::Body`] and
    /// [`BlobError::TooLong`]. [`BlobError::NoSpace`], [`BlobError::Io`] and [`BlobError::Store`] leave the last state
    /// as it was.
    #[instrument(skip_all, fields(object = %state.key, offset = state.offset()))]
    pub async fn append<'body, E: Into<BodyError>>(
        &self,
        mut state: UploadState,
        body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin + 'body,
    ) -> Result<BoxStream<'body, Result<UploadState, BlobError>>, BlobError> {
        if state.is_whole() {
            return Ok(nothing_more(body, state.size));
        }
        let is_new = state.multipart.is_none();
        let sink = self.sink(&mut state).await?;
        let blocks = Blocks::new(body, state.offset(), state.size, sink.block_len(state.size));
        let announced = (is_new && state.multipart.is_some()).then(|| Ok(state.clone()));
        let rest = stream::try_unfold(Append::new(state, sink, blocks), async |mut append| {
            Ok(append.checkpoint().await?.map(|state| (state, append)))
        });
        Ok(stream::iter(announced).chain(rest).boxed())
    }

    async fn sink(&self, state: &mut UploadState) -> Result<Sink, BlobError> {
        match &self.backend {
            Backend::Local(local) => {
                let (key, offset) = (state.key, state.offset());
                Ok(Sink::File(local.run(move |local| local.stage(key, offset)).await?))
            }
            Backend::Remote(remote) => {
                state.multipart = Some(multipart(remote, state).await?);
                Ok(Sink::Parts(remote.clone()))
            }
        }
    }

    /// Gives the staged bytes their name, if they are what was expected; otherwise drops them. May be repeated, if a
    /// crash kept the caller from noting the success.
    ///
    /// # Errors
    ///
    /// [`BlobError::Incomplete`]; [`BlobError::Mismatch`]; [`BlobError::Busy`] while a body is being written;
    /// [`BlobError::Lost`] if the staged bytes are gone.
    #[instrument(skip_all, fields(object = %state.key, blob.digest = %expected.sha256))]
    pub async fn finish(&self, state: &UploadState, expected: &Digests) -> Result<Sums, BlobError> {
        let sums = state.sums()?;
        let actual = sums.content.digests;
        if actual != *expected {
            if let Err(error) = self.abort(state).await {
                warn!(%error, "what does not match could not be dropped, and is left to the sweep");
            }
            return Err(BlobError::Mismatch { expected: Box::new(*expected), actual: Box::new(actual) });
        }
        self.name(state).await?;
        Ok(sums)
    }

    async fn name(&self, state: &UploadState) -> Result<(), BlobError> {
        let UploadState { key, size, .. } = *state;
        match &self.backend {
            Backend::Local(local) => local.run(move |local| local.name(key, size)).await,
            Backend::Remote(remote) => remote.name(key, size, multipart(remote, state).await?).await,
        }
    }

    /// Drops what is staged. An object that has its name already keeps it.
    #[instrument(skip_all, fields(object = %state.key))]
    pub async fn abort(&self, state: &UploadState) -> Result<(), BlobError> {
        let key = state.key;
        match (&self.backend, &state.multipart) {
            (Backend::Local(local), _) => local.run(move |local| local.unstage(key)).await,
            (Backend::Remote(remote), Some(multipart)) => remote.abort(key, multipart).await,
            (Backend::Remote(_), None) => Ok(()),
        }
    }
}

/// Takes a body that follows the last byte, and so may have none. The bytes may have their name already, from before a
/// crash, so there is nothing to open.
fn nothing_more<'body, E: Into<BodyError>>(
    body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin + 'body,
    size: u64,
) -> BoxStream<'body, Result<UploadState, BlobError>> {
    let rest = stream::try_unfold(Blocks::new(body, size, size, 1), async |mut blocks| {
        blocks.next().await;
        blocks.end().map(|()| None)
    });
    rest.boxed()
}

/// Returns the multipart upload of the state, or begins it.
async fn multipart(remote: &Remote, state: &UploadState) -> Result<Multipart, BlobError> {
    match &state.multipart {
        Some(multipart) => Ok(multipart.clone()),
        None if state.offset() == 0 => remote.begin_parts(state.key).await,
        None => Err(BlobError::Lost(state.key)),
    }
}
