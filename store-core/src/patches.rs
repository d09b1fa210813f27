//! Patches: from what units have to what they will fetch, made in the background after a publish or a release.
//!
//! A patch is an object of its own with a row of its own. It is made of two blobs that are there and is offered only when
//! it has been tried, so it is never the only copy of anything, and losing it costs time.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::ops::RangeInclusive;
use std::sync::Arc;

use blob_store::{BlobReader, ObjectKey, UploadState};
use catalog::blob::Blob;
use catalog::patch::WantedPatch;
use charm_model::digest::{Content, Sha256, Summing};
use delta::plan::MIN_COPY_BYTES;
use delta::{Bases, ChunkMap, DeltaError, plan_copies};
use futures::TryStreamExt as _;
use tokio_util::io::ReaderStream;

use crate::background::in_background;
use crate::error::StoreError;
use crate::store::Store;

/// The sizes, in bytes, between which a blob is worth a patch, and is not so large that making one keeps a core for hours.
pub(crate) const PATCHED_BYTES: RangeInclusive<u64> = (64 << 10)..=(4 << 30);

/// The level of zstd: in the background a seventh fewer bytes are worth three times the time of the usual one.
const LEVEL: i32 = 9;

/// How large a patch may be beside what would be fetched by chunk maps, in percent: a smaller gain is not worth the
/// window that a unit has to read.
const WORTH_PERCENT: u64 = 60;

/// How often a patch is tried. What fails twice fails for a reason that does not go away.
const MAX_ATTEMPTS: u64 = 2;

/// How many patches one round makes. A server that stops waits for one, not for the round.
const BATCH: u32 = 100;

/// The lease of whoever makes patches.
const LEASE: &str = "patches";

/// How much of a recipe is held in memory while it is stored, in bytes.
const PIECE_BYTES: usize = 1 << 20;

/// Says whether a blob is worth a patch, to it or from it.
pub(crate) fn is_patched(blob: &Blob) -> bool {
    PATCHED_BYTES.contains(&blob.content.size)
}

/// Two blobs with their maps, of which a patch is to be made.
struct Pair {
    from: (BlobReader, Arc<ChunkMap>),
    to: (BlobReader, Arc<ChunkMap>),
}

impl Store {
    /// Makes the patches that are wanted, one after the other, unless another server is at it. Returns how many there are
    /// more.
    ///
    /// # Errors
    ///
    /// A database that does not answer. What goes wrong with one patch is logged, and costs that one.
    pub async fn make_patches(&self, holder: &str) -> Result<usize, StoreError> {
        let wanted = self.database().read().await?.wanted_patches(BATCH).await?;
        if wanted.is_empty() {
            return Ok(0);
        }
        let made = self.make_wanted(&wanted, holder).await;
        self.leave_patches(holder).await?;
        made
    }

    /// Lets another server make patches, after this one has done what it could or was told to stop.
    ///
    /// # Errors
    ///
    /// A database that does not answer: then the others wait until the lease runs out.
    pub async fn leave_patches(&self, holder: &str) -> Result<(), StoreError> {
        self.release_lease(LEASE, holder).await
    }

    async fn make_wanted(&self, wanted: &[WantedPatch], holder: &str) -> Result<usize, StoreError> {
        let mut n_made = 0;
        for wanted in wanted {
            if !self.hold_lease(LEASE, holder).await? {
                break;
            }
            n_made += usize::from(self.try_patch(wanted).await?);
        }
        Ok(n_made)
    }

    /// Makes a patch or gives it up. Says whether it is there now.
    async fn try_patch(&self, wanted: &WantedPatch) -> Result<bool, StoreError> {
        let mut tx = self.database().write().await?;
        let is_last = wanted.attempts + 1 >= MAX_ATTEMPTS;
        if !tx.try_patch(wanted).await? {
            return Ok(false);
        }
        tx.commit().await?;
        // Counted, and never come to an end: it has taken its server down each time.
        let made = if wanted.attempts < MAX_ATTEMPTS { self.make_patch(wanted).await } else { Ok(None) };
        match made {
            Ok(Some(is_kept)) => return Ok(is_kept),
            Ok(None) => {}
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(from = %wanted.from, to = %wanted.to, error, "no patch");
                if !is_last {
                    return Ok(false);
                }
            }
        }
        let mut tx = self.database().write().await?;
        tx.give_patch_up(wanted).await?;
        tx.commit().await?;
        Ok(false)
    }

    /// Makes a patch, tries it, and keeps it. `None` if it is not worth its way.
    async fn make_patch(&self, wanted: &WantedPatch) -> Result<Option<bool>, StoreError> {
        let mut tx = self.database().read().await?;
        let blobs = tx.blob_by_id(wanted.from).await?.zip(tx.blob_by_id(wanted.to).await?);
        drop(tx);
        let Some((from, to)) = blobs else {
            let mut tx = self.database().write().await?;
            tx.forget_wanted_patch(wanted).await?;
            tx.commit().await?;
            return Ok(Some(false));
        };
        let pair = Pair { from: self.with_map(&from).await?, to: self.with_map(&to).await? };
        let budget = budget(&pair);
        let made = in_background(move || pair.recipe(budget)).await??;
        let Some(recipe) = made else { return Ok(None) };
        self.keep_patch(wanted, recipe).await.map(Some)
    }

    async fn with_map(&self, blob: &Blob) -> Result<(BlobReader, Arc<ChunkMap>), StoreError> {
        let map = self.chunk_map(blob).await?;
        Ok((self.unverified(blob).await?, map))
    }

    /// Stores a recipe as an object. Its row stands before its first byte, so that a crash leaves it to the sweep.
    async fn keep_patch(&self, wanted: &WantedPatch, recipe: Recipe) -> Result<bool, StoreError> {
        let (key, Recipe { file, content }) = (ObjectKey::fresh()?, recipe);
        let mut tx = self.database().write().await?;
        tx.add_object(&key.to_string(), self.now()).await?;
        tx.commit().await?;
        let pieces = ReaderStream::with_capacity(tokio::fs::File::from_std(file), PIECE_BYTES);
        let mut state = UploadState::begin(key, content.size, false);
        let mut flushed = self.blobs().append(state.clone(), pieces).await?;
        while let Some(durable) = flushed.try_next().await? {
            state = durable;
        }
        drop(flushed);
        self.blobs().finish(&state, &content.digests).await?;
        let mut tx = self.database().write().await?;
        let is_kept = tx.keep_patch(wanted, &content, &key.to_string(), self.now()).await?;
        tx.commit().await?;
        Ok(is_kept)
    }
}

/// Returns how many bytes a patch may have.
fn budget(pair: &Pair) -> u64 {
    let by_chunks = plan_copies(&pair.to.1, &[&pair.from.1], MIN_COPY_BYTES).new_bytes();
    by_chunks * WORTH_PERCENT / 100
}

/// A recipe that was tried, in a file without a name.
struct Recipe {
    file: File,
    content: Content,
}

impl Pair {
    /// Makes the recipe, follows it, and compares what comes of it with the blob; `None` if it has more bytes than it may.
    fn recipe(mut self, budget: u64) -> Result<Option<Recipe>, StoreError> {
        let file = tempfile::tempfile().map_err(unwritable)?;
        let mut out = Bounded { file: io::BufWriter::new(file), summing: Summing::default(), n_left: budget };
        match self.compose(&mut out) {
            Ok(Some(_)) => {}
            Ok(None) => return Ok(None),
            Err(DeltaError::WriteRecipe(error)) if error.kind() == io::ErrorKind::QuotaExceeded => {
                return Ok(None);
            }
            Err(error) => return Err(StoreError::Patch(error)),
        }
        let content = out.summing.content();
        let mut file = out.file.into_inner().map_err(|error| unwritable(error.into_error()))?;
        file.rewind().map_err(unwritable)?;
        self.follow(&file)?;
        file.rewind().map_err(unwritable)?;
        Ok(Some(Recipe { file, content }))
    }

    /// The one place that chooses how a patch is made. Returns how many bytes it has, if one promises to be of use.
    fn compose(&mut self, out: impl Write) -> Result<Option<u64>, DeltaError> {
        let (from, to) = (&mut self.from, &mut self.to);
        let target = delta::Source { bytes: &mut to.0, map: &to.1 };
        let base = delta::Source { bytes: &mut from.0, map: &from.1 };
        delta::best_recipe(target, base, LEVEL, &std::env::temp_dir(), out)
    }

    fn follow(&mut self, recipe: &File) -> Result<(), StoreError> {
        let wanted = *self.to.1.content();
        let limits = delta::Limits::for_target(wanted.size);
        let mut made = Sink(Summing::default());
        let (recipe, scratch) = (io::BufReader::new(recipe), std::env::temp_dir());
        delta::follow(recipe, limits, self, &scratch, &mut made).map_err(StoreError::Patch)?;
        let is_it = made.0.content() == wanted;
        is_it.then_some(()).ok_or(StoreError::Patch(DeltaError::OtherContent(wanted.digests.sha256)))
    }
}

impl Bases for Pair {
    fn read_at(&mut self, base: &Sha256, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let (reader, map) = &mut self.from;
        if *base != map.content().digests.sha256 {
            return Err(io::ErrorKind::NotFound.into());
        }
        reader.seek(SeekFrom::Start(offset))?;
        reader.read_exact(buffer)
    }
}

/// Takes so many bytes and no more, and sums them up.
struct Bounded {
    file: io::BufWriter<File>,
    summing: Summing,
    n_left: u64,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.n_left {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let n_written = self.file.write(bytes)?;
        self.summing.update(&bytes[..n_written]);
        self.n_left -= n_written as u64;
        Ok(n_written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Sums up what is written to it.
struct Sink(Summing);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn unwritable(source: io::Error) -> StoreError {
    StoreError::Patch(DeltaError::WriteRecipe(source))
}
