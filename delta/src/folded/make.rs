//! The smaller of two recipes: between files as they are, and between their views.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::Path;

use super::follow::is_unlike;
use super::header::{BaseView, FoldedHeader};
use crate::chunk_map::ChunkMap;
use crate::compose::{Source, is_promising, patch_recipe};
use crate::error::DeltaError;
use crate::fold::{Fold, Found, Stop, View, find, refold, unfold, unfold_text};
use crate::limits::{Limits, MAX_FOLD_DEPTH, MAX_FOLDED_BYTES, MAX_FOLDS, view_bytes};

/// How large a folded recipe may be beside a plain one, in percent: a smaller gain is not worth the time to unfold and fold.
const WORTH_PERCENT: u64 = 80;

/// How much of a file the choices must be that are looked for in the base, as a divisor: fewer are not worth the time.
const MANY_CHOICES: u64 = 64;

/// How many streams are looked at in a file. Most of them are in the other one, and stay as they are.
const MAX_FOUND: usize = 64 << 10;

/// How much is gathered before it is written.
const BUFFER_BYTES: usize = 1 << 20;

/// Writes a recipe that makes the whole target of one base: as [`patch_recipe`] does, or through deflate where that makes
/// well fewer bytes and was seen to make the target bit by bit. Returns how many bytes it has; nothing, and writes nothing, if
/// neither promises to be well smaller than the target.
///
/// Both recipes, and views of at most [`view_bytes`] of both files, lie in `scratch` meanwhile, in files without a name.
///
/// # Errors
///
/// As [`patch_recipe`], and [`DeltaError::View`] for what `scratch` does not take.
pub fn best_recipe(
    target: Source<'_, impl Read + Seek>,
    base: Source<'_, impl Read + Seek>,
    level: i32,
    scratch: &Path,
    mut out: impl Write,
) -> Result<Option<u64>, DeltaError> {
    let (mut target, mut base) = (target, base);
    let target = Source { bytes: &mut target.bytes as &mut dyn ReadSeek, map: target.map };
    let base = Source { bytes: &mut base.bytes as &mut dyn ReadSeek, map: base.map };
    let best = (Kitchen { level, scratch }).best(target, base, MAX_FOLD_DEPTH)?;
    let Some(mut spool) = best else { return Ok(None) };
    spool.file.rewind().map_err(DeltaError::View)?;
    let copied = io::copy(&mut spool.file, &mut out).and_then(|_| out.flush());
    copied.map_err(DeltaError::WriteRecipe)?;
    Ok(Some(spool.n_bytes))
}

trait ReadSeek: Read + Seek {}

impl<F: Read + Seek> ReadSeek for F {}

type Readable<'a> = Source<'a, &'a mut dyn ReadSeek>;

/// Borrows a file once more.
fn again<'a>(file: &'a mut Readable<'_>) -> Readable<'a> {
    Source { bytes: &mut *file.bytes, map: file.map }
}

/// A recipe in a file without a name.
struct Spool {
    file: File,
    n_bytes: u64,
}

/// How and where recipes are made.
struct Kitchen<'a> {
    level: i32,
    scratch: &'a Path,
}

impl Kitchen<'_> {
    fn best(
        &self,
        mut target: Readable<'_>,
        mut base: Readable<'_>,
        depth: u32,
    ) -> Result<Option<Spool>, DeltaError> {
        let plain = self.plain(&mut target, &mut base)?;
        if depth == 0 {
            return Ok(plain);
        }
        let most = plain.as_ref().map_or(target.map.content().size, |plain| plain.n_bytes);
        let folded = self.folded(&mut target, &mut base, depth)?;
        Ok(folded.filter(|it| it.n_bytes * 100 <= most * WORTH_PERCENT).or(plain))
    }

    fn plain(&self, target: &mut Readable<'_>, base: &mut Readable<'_>) -> Result<Option<Spool>, DeltaError> {
        if !is_promising(again(target), again(base), self.level)? {
            return Ok(None);
        }
        let mut file = tempfile::tempfile_in(self.scratch).map_err(DeltaError::View)?;
        let part = 0..target.map.content().size;
        let (target, base) = (again(target), again(base));
        let out = BufWriter::with_capacity(BUFFER_BYTES, &mut file);
        let moved = patch_recipe(target, part, base, self.level, out)?;
        Ok(Some(Spool { file, n_bytes: moved.recipe_bytes }))
    }

    /// Makes a folded recipe, if there is anything to unfold that folds back.
    fn folded(
        &self,
        target: &mut Readable<'_>,
        base: &mut Readable<'_>,
        depth: u32,
    ) -> Result<Option<Spool>, DeltaError> {
        let (n_bytes, base_bytes) = (target.map.content().size, base.map.content().size);
        let is_read = base_bytes <= Limits::for_target(n_bytes).base_bytes;
        if n_bytes.max(base_bytes) > MAX_FOLDED_BYTES || !is_read {
            return Ok(None);
        }
        let (mut folds, mut base_folds) = folds_of_both(target, base)?;
        if folds.is_empty() {
            return Ok(None);
        }
        let view = unfold(&mut target.bytes, n_bytes, &mut folds, self.scratch, view_bytes(n_bytes));
        let Some(mut view) = unless_unlike(view)? else { return Ok(None) };
        if !makes_target(&view, &folds, target.map)? {
            return Ok(None);
        }
        let base_view =
            if view.n_choices() > n_bytes / MANY_CHOICES { BaseView::Whole } else { BaseView::Body };
        let (file, most_bytes) = (&mut base.bytes, view_bytes(base_bytes));
        let unfolded = match base_view {
            BaseView::Body => unfold_text(file, base_bytes, &base_folds, self.scratch, most_bytes),
            BaseView::Whole => unfold(file, base_bytes, &mut base_folds, self.scratch, most_bytes),
        };
        let Some(mut unfolded) = unless_unlike(unfolded)? else { return Ok(None) };
        let Some(inner) = ({
            let maps = (map_of(target.map, &mut view)?, map_of(target.map, &mut unfolded)?);
            let target = Source { bytes: &mut view.file as &mut dyn ReadSeek, map: &maps.0 };
            let base = Source { bytes: &mut unfolded.file as &mut dyn ReadSeek, map: &maps.1 };
            self.best(target, base, depth - 1)?
        }) else {
            return Ok(None);
        };
        let base = base.map.content().digests.sha256;
        let view = view.lengths;
        let header = FoldedHeader { n_bytes, base, base_bytes, base_view, view, base_folds, folds };
        self.with_header(&header, inner).map(Some)
    }

    fn with_header(&self, header: &FoldedHeader, mut inner: Spool) -> Result<Spool, DeltaError> {
        let header = header.encode()?;
        let mut file = tempfile::tempfile_in(self.scratch).map_err(DeltaError::View)?;
        let mut write = || {
            file.write_all(&header)?;
            inner.file.rewind()?;
            io::copy(&mut inner.file, &mut file)
        };
        write().map_err(DeltaError::View)?;
        Ok(Spool { file, n_bytes: header.len() as u64 + inner.n_bytes })
    }
}

/// Finds the streams of both files that the other one does not have.
fn folds_of_both(
    target: &mut Readable<'_>,
    base: &mut Readable<'_>,
) -> Result<(Vec<Fold>, Vec<Fold>), DeltaError> {
    let n_bytes = target.map.content().size;
    let found = find(&mut target.bytes, n_bytes, MAX_FOUND)
        .map_err(|source| DeltaError::ReadTarget { at: 0, source })?;
    if found.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let (sha256, length) = (base.map.content().digests.sha256, base.map.content().size);
    let in_base = find(&mut base.bytes, length, MAX_FOUND).map_err(|source| DeltaError::Base {
        base: sha256,
        offset: 0,
        length,
        source,
    })?;
    Ok((folds(&found, &in_base), folds(&in_base, &found)))
}

/// Lists what is found in one file and not in the other.
fn folds(found: &[Found], elsewhere: &[Found]) -> Vec<Fold> {
    let elsewhere: HashSet<_> = elsewhere.iter().map(|found| found.digest).collect();
    let changed = found.iter().filter(|found| !elsewhere.contains(&found.digest));
    let mut at = 0;
    let fold = |found: &Found| {
        let fold = Fold { gap: found.start - at, n_text: found.n_text, method: 0 };
        at = found.end;
        fold
    };
    changed.take(MAX_FOLDS).map(fold).collect()
}

fn unless_unlike(view: Result<View, Stop>) -> Result<Option<View>, DeltaError> {
    match view {
        Ok(view) => Ok(Some(view)),
        Err(Stop::Unlike) => Ok(None),
        Err(Stop::Io(error)) => Err(DeltaError::View(error)),
    }
}

/// Folds the view back, and says whether that makes the target.
fn makes_target(view: &View, folds: &[Fold], target: &ChunkMap) -> Result<bool, DeltaError> {
    let mut hasher = blake3::Hasher::new();
    match refold(view, folds, &mut hasher) {
        Ok(()) => Ok(target.content().digests.blake3 == hasher.finalize().into()),
        Err(error) if is_unlike(&error) => Ok(false),
        Err(error) => Err(DeltaError::View(error)),
    }
}

fn map_of(like: &ChunkMap, view: &mut View) -> Result<ChunkMap, DeltaError> {
    view.file.rewind().map_err(DeltaError::View)?;
    ChunkMap::read(like.chunker(), &mut view.file).map_err(DeltaError::View)
}
