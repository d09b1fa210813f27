//! Chunk maps of files here, and of blobs at the store.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use charm_model::digest::Content;
use delta::{ChunkMap, ChunkerId, DeltaError};
use reqwest::Method;
use rustix::fs::OFlags;
use url::Url;

use crate::call::refusal;
use crate::error::ClientError;
use crate::hash::blocking;
use crate::progress::{Event, Progress};
use crate::publish::Source;
use crate::retry::{Patience, is_transient};
use crate::store::Store;

/// How every file is cut, here and at the store: maps of different chunkers find nothing in each other.
const CHUNKER: ChunkerId = ChunkerId::FastCdc32K;

/// Below this, in bytes, a blob is sent and fetched as it is: asking would cost more than it saves.
pub(crate) const MIN_DELTA_BYTES: u64 = 128 << 10;

/// Opens a regular file and nothing else: what a hook has put in its place may be a link, or a pipe that never ends.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

/// Returns the chunks of a file as it is now, whatever it was. Whoever takes one verifies it. Blocks.
pub(crate) fn map_as_it_is(source: &Source) -> io::Result<ChunkMap> {
    ChunkMap::read_unchecked(CHUNKER, source.content, open_regular(&source.path)?)
}

/// Returns the map of a file that is to be sent.
///
/// # Errors
///
/// [`ClientError::Changed`] if it is not what it was summed up as.
pub(crate) async fn map_source(
    source: &Source,
    progress: &Arc<dyn Progress>,
) -> Result<ChunkMap, ClientError> {
    let (Source { path, content }, progress) = (source.clone(), progress.clone());
    let map = blocking(move || {
        let noted = Noted { inner: File::open(path).map_err(unreadable)?, progress };
        ChunkMap::read_known(CHUNKER, content, noted)
    });
    map.await.map_err(|error| match error {
        DeltaError::ReadTarget { source: error, .. } => ClientError::io(&source.path)(error),
        _ => ClientError::Changed(source.path.clone()),
    })
}

fn unreadable(source: io::Error) -> DeltaError {
    DeltaError::ReadTarget { at: 0, source }
}

/// Returns the map of a file, if it is there and still what it was.
pub(crate) async fn map_if_right(Source { path, content }: Source) -> Option<ChunkMap> {
    blocking(move || ChunkMap::read_known(CHUNKER, content, open_regular(&path).ok()?).ok()).await
}

/// Fetches the map of that content.
pub(crate) async fn fetch_map(store: &Store, url: Url, content: &Content) -> Result<ChunkMap, ClientError> {
    let most = ChunkMap::max_encoded_bytes(CHUNKER, content.size);
    let mut patience = Patience::with_request(store.options());
    let bytes = loop {
        match fetch_bytes(store, &url, most).await {
            Err(error) if is_transient(&error) => patience.wait(error, &()).await?,
            outcome => break outcome?,
        }
    };
    match ChunkMap::decode(&bytes) {
        Ok(map) if map.content() == content => Ok(map),
        Ok(_) => Err(ClientError::nonsense(&url, "the chunk map of another blob")),
        Err(error) => Err(ClientError::nonsense(&url, &error.to_string())),
    }
}

async fn fetch_bytes(store: &Store, url: &Url, most: u64) -> Result<Vec<u8>, ClientError> {
    let request = store.request(Method::GET, url.clone());
    let send = async { request.send().await.map_err(|it| store.unreachable(it)) };
    // A store that has no map yet reads the whole blob to make one.
    let mut response = store.within(store.options().commit_timeout, send).await?;
    if !response.status().is_success() {
        return Err(refusal(response, store).await);
    }
    let mut body = Vec::new();
    while let Some(bytes) = store.chunk(&mut response).await? {
        store.counters().received(bytes.len());
        body.extend_from_slice(&bytes);
        if body.len() as u64 > most {
            return Err(ClientError::nonsense(url, "a chunk map longer than any of that blob"));
        }
    }
    Ok(body)
}

/// A reader that tells what passes.
struct Noted {
    inner: File,
    progress: Arc<dyn Progress>,
}

impl Read for Noted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.inner.read(buffer)?;
        self.progress.note(Event::Hashed { n_bytes: n_bytes as u64 });
        Ok(n_bytes)
    }
}
