//! A recipe as it is written.

use std::io::Write;

use super::frame::Frame;
use super::header::Header;
use super::progress::{Moved, Progress};
use crate::error::DeltaError;
use crate::limits::Limits;

/// Writes a recipe frame by frame, and nothing that a [`super::RecipeReader`] with [`Limits::for_target`]
/// would refuse.
#[derive(Debug)]
pub struct RecipeWriter<W> {
    out: W,
    progress: Progress,
}

impl<W: Write> RecipeWriter<W> {
    /// Begins a recipe. Each frame becomes one or two writes, so `out` should be buffered where writes are
    /// dear.
    pub fn new(mut out: W, header: Header) -> Result<Self, DeltaError> {
        header.check()?;
        out.write_all(&header.encode()).map_err(DeltaError::WriteRecipe)?;
        let limits = Limits::for_target(header.n_bytes());
        Ok(Self { out, progress: Progress::new(header, limits) })
    }

    /// Adds a range of a base.
    pub fn copy(&mut self, base: u8, offset: u64, length: u64) -> Result<(), DeltaError> {
        self.add(Frame::Copy { base, offset, length }, &[])
    }

    /// Adds a frame with its payload.
    ///
    /// # Panics
    ///
    /// If the payload is not as long as the frame says.
    pub fn add(&mut self, frame: Frame, payload: &[u8]) -> Result<(), DeltaError> {
        assert_eq!(payload.len(), frame.payload_bytes() as usize, "a payload is as long as its frame says");
        self.progress.check(&frame)?;
        self.out.write_all(&frame.encode()).map_err(DeltaError::WriteRecipe)?;
        self.out.write_all(payload).map_err(DeltaError::WriteRecipe)?;
        self.progress.advance(&frame);
        Ok(())
    }

    /// Ends the recipe, and returns what it moves.
    ///
    /// # Errors
    ///
    /// [`DeltaError::Frame`] if bytes of the target are still missing.
    pub fn finish(mut self) -> Result<Moved, DeltaError> {
        if !self.progress.is_whole() {
            return Err(self.progress.wrong("is missing"));
        }
        self.out.flush().map_err(DeltaError::WriteRecipe)?;
        Ok(self.progress.moved)
    }
}
