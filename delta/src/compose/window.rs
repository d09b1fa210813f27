//! Where in a base the counterpart of a segment lies.

use std::ops::Range;

use crate::chunk_map::ChunkMap;
use crate::plan::{Origin, plan_copies};

/// How many times longer than its segment a window is: what [`crate::Limits::for_target`] lets a reader take,
/// and for a whole segment [`crate::limits::MAX_WINDOW_BYTES`].
///
/// Twice is as good for files whose parts keep their order, and at level 12 even makes patches a tenth
/// smaller. But a wheel whose members had changed places took 43 % instead of 35 %, and a tar packed in
/// another order 21 % instead of 18 %.
const WINDOW_PER_SEGMENT: u64 = 4;

/// A run of bytes that target and base share.
struct Anchor {
    target: Range<u64>,
    /// How much further back the run lies in the base than in the target. What was between two edits has one
    /// shift.
    shift: i64,
}

impl Anchor {
    fn overlap(&self, segment: &Range<u64>) -> u64 {
        self.target.end.min(segment.end).saturating_sub(self.target.start.max(segment.start))
    }

    fn distance(&self, segment: &Range<u64>) -> u64 {
        let before = segment.start.saturating_sub(self.target.end);
        before.max(self.target.start.saturating_sub(segment.end))
    }
}

/// A shift, and how many bytes of a segment have it.
struct Vote {
    shift: i64,
    n_bytes: u64,
}

/// Chooses the window of a base for a segment of a target.
pub(super) struct WindowFinder {
    /// In the order of the target.
    anchors: Vec<Anchor>,
    target_bytes: u64,
    base_bytes: u64,
}

impl WindowFinder {
    pub(super) fn new(target: &ChunkMap, base: &ChunkMap) -> Self {
        let plan = plan_copies(target, &[base], 0);
        let anchors = plan.steps().iter().filter_map(|step| match step.origin {
            Origin::Base { offset, .. } => {
                Some(Anchor { target: step.target.clone(), shift: shift(step.target.start, offset) })
            }
            Origin::New => None,
        });
        let anchors = anchors.collect();
        Self { anchors, target_bytes: target.content().size, base_bytes: base.content().size }
    }

    /// Returns the window: the segment's counterpart with as much before it as behind it, or the whole base
    /// if that is shorter.
    pub(super) fn find(&self, segment: &Range<u64>) -> Range<u64> {
        self.find_within(segment, (WINDOW_PER_SEGMENT - 1) * (segment.end - segment.start))
    }

    /// Returns the window that is longer than the segment by the margin.
    pub(super) fn find_within(&self, segment: &Range<u64>, margin: u64) -> Range<u64> {
        let n_bytes = segment.end - segment.start;
        let length = (n_bytes + margin).min(self.base_bytes);
        let shift = self.shift(segment, margin);
        let start = segment.start.saturating_add_signed(shift).saturating_sub(margin / 2);
        let start = start.min(self.base_bytes - length);
        start..start + length
    }

    /// Returns the shift to expect: the middle of those that most bytes of the segment have, as far as one
    /// window shows them, so that a run of zeros that is found elsewhere does not outweigh the others; else
    /// that of the nearest run; else in proportion.
    fn shift(&self, segment: &Range<u64>, margin: u64) -> i64 {
        let votes = self.votes(segment);
        let shift = middle(densest(&votes, margin)).or_else(|| self.nearest_shift(segment));
        shift.unwrap_or_else(|| self.shift_in_proportion(segment.start))
    }

    /// Returns the shifts of the runs that have bytes in the segment, by shift.
    fn votes(&self, segment: &Range<u64>) -> Vec<Vote> {
        let first = self.anchors.partition_point(|anchor| anchor.target.end <= segment.start);
        let within = self.anchors[first..].iter().take_while(|anchor| anchor.target.start < segment.end);
        let vote = |anchor: &Anchor| Vote { shift: anchor.shift, n_bytes: anchor.overlap(segment) };
        let mut votes: Vec<_> = within.map(vote).collect();
        votes.sort_unstable_by_key(|vote| vote.shift);
        votes
    }

    fn nearest_shift(&self, segment: &Range<u64>) -> Option<i64> {
        self.anchors.iter().min_by_key(|anchor| anchor.distance(segment)).map(|anchor| anchor.shift)
    }

    fn shift_in_proportion(&self, at: u64) -> i64 {
        let place = u128::from(at) * u128::from(self.base_bytes) / u128::from(self.target_bytes.max(1));
        shift(at, u64::try_from(place).unwrap_or(self.base_bytes))
    }
}

const fn shift(in_target: u64, in_base: u64) -> i64 {
    in_base.wrapping_sub(in_target).cast_signed()
}

/// Returns those votes, no more than `margin` apart, that have the most bytes.
fn densest(votes: &[Vote], margin: u64) -> &[Vote] {
    let groups = (0..votes.len()).map(|first| {
        let last_shift = votes[first].shift.saturating_add_unsigned(margin);
        let n = votes[first..].partition_point(|vote| vote.shift <= last_shift);
        &votes[first..first + n]
    });
    groups.max_by_key(|group| sum(group)).unwrap_or_default()
}

fn sum(votes: &[Vote]) -> u64 {
    votes.iter().map(|vote| vote.n_bytes).sum()
}

fn middle(votes: &[Vote]) -> Option<i64> {
    Some(votes.first()?.shift.midpoint(votes.last()?.shift))
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    const MIB: u64 = 1 << 20;

    /// Where the window of the ten MiB at 40 lies, when such runs are shared: their MiB in the target and in
    /// the base, and how many they are.
    #[test_case(&[] => 5..45; "in proportion where nothing is shared")]
    #[test_case(&[(44, 54, 1)] => 35..75; "where a shared run says")]
    #[test_case(&[(41, 53, 1), (44, 2, 2), (46, 56, 2)] => 36..76; "as most bytes say")]
    #[test_case(&[(10, 20, 1), (190, 1, 9)] => 35..75; "as the nearest run says")]
    #[test_case(&[(44, 0, 1)] => 0..40; "not before the base")]
    #[test_case(&[(44, 99, 1)] => 60..100; "not behind the base")]
    fn a_window_lies(shared: &[(u64, u64, u64)]) -> Range<u64> {
        let anchor = |&(target, base, n): &(u64, u64, u64)| Anchor {
            target: target * MIB..(target + n) * MIB,
            shift: shift(target * MIB, base * MIB),
        };
        let anchors = shared.iter().map(anchor).collect();
        let finder = WindowFinder { anchors, target_bytes: 200 * MIB, base_bytes: 100 * MIB };
        let window = finder.find(&(40 * MIB..50 * MIB));
        window.start / MIB..window.end / MIB
    }
}
