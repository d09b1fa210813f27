//! How far a recipe has come, and what it has asked so far: the rules that hold for all its frames together.

use std::io;

use super::frame::Frame;
use super::header::Header;
use crate::error::DeltaError;
use crate::limits::Limits;

/// What a recipe, or a part of it, moves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// The number of frames.
    pub n_frames: u64,
    /// How long the recipe is: what travels.
    pub recipe_bytes: u64,
    /// How many bytes of the target were copied from bases.
    pub copied_bytes: u64,
    /// How many bytes of the target patches made.
    pub patched_bytes: u64,
    /// How many bytes of the target came as literals, compressed or not.
    pub new_bytes: u64,
    /// How many bytes of bases are read for it.
    pub base_bytes: u64,
}

impl Moved {
    /// Returns how many bytes of the target were made.
    pub const fn target_bytes(&self) -> u64 {
        self.copied_bytes + self.patched_bytes + self.new_bytes
    }

    fn add(&mut self, frame: &Frame) {
        self.n_frames += 1;
        self.recipe_bytes += frame.encode().len() as u64 + u64::from(frame.payload_bytes());
        self.base_bytes += frame.base_range().map_or(0, |range| range.length);
        *match frame {
            Frame::Copy { .. } => &mut self.copied_bytes,
            Frame::Patch { .. } => &mut self.patched_bytes,
            Frame::Literal { .. } | Frame::Zstd { .. } => &mut self.new_bytes,
        } += frame.makes();
    }
}

/// A recipe's header, and the frames so far.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) header: Header,
    pub(super) moved: Moved,
    limits: Limits,
}

impl Progress {
    pub(super) fn new(header: Header, limits: Limits) -> Self {
        let moved = Moved { recipe_bytes: header.encoded_bytes(), ..Moved::default() };
        Self { header, moved, limits }
    }

    /// Returns the byte of the target that the next frame makes first.
    pub(super) const fn at(&self) -> u64 {
        self.header.target.start + self.moved.target_bytes()
    }

    pub(super) const fn is_whole(&self) -> bool {
        self.at() == self.header.target.end
    }

    /// Checks that the next frame, and all together with it, keep to the rules.
    pub(super) fn check(&self, frame: &Frame) -> Result<(), DeltaError> {
        let checked = frame.check(&self.header).and_then(|()| self.check_sums(frame));
        checked.map_err(|problem| self.wrong(problem))
    }

    /// Goes on behind a frame that was checked.
    pub(super) fn advance(&mut self, frame: &Frame) {
        self.moved.add(frame);
    }

    /// Returns the error that the next frame has this problem.
    pub(super) const fn wrong(&self, problem: &'static str) -> DeltaError {
        DeltaError::Frame { frame: self.moved.n_frames, at: self.at(), problem }
    }

    /// Returns the error that the next frame could not be read.
    pub(super) const fn broken(&self, source: io::Error) -> DeltaError {
        DeltaError::Recipe { frame: self.moved.n_frames, at: self.at(), source }
    }

    fn check_sums(&self, frame: &Frame) -> Result<(), &'static str> {
        if frame.makes() > self.header.target.end - self.at() {
            return Err("makes more than is left of the target");
        }
        if self.moved.n_frames >= self.limits.frames {
            return Err("is one frame too many for what the recipe makes");
        }
        let base_bytes = frame.base_range().map_or(0, |range| range.length);
        let left = self.limits.base_bytes - self.moved.base_bytes;
        if base_bytes > left { Err("reads more of bases than the recipe may") } else { Ok(()) }
    }
}
