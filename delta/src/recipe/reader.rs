//! A recipe as it is read.

use std::io::{self, Read};

use charm_model::digest::Sha256;

use super::assemble::Bases;
use super::frame::{BaseRange, Frame};
use super::header::Header;
use super::progress::{Moved, Progress};
use crate::error::DeltaError;
use crate::limits::Limits;
use crate::patch::apply_patch;

/// The next bytes of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// These bytes of a base: left to the caller, who may know a cheaper way than reading them.
    Copy {
        /// The base.
        base: Sha256,
        /// Where in the base they begin.
        offset: u64,
        /// How many they are.
        length: u64,
    },
    /// These bytes.
    Bytes(&'a [u8]),
}

/// Reads a recipe frame by frame. It asks for no byte behind the recipe's last.
///
/// After an error it is of no more use.
#[derive(Debug)]
pub struct RecipeReader<R> {
    input: R,
    progress: Progress,
    payload: Vec<u8>,
    window: Vec<u8>,
    segment: Vec<u8>,
}

impl<R: Read> RecipeReader<R> {
    /// Reads the header.
    pub fn new(mut input: R, limits: Limits) -> Result<Self, DeltaError> {
        let header = Header::read(&mut input, &limits)?;
        let progress = Progress::new(header, limits);
        Ok(Self { input, progress, payload: Vec::new(), window: Vec::new(), segment: Vec::new() })
    }

    /// Returns what the recipe makes, and of what.
    pub const fn header(&self) -> &Header {
        &self.progress.header
    }

    /// Returns what moved so far.
    pub const fn moved(&self) -> &Moved {
        &self.progress.moved
    }

    /// Returns the next piece, or nothing behind the last. Windows of patches are read from `bases`.
    pub fn next_piece(&mut self, bases: &mut impl Bases) -> Result<Option<Piece<'_>>, DeltaError> {
        if self.progress.is_whole() {
            return Ok(None);
        }
        let frame = self.read_frame()?;
        self.read_window(&frame, bases)?;
        let piece = match frame {
            Frame::Copy { base, offset, length } => Piece::Copy { base: self.base(base), offset, length },
            Frame::Literal { .. } => Piece::Bytes(&self.payload),
            Frame::Zstd { raw_length, .. } | Frame::Patch { raw_length, .. } => {
                self.unpack(raw_length as usize)?;
                Piece::Bytes(&self.segment)
            }
        };
        self.progress.add(&frame)?;
        Ok(Some(piece))
    }
}
