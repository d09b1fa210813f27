//! Receiving a part as a recipe: made of bases here, and from there on like bytes that were sent.

use std::collections::HashMap;
use std::io::{self, BufReader, Read};
use std::ops::ControlFlow::{Break, Continue};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use blob_store::{BlobError, BlobReader, Blocks as _};
use bytes::Bytes;
use charm_model::digest::Sha256;
use charm_model::rights::Caller;
use delta::recipe::Piece;
use delta::{Bases, DeltaError, Limits, RecipeReader};
use futures::{Stream, stream};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use v4_wire::publish::UploadProgress;

use super::spool::{Spooled, spooled};
use crate::error::StoreError;
use crate::store::Store;

/// How many bytes of the target are handed on at once.
const PIECE_BYTES: usize = 1 << 20;

/// How many pieces are on their way at once.
const PIECES_AHEAD: usize = 2;

impl Store {
    /// Takes the next part of a blob as a recipe that makes it from exactly that offset on. What it makes is hashed,
    /// flushed and acknowledged like bytes that were sent, and what a recipe made before it broke off is kept.
    ///
    /// A copied range passes through memory on its way, on a disk as in a bucket: every byte of it is hashed, and an
    /// object store's parts have other edges than a recipe's copies.
    ///
    /// # Errors
    ///
    /// As [`Self::receive`], and [`StoreError::Recipe`] for one that asks for a base that the session may not use, asks
    /// too much, takes too long, or makes no sense.
    pub async fn receive_recipe<E>(
        &self,
        caller: &Caller,
        session: &str,
        sha256: &Sha256,
        offset: u64,
        body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin,
    ) -> Result<UploadProgress, StoreError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if let Break(done) = self.upload_at(caller, session, sha256, offset).await? {
            return Ok(done);
        }
        // Whoever sends slowly would keep others from their turn; so the recipe is there before.
        let recipe = spooled(body, self.limits().part_bytes).await?;
        // The bytes of several assemblies would not fit into memory beside everything else.
        let _turn = self.assembly_turn().await;
        // Looked at again: another request may have been faster meanwhile.
        let mut upload = match self.upload_at(caller, session, sha256, offset).await? {
            Break(done) => return Ok(done),
            Continue(upload) => upload,
        };
        let deadline = Instant::now() + self.limits().recipe_time;
        let (pieces, mut made) = mpsc::channel(PIECES_AHEAD);
        let travelled = Arc::new(AtomicU64::new(0));
        let input = BufReader::with_capacity(PIECE_BYTES, Counted { recipe, n_read: travelled.clone() });
        let bases = SessionBases {
            store: self.clone(),
            caller: caller.clone(),
            session: session.to_owned(),
            runtime: Handle::current(),
            open: HashMap::new(),
        };
        let target = offset..upload.content.size;
        let assembly = Assembly { input, bases, target, deadline, pieces };
        let assembled = tokio::task::spawn_blocking(move || assembly.run());
        let made = stream::poll_fn(move |context| made.poll_recv(context));
        let taken = self.take_and_forget(session, &mut upload, made, Some(&travelled)).await;
        assembled.await?;
        taken.map_err(explained)
    }
}

/// Tells a recipe that is wrong from a sender that broke off.
fn explained(error: StoreError) -> StoreError {
    let StoreError::Blob(BlobError::Body(cause)) = error else { return error };
    match cause.downcast::<DeltaError>() {
        Ok(wrong) => match *wrong {
            DeltaError::Recipe { source, .. } if source.kind() == io::ErrorKind::ConnectionAborted => {
                BlobError::Body(source.into()).into()
            }
            wrong => StoreError::Recipe(wrong),
        },
        Err(cause) => BlobError::Body(cause).into(),
    }
}

/// A recipe that is being followed, on a thread that may block.
struct Assembly {
    input: BufReader<Counted>,
    bases: SessionBases,
    target: Range<u64>,
    deadline: Instant,
    pieces: mpsc::Sender<Result<Bytes, DeltaError>>,
}

impl Assembly {
    fn run(self) {
        let pieces = self.pieces.clone();
        if let Err(error) = self.assemble() {
            // Whoever took the pieces may have given up before.
            pieces.blocking_send(Err(error)).ok();
        }
    }

    fn assemble(mut self) -> Result<(), DeltaError> {
        let limits = Limits::for_target(self.target.end - self.target.start);
        let mut recipe = RecipeReader::new(&mut self.input, limits)?;
        if recipe.header().target.start != self.target.start {
            return Err(DeltaError::Header {
                problem: "makes bytes from elsewhere than the part's offset on",
            });
        }
        let mut at = self.target.start;
        while let Some(piece) = recipe.next_piece(&mut self.bases)? {
            let sent = match piece {
                Piece::Bytes(bytes) => send_bytes(&self.pieces, bytes),
                Piece::Copy { base, offset, length } => {
                    send_copy(&self.pieces, &mut self.bases, base, offset..offset + length)?
                }
            };
            let Some(n_sent) = sent else { return Ok(()) };
            at += n_sent;
            if Instant::now() > self.deadline {
                return Err(DeltaError::WriteTarget { at, source: io::ErrorKind::TimedOut.into() });
            }
        }
        Ok(())
    }
}

/// Hands bytes on, and returns how many; `None` if nobody takes them any more.
fn send_bytes(pieces: &mpsc::Sender<Result<Bytes, DeltaError>>, bytes: &[u8]) -> Option<u64> {
    for piece in bytes.chunks(PIECE_BYTES) {
        pieces.blocking_send(Ok(Bytes::copy_from_slice(piece))).ok()?;
    }
    Some(bytes.len() as u64)
}

/// Hands a range of a base on.
fn send_copy(
    pieces: &mpsc::Sender<Result<Bytes, DeltaError>>,
    bases: &mut SessionBases,
    base: Sha256,
    range: Range<u64>,
) -> Result<Option<u64>, DeltaError> {
    let mut start = range.start;
    while start < range.end {
        let end = range.end.min(start + PIECE_BYTES as u64);
        let failed = |source| DeltaError::Base { base, offset: start, length: end - start, source };
        let piece = bases.fetch(&base, start..end).map_err(failed)?;
        if pieces.blocking_send(Ok(piece)).is_err() {
            return Ok(None);
        }
        start = end;
    }
    Ok(Some(range.end - range.start))
}

/// The bases that a session may use, each opened when it is first asked for.
struct SessionBases {
    store: Store,
    caller: Caller,
    session: String,
    runtime: Handle,
    open: HashMap<Sha256, BlobReader>,
}

impl SessionBases {
    fn fetch(&mut self, base: &Sha256, range: Range<u64>) -> io::Result<Bytes> {
        if !self.open.contains_key(base) {
            let reader = self.runtime.block_on(self.open(base)).map_err(io::Error::other)?;
            self.open.insert(*base, reader.ok_or(io::ErrorKind::PermissionDenied)?);
        }
        self.open[base].blocks().fetch(range).map_err(io::Error::other)
    }

    async fn open(&self, base: &Sha256) -> Result<Option<BlobReader>, StoreError> {
        match self.store.session_base(&self.caller, &self.session, base).await? {
            Some(blob) => Ok(Some(self.store.unverified(&blob).await?)),
            None => Ok(None),
        }
    }
}

impl Bases for SessionBases {
    fn read_at(&mut self, base: &Sha256, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64).ok_or(io::ErrorKind::InvalidInput)?;
        buffer.copy_from_slice(&self.fetch(base, offset..end)?);
        Ok(())
    }
}

/// A recipe, and how many bytes of it were read.
struct Counted {
    recipe: Spooled,
    n_read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.recipe.read(buffer)?;
        self.n_read.fetch_add(n_bytes as u64, Ordering::Relaxed);
        Ok(n_bytes)
    }
}
