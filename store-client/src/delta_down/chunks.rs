//! A file as chunks: copied from files here, and fetched in ranges where no file here has them.
//!
//! Pieces come in the order of the file, several under way at once, each verified chunk by chunk before it is written.
//! So what is on the disk is always a beginning of the file, and an interrupted download goes on behind it.

use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use delta::plan::{Origin, Plan, Step};
use delta::{Chunk, ChunkMap, plan_copies};
use futures::{StreamExt as _, stream};
use reqwest::header::{CONTENT_RANGE, IF_RANGE, RANGE};
use reqwest::{Method, Response, StatusCode};

use super::{DeltaDown, Way, unless_away};
use crate::call::refusal;
use crate::error::ClientError;
use crate::hash::blocking;
use crate::landing::Landing;
use crate::local_map::{fetch_map, map_as_it_is, open_regular};
use crate::progress::Event;
use crate::retry::{Patience, is_transient};

/// How many files here are looked at.
const MAX_CANDIDATES: usize = 4;

/// Copies that are shorter are fetched with what is around them: a request costs more.
const MIN_COPY_BYTES: u64 = 64 << 10;

/// The longest piece, in bytes. As many as are fetched at once are in memory.
const PIECE_BYTES: u64 = 4 << 20;

/// Below this part of a file, what is here is not worth the requests.
const MIN_SHARE: u64 = 20;

/// How often a chunk that comes wrong is fetched.
const MAX_ATTEMPTS: usize = 3;

pub(super) struct Chunks<'a> {
    pub(super) down: &'a DeltaDown<'a>,
}

/// Some chunks that come from one place.
struct Piece<'a> {
    chunks: &'a [Chunk],
    origin: Origin,
}

impl Piece<'_> {
    fn range(&self) -> Range<u64> {
        self.chunks.first().map_or(0, |it| it.offset)..self.chunks.last().map_or(0, Chunk::end)
    }
}

impl Chunks<'_> {
    /// Makes the rest of the file, if enough of it is here.
    pub(super) async fn land(&self, landing: Landing) -> Result<Way, ClientError> {
        let (files, maps) = self.files_here().await;
        let fetch = self.down.fetch;
        let url = fetch.store.url_of_item(self.down.id, &["chunks"], self.down.item);
        let fetched = unless_away(fetch_map(fetch.store, url, &fetch.expected).await)?;
        let Some(target) = fetched.filter(|_| !files.is_empty()) else { return Ok(Way::None(landing)) };
        let plan = plan_copies(&target, &maps.iter().collect::<Vec<_>>(), MIN_COPY_BYTES);
        if plan.copied_bytes() < fetch.expected.size / MIN_SHARE {
            return Ok(Way::None(landing));
        }
        self.make(&target, &plan, &files, landing).await
    }

    /// Returns the files here with their maps: as they are now, since every chunk is verified when it is copied.
    async fn files_here(&self) -> (Vec<PathBuf>, Vec<ChunkMap>) {
        let mut here = (Vec::new(), Vec::new());
        for candidate in self.down.candidates.iter().take(MAX_CANDIDATES) {
            let source = candidate.clone();
            if let Ok(map) = blocking(move || map_as_it_is(&source)).await {
                here.0.push(candidate.path.clone());
                here.1.push(map);
            }
        }
        here
    }

    async fn make(
        &self,
        target: &ChunkMap,
        plan: &Plan,
        files: &[PathBuf],
        mut landing: Landing,
    ) -> Result<Way, ClientError> {
        landing.doubt();
        let left = landing.size()..target.content().size;
        let first = target.chunks_covering(left.clone()).first().map_or(left.start, |it| it.offset);
        let plan = plan.part(&(first..left.end));
        let pieces = plan.steps().iter().flat_map(|step| pieces(target, step));
        let n_parallel = self.down.fetch.store.options().n_parallel.max(1);
        let mut coming = Box::pin(stream::iter(pieces).map(|it| self.piece(it, files)).buffered(n_parallel));
        while let Some(piece) = coming.next().await {
            let Some((at, bytes)) = unless_away(piece)? else { return Ok(Way::None(landing)) };
            landing = self.write(landing, at, bytes).await?;
        }
        drop(coming);
        Ok(Way::Made(landing, plan.copied_bytes()))
    }

    /// Writes what the landing does not have of some bytes that belong there.
    async fn write(&self, mut landing: Landing, at: u64, bytes: Vec<u8>) -> Result<Landing, ClientError> {
        let (blob, progress) = (self.down.fetch.expected.digests.sha256, self.down.fetch.progress.clone());
        blocking(move || {
            let n_known = usize::try_from(landing.size() - at).unwrap_or(usize::MAX).min(bytes.len());
            landing.write(&bytes[n_known..])?;
            progress.note(Event::Made { blob, position: landing.size() });
            Ok(landing)
        })
        .await
    }

    /// Returns where a piece belongs, and its bytes: right, chunk by chunk.
    async fn piece(&self, piece: Piece<'_>, files: &[PathBuf]) -> Result<(u64, Vec<u8>), ClientError> {
        let range = piece.range();
        let mut bytes = match piece.origin {
            Origin::Base { base, offset } => copy(&files[base], offset, range.end - range.start).await,
            Origin::New => self.fetch_range(&range).await?,
        };
        for chunk in piece.chunks {
            let place = place(chunk, range.start);
            if chunk.verify(&bytes[place.clone()]).is_err() {
                bytes[place].copy_from_slice(&self.chunk(chunk).await?);
            }
        }
        Ok((range.start, bytes))
    }

    /// Fetches a chunk that was wrong: in a file here, or on its way.
    async fn chunk(&self, chunk: &Chunk) -> Result<Vec<u8>, ClientError> {
        for _ in 0..MAX_ATTEMPTS {
            let bytes = self.fetch_range(&(chunk.offset..chunk.end())).await?;
            if chunk.verify(&bytes).is_ok() {
                return Ok(bytes);
            }
        }
        Err(self.wrong())
    }

    /// Fetches a range, going on where the connection broke.
    async fn fetch_range(&self, range: &Range<u64>) -> Result<Vec<u8>, ClientError> {
        let fetch = self.down.fetch;
        let mut bytes = Vec::new();
        let mut patience = Patience::with_transfer(fetch.store.options());
        loop {
            let before = bytes.len();
            match self.fetch_rest(range, &mut bytes).await {
                Ok(()) if range.start + bytes.len() as u64 == range.end => return Ok(bytes),
                // An answer that ends early without breaking off.
                Ok(()) if bytes.len() == before => return Err(self.wrong()),
                Ok(()) => {}
                Err(error) if is_transient(&error) => {
                    if bytes.len() > before {
                        patience.renew();
                    }
                    patience.wait(error, fetch.progress.as_ref()).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn fetch_rest(&self, range: &Range<u64>, bytes: &mut Vec<u8>) -> Result<(), ClientError> {
        let fetch = self.down.fetch;
        let start = range.start + bytes.len() as u64;
        let request = fetch.store.request(Method::GET, fetch.url.clone());
        let request = request.header(RANGE, format!("bytes={start}-{}", range.end - 1));
        let request = request.header(IF_RANGE, fetch.etag());
        let send = async { request.send().await.map_err(|it| fetch.store.unreachable(it)) };
        let mut response = fetch.store.within(fetch.store.options().idle_timeout, send).await?;
        if !response.status().is_success() {
            return Err(refusal(response, fetch.store).await);
        }
        if !is_range_from(&response, start) {
            return Err(self.wrong());
        }
        while let Some(more) = fetch.store.chunk(&mut response).await? {
            fetch.store.counters().received(more.len());
            fetch.store.pace().take(more.len()).await;
            bytes.extend_from_slice(&more);
            if range.start + bytes.len() as u64 > range.end {
                return Err(self.wrong());
            }
        }
        Ok(())
    }

    fn wrong(&self) -> ClientError {
        let fetch = self.down.fetch;
        ClientError::Integrity { what: fetch.url.path().to_owned(), expected: fetch.expected }
    }
}

fn is_range_from(response: &Response, start: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|it| it.to_str().ok());
    response.status() == StatusCode::PARTIAL_CONTENT
        && range.is_some_and(|it| it.starts_with(&format!("bytes {start}-")))
}

/// Returns where a chunk stands in bytes that begin there. Pieces are far shorter than memory is.
fn place(chunk: &Chunk, start: u64) -> Range<usize> {
    let at = usize::try_from(chunk.offset - start).unwrap_or(usize::MAX);
    at..at + chunk.length as usize
}

/// Cuts a step, which has whole chunks, into pieces.
fn pieces<'a>(target: &'a ChunkMap, step: &Step) -> impl Iterator<Item = Piece<'a>> + use<'a> {
    let Step { target: range, origin } = step.clone();
    let chunks = target.chunks_covering(range.clone());
    let is_same_piece = |a: &Chunk, b: &Chunk| {
        (a.offset - range.start) / PIECE_BYTES == (b.offset - range.start) / PIECE_BYTES
    };
    let groups: Vec<&[Chunk]> = chunks.chunk_by(is_same_piece).collect();
    groups.into_iter().map(move |chunks| {
        let n_before = chunks.first().map_or(0, |it| it.offset - range.start);
        let origin = match origin {
            Origin::Base { base, offset } => Origin::Base { base, offset: offset + n_before },
            Origin::New => Origin::New,
        };
        Piece { chunks, origin }
    })
}

/// Returns that range of a file; zeros where it cannot be read, which are found to be wrong.
async fn copy(path: &Path, offset: u64, n_bytes: u64) -> Vec<u8> {
    let path = path.to_owned();
    blocking(move || {
        let mut bytes = vec![0; usize::try_from(n_bytes).unwrap_or(usize::MAX)];
        // Whatever is missing shows when the chunks are verified.
        let _ = open_regular(&path).and_then(|file| file.read_exact_at(&mut bytes, offset));
        bytes
    })
    .await
}
