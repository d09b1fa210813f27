//! Bytes, and bodies that carry them.

use std::io;

use blob_store::upload::UploadState;
use blob_store::{BlobError, BlobStore, ObjectKey, Sums};
use bytes::Bytes;
use charm_model::digest::Content;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};

/// Returns bytes that never repeat: the same for the same seed, and the shorter is the beginning of the longer.
pub(crate) fn bytes(seed: u8, n_bytes: usize) -> Bytes {
    let mut bytes = vec![0; n_bytes];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    bytes.into()
}

/// Returns a body that comes in frames of an odd length, as they do from a network.
pub(crate) fn body(bytes: &Bytes) -> impl Stream<Item = io::Result<Bytes>> + Send + Unpin + use<> {
    const FRAME_LEN: usize = 70_001;
    let bytes = bytes.clone();
    stream::iter((0..bytes.len()).step_by(FRAME_LEN))
        .map(move |start| Ok(bytes.slice(start..bytes.len().min(start + FRAME_LEN))))
}

/// Returns a body that breaks off at the end of `bytes`.
pub(crate) fn broken_body(bytes: &Bytes) -> impl Stream<Item = io::Result<Bytes>> + Send + Unpin + use<> {
    body(bytes).chain(stream::iter([Err(io::ErrorKind::ConnectionReset.into())]))
}

/// Returns the state as another server finds it.
pub(crate) fn stored_and_loaded(state: &UploadState) -> UploadState {
    serde_json::from_slice(&serde_json::to_vec(state).unwrap()).unwrap()
}

/// Sends a body, keeps what is durable in `state`, and returns how it ended.
pub(crate) async fn send(
    store: &BlobStore,
    state: &mut UploadState,
    body: impl Stream<Item = io::Result<Bytes>> + Send + Unpin,
) -> Result<(), BlobError> {
    let mut checkpoints = store.append(stored_and_loaded(state), body).await?;
    while let Some(durable) = checkpoints.try_next().await? {
        *state = stored_and_loaded(&durable);
    }
    Ok(())
}

/// Sends what is missing of `bytes`.
pub(crate) async fn send_rest(
    store: &BlobStore,
    state: &mut UploadState,
    bytes: &Bytes,
) -> Result<(), BlobError> {
    let offset = usize::try_from(state.offset()).unwrap();
    send(store, state, body(&bytes.slice(offset..))).await
}

/// Uploads bytes under a fresh key.
pub(crate) async fn put(store: &BlobStore, bytes: &Bytes) -> (ObjectKey, Sums) {
    let mut state = begin(bytes);
    send_rest(store, &mut state, bytes).await.unwrap();
    let sums = store.finish(&state, &Content::of(bytes).digests).await.unwrap();
    (state.key(), sums)
}

/// Announces bytes under a fresh key.
pub(crate) fn begin(bytes: &Bytes) -> UploadState {
    UploadState::begin(ObjectKey::fresh().unwrap(), bytes.len() as u64, false)
}

/// Returns a range of an object.
pub(crate) async fn get(
    store: &BlobStore,
    key: ObjectKey,
    range: std::ops::Range<u64>,
) -> Result<Bytes, BlobError> {
    let blocks: Vec<Bytes> = store.read(key, range).await?.try_collect().await?;
    Ok(blocks.concat().into())
}
