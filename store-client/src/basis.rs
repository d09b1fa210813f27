//! What a blob can be made of at the store, so that only what is new is sent.

use std::fs::File;
use std::io::{BufWriter, Seek as _, Write as _};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use charm_model::digest::Content;
use delta::compose::{DEFAULT_LEVEL, is_well_below};
use delta::plan::MIN_COPY_BYTES;
use delta::{ChunkMap, DeltaError, copy_recipe, is_promising, patch_recipe, plan_copies};
use futures::{StreamExt as _, stream};
use v4_wire::publish::Session;

use crate::error::ClientError;
use crate::hash::blocking;
use crate::local_map::{fetch_map, map_if_right, map_source, open_regular};
use crate::progress::Progress;
use crate::publish::Source;
use crate::store::Store;

/// How many bases are looked at; the store proposes the likeliest first.
const MAX_BASES: usize = 4;

/// A file that is to be sent, and what of it the store has already.
#[derive(Debug)]
pub(crate) struct Basis {
    target: ChunkMap,
    bases: Bases,
}

#[derive(Debug)]
enum Bases {
    /// A file that is on this machine as well: patches against it move a third of what chunks move.
    Here(Source, Box<ChunkMap>),
    /// Files of which the store has told the chunks.
    There(Vec<ChunkMap>),
}

impl Basis {
    /// Looks for bases among those that the store proposes: on this machine, then by their maps. None is as good as the
    /// file's own bytes if little of it is there.
    ///
    /// # Errors
    ///
    /// Those of the file itself. What is wrong with a base, or with the way to its map, is a base less.
    pub(crate) async fn among(
        proposed: &[Content],
        here: impl Fn(&Content) -> Option<Source>,
        source: &Source,
        (store, session): (&Store, &Session),
        progress: &Arc<dyn Progress>,
    ) -> Result<Option<Self>, ClientError> {
        let proposed = &proposed[..proposed.len().min(MAX_BASES)];
        for base in proposed.iter().filter_map(here) {
            let (target, map) = tokio::join!(map_source(source, progress), map_if_right(base.clone()));
            if let Some(map) = map {
                let basis = Self { target: target?, bases: Bases::Here(base, Box::new(map)) };
                return Ok(basis.unless_poor(source).await);
            }
        }
        let target = map_source(source, progress).await?;
        let maps = stream::iter(proposed).map(|base| async move {
            let blob = base.digests.sha256.to_hex();
            let url = store.url(["publish", &session.id, "chunks", &blob], &[]);
            fetch_map(store, url, base).await.inspect_err(|error| tracing::debug!(%error, "a base less")).ok()
        });
        let maps: Vec<_> = maps.buffered(MAX_BASES).filter_map(std::future::ready).collect().await;
        let basis = Self { target, bases: Bases::There(maps) };
        Ok(is_well_below(basis.new_bytes(), source.content.size).then_some(basis))
    }

    /// Takes a file that was just sent as the base of one much like it. None if either is not what it was: what that
    /// means is found out when it is sent.
    pub(crate) async fn alike(source: &Source, base: &Source, progress: &Arc<dyn Progress>) -> Option<Self> {
        let (target, map) = tokio::join!(map_source(source, progress), map_if_right(base.clone()));
        let basis = Self { target: target.ok()?, bases: Bases::Here(base.clone(), Box::new(map?)) };
        basis.unless_poor(source).await
    }

    /// Returns itself, unless it promises nothing.
    async fn unless_poor(self, source: &Source) -> Option<Self> {
        let path = source.path.clone();
        blocking(move || {
            // What cannot be read is found out when it is to be sent.
            self.promises(&path).unwrap_or(true).then_some(self)
        })
        .await
    }

    fn promises(&self, target: &Path) -> Result<bool, DeltaError> {
        let Bases::Here(base, map) = &self.bases else { return Ok(true) };
        let bytes = File::open(target).map_err(|source| DeltaError::ReadTarget { at: 0, source })?;
        let target = delta::Source { bytes, map: &self.target };
        is_promising(target, delta::Source { bytes: open_base(base)?, map }, DEFAULT_LEVEL)
    }

    /// Returns how many bytes of the target are in no base, as far as chunks show.
    pub(crate) fn new_bytes(&self) -> u64 {
        let maps: Vec<&ChunkMap> = match &self.bases {
            Bases::Here(_, map) => vec![map],
            Bases::There(maps) => maps.iter().collect(),
        };
        plan_copies(&self.target, &maps, MIN_COPY_BYTES).new_bytes()
    }

    /// Writes the recipe for a part of the file. Blocks; takes as much memory as `delta::limits` says, whatever the
    /// sizes.
    pub(crate) fn compose(&self, source: &Source, part: Range<u64>) -> Result<Recipe, DeltaError> {
        let unreadable = |at| move |source| DeltaError::ReadTarget { at, source };
        let bytes = File::open(&source.path).map_err(unreadable(part.start))?;
        let target = delta::Source { bytes, map: &self.target };
        let spool = tempfile::tempfile().map_err(DeltaError::WriteRecipe)?;
        let out = BufWriter::new(&spool);
        let moved = match &self.bases {
            Bases::Here(base, map) => {
                let bytes = open_base(base)?;
                patch_recipe(target, part, delta::Source { bytes, map }, DEFAULT_LEVEL, out)?
            }
            Bases::There(maps) => {
                let maps: Vec<&ChunkMap> = maps.iter().collect();
                copy_recipe(target, part, &maps, DEFAULT_LEVEL, out)?
            }
        };
        (&spool).flush().and_then(|()| (&spool).rewind()).map_err(DeltaError::WriteRecipe)?;
        Ok(Recipe { spool, n_bytes: moved.recipe_bytes })
    }
}

fn open_base(base: &Source) -> Result<File, DeltaError> {
    let (digest, length) = (base.content.digests.sha256, base.content.size);
    open_regular(&base.path).map_err(|source| DeltaError::Base { base: digest, offset: 0, length, source })
}

/// A recipe for a part, on the disk: a request has to say how long it is.
pub(crate) struct Recipe {
    pub(crate) spool: File,
    pub(crate) n_bytes: u64,
}
