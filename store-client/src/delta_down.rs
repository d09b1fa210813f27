//! Fetching only what files on this machine do not have: nothing if one is the file, a patch if the store keeps one,
//! else by chunk maps.
//!
//! All add to the landing from its end on, so what an interrupted process has left is gone on with, whichever way it
//! came. What they make is only a guess until the landing has been summed up.

mod chunks;
mod patch;
mod whole;

use charm_model::reference::Reference;

use crate::delta_down::chunks::Chunks;
use crate::delta_down::patch::Patch;
use crate::download::{Fetch, Item};
use crate::error::ClientError;
use crate::landing::Landing;
use crate::local_map::MIN_DELTA_BYTES;
use crate::publish::Source;
use crate::retry::is_transient;

/// From how many files a patch is asked for: what stands at the same place, and what stood there before.
const MAX_PATCHES: usize = 2;

/// One item, and the files here that may be much like it.
pub(crate) struct DeltaDown<'a> {
    pub(crate) fetch: &'a Fetch<'a>,
    pub(crate) id: &'a Reference,
    pub(crate) item: &'a Item,
    pub(crate) candidates: &'a [Source],
}

/// What became of a way to a file.
pub(crate) enum Way {
    /// It made the rest of the file, and so many bytes of it were here.
    Made(Landing, u64),
    /// It led nowhere; the landing is as good as it was.
    None(Landing),
}

impl DeltaDown<'_> {
    /// Makes as much as there is a way for. Returns the landing with how many of its bytes were here already.
    ///
    /// # Errors
    ///
    /// Those of the landing's disk, and of a store that is away: the bytes themselves would not come either.
    pub(crate) async fn land(&self, mut landing: Landing) -> Result<(Landing, u64), ClientError> {
        if landing.n_left() < MIN_DELTA_BYTES || self.candidates.is_empty() {
            return Ok((landing, 0));
        }
        let is_it = |it: &&Source| it.content == self.fetch.expected;
        for from in self.candidates.iter().filter(is_it) {
            landing = match whole::land(self, from, landing).await? {
                Way::Made(landing, n_reused) => return Ok((landing, n_reused)),
                Way::None(landing) => landing,
            };
        }
        for from in self.candidates.iter().filter(|it| !is_it(it)).take(MAX_PATCHES) {
            landing = match (Patch { down: self, from }).land(landing).await? {
                Way::Made(landing, n_reused) => return Ok((landing, n_reused)),
                Way::None(landing) => landing,
            };
        }
        match (Chunks { down: self }).land(landing).await? {
            Way::Made(landing, n_reused) => Ok((landing, n_reused)),
            Way::None(landing) => Ok((landing, 0)),
        }
    }
}

/// Passes on what would stop the bytes themselves as well; anything else is a way less.
fn unless_away<T>(outcome: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_transient(&error) || matches!(error, ClientError::Io { .. }) => Err(error),
        Err(error) => {
            tracing::debug!(%error, "a way to the bytes less");
            Ok(None)
        }
    }
}
