//! Parts of an upload as recipes.

use std::io::Read as _;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use delta::DeltaError;
use delta::compose::is_well_below;
use futures::StreamExt as _;
use reqwest::Body;
use tokio::sync::Semaphore;

use crate::basis::{Basis, Recipe};
use crate::error::ClientError;
use crate::file_part::{Fault, Meter, Sender, outgoing};
use crate::hash::{READ_BYTES, blocking};
use crate::part_size::PartSize;
use crate::progress::{Event, Progress};
use crate::publish::Source;
use crate::store::Store;

/// How many recipes are composed at once: each takes a processor, and up to 130 MB.
const MAX_COMPOSING: usize = 2;

/// After how many parts in a row that a recipe makes no smaller no more are tried.
const MAX_POOR: u32 = 2;

/// What the recipes of one publish share.
pub(crate) struct Kitchen {
    turns: Semaphore,
    /// How much of a target one recipe makes.
    pub(crate) part_size: PartSize,
}

impl Kitchen {
    /// Begins with recipes for up to `most` bytes of a target, which makes the store keep whole steps.
    pub(crate) fn up_to(most: u64, step: u64) -> Self {
        Self { turns: Semaphore::new(MAX_COMPOSING), part_size: PartSize::from(most).in_steps_of(step) }
    }
}

/// The recipes of one upload.
pub(crate) struct Cook<'a> {
    kitchen: &'a Kitchen,
    basis: Option<Arc<Basis>>,
    n_poor: AtomicU32,
}

impl<'a> Cook<'a> {
    pub(crate) fn new(kitchen: &'a Kitchen, basis: Option<Arc<Basis>>) -> Self {
        Self { kitchen, basis, n_poor: AtomicU32::new(0) }
    }

    /// Says whether there may be another recipe.
    pub(crate) fn works(&self) -> bool {
        self.basis.is_some() && self.n_poor.load(Ordering::Relaxed) < MAX_POOR
    }

    /// Makes no more recipes: the store does not take them, or they do not make what they should.
    pub(crate) fn stop(&self) {
        self.n_poor.store(MAX_POOR, Ordering::Relaxed);
    }

    pub(crate) fn part_size(&self) -> &PartSize {
        &self.kitchen.part_size
    }

    /// Returns a recipe for the part, if it is well smaller than the part.
    ///
    /// # Errors
    ///
    /// [`ClientError::Changed`] and [`ClientError::Io`] of the file that is sent.
    pub(crate) async fn recipe(
        &self,
        source: &Source,
        part: Range<u64>,
    ) -> Result<Option<Recipe>, ClientError> {
        let Some(basis) = self.basis.clone().filter(|_| self.works()) else { return Ok(None) };
        let n_bytes = part.end - part.start;
        // Never closed.
        let _turn = self.kitchen.turns.acquire().await;
        let read = source.clone();
        match blocking(move || basis.compose(&read, part)).await {
            Ok(recipe) if is_well_below(recipe.n_bytes, n_bytes) => {
                self.n_poor.store(0, Ordering::Relaxed);
                Ok(Some(recipe))
            }
            Ok(_) => {
                self.n_poor.fetch_add(1, Ordering::Relaxed);
                Ok(None)
            }
            Err(DeltaError::ReadTarget { source: error, .. }) => {
                Err(Fault::from(error).of(source.path.clone()))
            }
            Err(error) => {
                tracing::debug!(%error, "no recipe: the bytes themselves are sent");
                self.stop();
                Ok(None)
            }
        }
    }
}

/// Returns the recipe as the body of a request; progress is told in bytes of the part.
pub(crate) fn body(
    recipe: Recipe,
    source: &Source,
    part: &Range<u64>,
    (store, meter): (Store, Arc<Meter>),
    progress: Arc<dyn Progress>,
) -> Body {
    let (blob, Range { start, end }) = (source.content.digests.sha256, part.clone());
    let (total, mut sent) = (u128::from(recipe.n_bytes.max(1)), 0_u64);
    let frames = outgoing(store, meter, move |sender| feed(recipe, sender));
    Body::wrap_stream(frames.inspect(move |read| {
        if let Ok(bytes) = read {
            let n_bytes = bytes.len() as u64;
            sent += n_bytes;
            let made = u128::from(end - start) * u128::from(sent) / total;
            let position = start + u64::try_from(made).unwrap_or(end - start);
            progress.note(Event::Sent { blob, n_bytes, position });
        }
    }))
}

fn feed(mut recipe: Recipe, sender: &Sender) -> Result<(), Fault> {
    loop {
        let mut buffer = vec![0; READ_BYTES];
        let n_bytes = recipe.spool.read(&mut buffer)?;
        buffer.truncate(n_bytes);
        if n_bytes == 0 || sender.blocking_send(Ok(Bytes::from(buffer))).is_err() {
            return Ok(());
        }
    }
}
