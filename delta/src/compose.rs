//! Recipes from a target and its bases, in memory that does not grow with either but for their chunk maps.
//!
//! [`copy_recipe`] needs no more of the bases than their maps, so a client makes one from maps that it
//! fetched. [`patch_recipe`] needs the base itself and moves about a third as much.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use crate::chunk_map::ChunkMap;
use crate::error::DeltaError;
use crate::limits::MAX_SEGMENT_BYTES;
use crate::patch::make_patch;
use crate::plan::{MIN_COPY_BYTES, Origin, Plan, plan_copies};
use crate::recipe::{Frame, Header, Moved, RecipeWriter};

mod window;

use window::WindowFinder;

/// The level of zstd that keeps up with a network. For patches made in the background, 9 saves up to a
/// seventh for twice to three times the time, 12 up to a quarter for five to nine times.
pub const DEFAULT_LEVEL: i32 = 3;

/// The shortest copy beside patches: 1 MiB. What is shorter costs a patch a few bytes and no request of its
/// own, and patches of short segments find less.
const MIN_COPY_BESIDE_PATCHES: u64 = 1 << 20;

/// From this size on, in bytes, samples are taken first: below, all of it is tried as soon.
const SAMPLED_FROM: u64 = 16 << 20;

/// How many samples tell what patches would come to, and how long each is: 256 KiB.
const N_SAMPLES: u64 = 8;
const SAMPLE_BYTES: u64 = 256 << 10;

/// How much of a base is looked at beside what is as long as a sample: 8 MiB.
const SAMPLE_MARGIN_BYTES: u64 = 8 << 20;

/// A file and its chunk map.
#[derive(Debug)]
pub struct Source<'a, R> {
    /// The file. If it is not what the map says, what is made of the recipe is not the target either.
    pub bytes: R,
    /// The file's map.
    pub map: &'a ChunkMap,
}

impl<R: Read + Seek> Source<'_, R> {
    fn read(&mut self, range: &Range<u64>) -> io::Result<Vec<u8>> {
        let n_bytes = range.end - range.start;
        let mut bytes = Vec::new();
        self.bytes.seek(SeekFrom::Start(range.start))?;
        (&mut self.bytes).take(n_bytes).read_to_end(&mut bytes)?;
        if (bytes.len() as u64) < n_bytes { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
    }

    fn read_target(&mut self, range: &Range<u64>) -> Result<Vec<u8>, DeltaError> {
        self.read(range).map_err(|source| DeltaError::ReadTarget { at: range.start, source })
    }

    fn read_base(&mut self, range: &Range<u64>) -> Result<Vec<u8>, DeltaError> {
        self.read(range).map_err(|source| DeltaError::Base {
            base: self.map.content().digests.sha256,
            offset: range.start,
            length: range.end - range.start,
            source,
        })
    }
}

/// Writes a recipe that makes `part` of the target of ranges of `bases`, and of new bytes compressed by zstd
/// at `level` where that makes them fewer.
///
/// # Errors
///
/// [`DeltaError::Header`] if there are more than [`crate::limits::MAX_BASES`] bases, or the part is not one
/// of the target.
pub fn copy_recipe(
    target: Source<'_, impl Read + Seek>,
    part: Range<u64>,
    bases: &[&ChunkMap],
    level: i32,
    out: impl Write,
) -> Result<Moved, DeltaError> {
    let recipe = begin(target.map, &part, bases, out)?;
    let plan = plan_copies(target.map, bases, MIN_COPY_BYTES).part(&part);
    write_steps(recipe, target, &plan, |_, segment| Packed::plain(segment, level))
}

/// Writes a recipe that makes `part` of the target of one base: long equal ranges as copies, the rest as
/// patches against what lies around the same place in the base, or without it where that is smaller.
///
/// # Errors
///
/// [`DeltaError::Header`] if the part is not one of the target.
pub fn patch_recipe(
    target: Source<'_, impl Read + Seek>,
    part: Range<u64>,
    mut base: Source<'_, impl Read + Seek>,
    level: i32,
    out: impl Write,
) -> Result<Moved, DeltaError> {
    let recipe = begin(target.map, &part, &[base.map], out)?;
    let plan = plan_copies(target.map, &[base.map], MIN_COPY_BESIDE_PATCHES).part(&part);
    let windows = WindowFinder::new(target.map, base.map);
    write_steps(recipe, target, &plan, |range, segment| {
        let window = windows.find(range);
        Packed::against(&base.read_base(&window)?, window, segment, level)
    })
}

/// Says whether recipes of patches may be well smaller than the target: not where few chunks are shared and samples gain
/// nothing. To find that out by making the recipes takes longer than to do without them.
pub fn is_promising(
    target: Source<'_, impl Read + Seek>,
    base: Source<'_, impl Read + Seek>,
    level: i32,
) -> Result<bool, DeltaError> {
    let n_bytes = target.map.content().size;
    let new_bytes = || plan_copies(target.map, &[base.map], MIN_COPY_BYTES).new_bytes();
    if n_bytes < SAMPLED_FROM || is_well_below(new_bytes(), n_bytes) {
        return Ok(true);
    }
    let sampled = sample_patches(target, base, level)?;
    Ok(is_well_below(sampled.packed_bytes, sampled.target_bytes))
}

/// Says whether so many bytes instead of so many are worth the trouble to assemble them: a tenth less.
pub const fn is_well_below(n_bytes: u64, instead_of: u64) -> bool {
    n_bytes < instead_of - instead_of / 10
}

/// What some of a target came to as patches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sampled {
    /// How many bytes of the target were looked at.
    pub target_bytes: u64,
    /// How many they are as patches, or compressed where that is less.
    pub packed_bytes: u64,
}

/// Makes patches of a few short segments of what [`patch_recipe`] would not copy, and throws them away: what they came to
/// tells at little cost whether it is worth to make all of them.
///
/// A counterpart is looked for within 4 MiB of where it is to be expected. Where a base has it elsewhere, and shares no chunk
/// that says so, it is missed.
pub fn sample_patches(
    mut target: Source<'_, impl Read + Seek>,
    mut base: Source<'_, impl Read + Seek>,
    level: i32,
) -> Result<Sampled, DeltaError> {
    let plan = plan_copies(target.map, &[base.map], MIN_COPY_BESIDE_PATCHES);
    let windows = WindowFinder::new(target.map, base.map);
    let mut sampled = Sampled::default();
    for range in samples(&plan) {
        let segment = target.read_target(&range)?;
        let window = windows.find_within(&range, SAMPLE_MARGIN_BYTES);
        let packed = Packed::against(&base.read_base(&window)?, window, &segment, level)?;
        sampled.target_bytes += segment.len() as u64;
        sampled.packed_bytes += packed.bytes.len().min(segment.len()) as u64;
    }
    Ok(sampled)
}

/// Returns ranges at equal distances in what the plan does not copy.
fn samples(plan: &Plan) -> impl Iterator<Item = Range<u64>> {
    let distance = plan.new_bytes().div_ceil(N_SAMPLES).max(SAMPLE_BYTES);
    let mut n_skipped = distance / 2;
    let new = plan.steps().iter().filter(|step| step.origin == Origin::New).map(|step| step.target.clone());
    new.flat_map(move |step| {
        let (first, n_bytes) = (n_skipped, step.end - step.start);
        let starts = (first..n_bytes.max(first)).step_by(usize::try_from(distance).unwrap_or(usize::MAX));
        n_skipped = starts.clone().last().map_or(first, |last| last + distance) - n_bytes;
        starts.map(move |start| step.start + start..step.end.min(step.start + start + SAMPLE_BYTES))
    })
}

fn begin<W: Write>(
    target: &ChunkMap,
    part: &Range<u64>,
    bases: &[&ChunkMap],
    out: W,
) -> Result<RecipeWriter<W>, DeltaError> {
    if part.end > target.content().size {
        return Err(DeltaError::Header { problem: "ends behind the target" });
    }
    let bases = bases.iter().map(|base| base.content().digests.sha256).collect();
    RecipeWriter::new(out, Header { target: part.clone(), bases })
}

/// Writes the plan's copies as they are, and what is new in segments, each packed by `pack`.
fn write_steps(
    mut recipe: RecipeWriter<impl Write>,
    mut target: Source<'_, impl Read + Seek>,
    plan: &Plan,
    mut pack: impl FnMut(&Range<u64>, &[u8]) -> Result<Packed, DeltaError>,
) -> Result<Moved, DeltaError> {
    for step in plan.steps() {
        if let Origin::Base { base, offset } = step.origin {
            recipe.copy(place(base), offset, step.n_bytes())?;
            continue;
        }
        for range in segments(&step.target) {
            let segment = target.read_target(&range)?;
            pack(&range, &segment)?.write(&segment, &mut recipe)?;
        }
    }
    recipe.finish()
}

#[expect(clippy::cast_possible_truncation, reason = "`RecipeWriter::new` bounds the bases by `MAX_BASES`")]
const fn place(base: usize) -> u8 {
    base as u8
}

/// Yields the range in pieces that a frame can carry.
fn segments(range: &Range<u64>) -> impl Iterator<Item = Range<u64>> + use<> {
    let end = range.end;
    let starts = (range.start..end).step_by(MAX_SEGMENT_BYTES as usize);
    starts.map(move |start| start..end.min(start + u64::from(MAX_SEGMENT_BYTES)))
}

/// A segment of a target, as small as it got.
struct Packed {
    bytes: Vec<u8>,
    /// The range of the base that the bytes refer to; empty if they refer to none.
    window: Range<u64>,
}

impl Packed {
    fn plain(segment: &[u8], level: i32) -> Result<Self, DeltaError> {
        Ok(Self { bytes: make_patch(&[], segment, level)?, window: 0..0 })
    }

    fn against(base: &[u8], window: Range<u64>, segment: &[u8], level: i32) -> Result<Self, DeltaError> {
        let patch = Self { bytes: make_patch(base, segment, level)?, window };
        // A patch of less than half is all but never beaten by plain zstd, which then need not run.
        if patch.bytes.len() < segment.len() / 2 {
            return Ok(patch);
        }
        let plain = Self::plain(segment, level)?;
        Ok(if patch.bytes.len() < plain.bytes.len() { patch } else { plain })
    }

    fn write(&self, segment: &[u8], recipe: &mut RecipeWriter<impl Write>) -> Result<(), DeltaError> {
        let (raw_length, length) = (n_bytes(segment), n_bytes(&self.bytes));
        if length >= raw_length {
            return recipe.add(Frame::Literal { length: raw_length }, segment);
        }
        let frame = if self.window.is_empty() {
            Frame::Zstd { raw_length, length }
        } else {
            let (window_offset, window_length) = (self.window.start, self.window.end - self.window.start);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "`WindowFinder` bounds it by `MAX_WINDOW_BYTES`"
            )]
            let window_length = window_length as u32;
            Frame::Patch { base: 0, window_offset, window_length, raw_length, length }
        };
        recipe.add(frame, &self.bytes)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a segment, compressed or not, is far below 4 GiB")]
const fn n_bytes(bytes: &[u8]) -> u32 {
    bytes.len() as u32
}
