//! Which parts of a target are in files that are already there.

use std::collections::HashMap;
use std::ops::Range;

use charm_model::digest::Blake3;

use crate::chunk_map::{Chunk, ChunkMap};

/// The shortest copy that is worth its frame, and on a download the break in what is fetched: 32 KiB. A
/// shorter run is sent with its neighbours.
pub const MIN_COPY_BYTES: u64 = 32 << 10;

/// Where the bytes of a step come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From a base, by its place in the list of bases, from this offset on.
    Base {
        /// The place in the list.
        base: usize,
        /// Where in the base the bytes begin.
        offset: u64,
    },
    /// From nowhere: they have to be sent.
    New,
}

impl Origin {
    /// Returns where the bytes `n_bytes` further on come from.
    const fn after(self, n_bytes: u64) -> Self {
        match self {
            Self::Base { base, offset } => Self::Base { base, offset: offset + n_bytes },
            Self::New => Self::New,
        }
    }
}

/// A range of a target, and where its bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The range of the target; never empty.
    pub target: Range<u64>,
    /// Where its bytes come from.
    pub origin: Origin,
}

impl Step {
    /// Returns how many bytes of the target the step makes.
    pub const fn n_bytes(&self) -> u64 {
        self.target.end - self.target.start
    }

    /// Returns what of the step lies in the range.
    fn clip(&self, range: &Range<u64>) -> Option<Self> {
        let start = self.target.start.max(range.start);
        let end = self.target.end.min(range.end);
        let origin = self.origin.after(start.saturating_sub(self.target.start));
        (start < end).then_some(Self { target: start..end, origin })
    }

    const fn is_copy(&self) -> bool {
        matches!(self.origin, Origin::Base { .. })
    }
}

/// How a target is made: steps without gaps, neighbours from different places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    steps: Vec<Step>,
}

impl Plan {
    /// Returns the steps, in the order of the target.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Returns how many bytes of the target are copied from bases.
    pub fn copied_bytes(&self) -> u64 {
        self.steps.iter().filter(|step| step.is_copy()).map(Step::n_bytes).sum()
    }

    /// Returns how many bytes of the target are new.
    pub fn new_bytes(&self) -> u64 {
        self.steps.iter().filter(|step| !step.is_copy()).map(Step::n_bytes).sum()
    }

    /// Returns the plan for a range of the target alone, such as what is left of an upload that broke off.
    #[must_use]
    pub fn part(&self, range: &Range<u64>) -> Self {
        Self { steps: self.steps.iter().filter_map(|step| step.clip(range)).collect() }
    }

    /// Adds a step that begins where the last one ends.
    fn push(&mut self, step: Step) {
        match self.steps.last_mut() {
            Some(last) if last.origin.after(last.n_bytes()) == step.origin => {
                last.target.end = step.target.end;
            }
            _ => self.steps.push(step),
        }
    }
}

/// Plans how `target` is made of chunks that any of `bases` has: the first base that has one, but rather the
/// one that a run of copies is already in. Runs shorter than `min_copy` bytes are new bytes.
///
/// The same maps make the same plan. Memory and time grow with the number of chunks.
pub fn plan_copies(target: &ChunkMap, bases: &[&ChunkMap], min_copy: u64) -> Plan {
    let index = Index::new(bases);
    let mut runs = Plan::default();
    for chunk in target.chunks() {
        let next = runs.steps.last().map(|run| run.origin.after(run.n_bytes()));
        let origin = next.filter(|next| index.has(*next, chunk)).unwrap_or_else(|| index.find(chunk));
        runs.push(Step { target: chunk.offset..chunk.end(), origin });
    }
    without_short_copies(runs, min_copy)
}

fn without_short_copies(runs: Plan, min_copy: u64) -> Plan {
    let mut plan = Plan::default();
    for mut step in runs.steps {
        if step.n_bytes() < min_copy {
            step.origin = Origin::New;
        }
        plan.push(step);
    }
    plan
}

/// Where the chunks of all bases are.
struct Index<'a> {
    bases: &'a [&'a ChunkMap],
    // The length is part of the key, since a map from elsewhere may lie about it.
    places: HashMap<(Blake3, u32), Origin>,
}

impl<'a> Index<'a> {
    fn new(bases: &'a [&'a ChunkMap]) -> Self {
        let mut places = HashMap::new();
        for (base, map) in bases.iter().enumerate() {
            for chunk in map.chunks() {
                let origin = Origin::Base { base, offset: chunk.offset };
                places.entry((chunk.blake3, chunk.length)).or_insert(origin);
            }
        }
        Self { bases, places }
    }

    fn find(&self, chunk: &Chunk) -> Origin {
        self.places.get(&(chunk.blake3, chunk.length)).copied().unwrap_or(Origin::New)
    }

    /// Says whether a base has the chunk's bytes exactly there.
    fn has(&self, origin: Origin, chunk: &Chunk) -> bool {
        let Origin::Base { base, offset } = origin else { return false };
        let there = self.bases[base].chunk_at(offset);
        there.is_some_and(|there| (there.blake3, there.length) == (chunk.blake3, chunk.length))
    }
}
