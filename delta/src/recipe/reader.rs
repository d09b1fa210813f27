//! A recipe as it is read.

use std::io::{self, Read};

use charm_model::digest::Sha256;

use super::assemble::Bases;
use super::frame::Frame;
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
        let piece = match frame {
            Frame::Copy { base, offset, length } => Piece::Copy { base: self.base(base), offset, length },
            Frame::Literal { .. } => Piece::Bytes(&self.payload),
            Frame::Zstd { raw_length, .. } => {
                self.window.clear();
                self.unpack(raw_length)?;
                Piece::Bytes(&self.segment)
            }
            Frame::Patch { base, window_offset, window_length, raw_length, .. } => {
                self.read_window(bases, base, window_offset, window_length)?;
                self.unpack(raw_length)?;
                Piece::Bytes(&self.segment)
            }
        };
        self.progress.advance(&frame);
        Ok(Some(piece))
    }

    /// Reads a frame and its payload, once the rules allow them.
    fn read_frame(&mut self) -> Result<Frame, DeltaError> {
        let frame = Frame::read(&mut self.input).map_err(|source| self.progress.broken(source))?;
        let frame = frame.map_err(|problem| self.progress.wrong(problem))?;
        self.progress.check(&frame)?;
        self.read_payload(frame.payload_bytes()).map_err(|source| self.progress.broken(source))?;
        Ok(frame)
    }

    fn read_payload(&mut self, n_bytes: u32) -> io::Result<()> {
        // Memory grows with what comes, not with what is announced.
        self.payload.clear();
        let n_read = (&mut self.input).take(n_bytes.into()).read_to_end(&mut self.payload)?;
        if n_read < n_bytes as usize { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    fn read_window(
        &mut self,
        bases: &mut impl Bases,
        base: u8,
        offset: u64,
        n_bytes: u32,
    ) -> Result<(), DeltaError> {
        let base = self.base(base);
        self.window.resize(n_bytes as usize, 0);
        let read = bases.read_at(&base, offset, &mut self.window);
        read.map_err(|source| DeltaError::Base { base, offset, length: n_bytes.into(), source })
    }

    fn unpack(&mut self, raw_length: u32) -> Result<(), DeltaError> {
        self.segment.resize(raw_length as usize, 0);
        let unpacked = apply_patch(&self.window, &self.payload, &mut self.segment);
        unpacked.map_err(|problem| self.progress.wrong(problem))
    }

    /// Returns the base with that place in the header, which was checked with its frame.
    fn base(&self, place: u8) -> Sha256 {
        self.progress.header.bases[usize::from(place)]
    }
}
