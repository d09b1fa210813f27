//! A target, made as its recipe says.

use std::io::{self, Read, Write};

use charm_model::digest::Sha256;

use super::progress::Moved;
use super::reader::{Piece, RecipeReader};
use crate::error::DeltaError;
use crate::limits::Limits;

/// How much of a base is read at once to be copied.
const COPY_BYTES: u64 = 1 << 20;

/// The bases that a recipe may refer to.
pub trait Bases {
    /// Fills `buffer` with the bytes of a base from `offset` on.
    ///
    /// # Errors
    ///
    /// Any error ends the assembly: that the sender may not use this base, or that it is not as long.
    fn read_at(&mut self, base: &Sha256, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

impl<B: Bases + ?Sized> Bases for &mut B {
    fn read_at(&mut self, base: &Sha256, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        (**self).read_at(base, offset, buffer)
    }
}

/// Writes what a recipe makes to `target`, and returns what moved. Nothing is read behind the recipe's end.
///
/// What was made is checked by nobody here: the caller hashes it and compares it with what was announced.
pub fn assemble(
    recipe: impl Read,
    limits: Limits,
    bases: &mut impl Bases,
    target: &mut impl Write,
) -> Result<Moved, DeltaError> {
    let mut recipe = RecipeReader::new(recipe, limits)?;
    let mut at = recipe.header().target.start;
    let mut buffer = Vec::new();
    while let Some(piece) = recipe.next_piece(bases)? {
        at += match piece {
            Piece::Bytes(bytes) => write(target, at, bytes)?,
            Piece::Copy { base, offset, length } => {
                let range = CopiedRange { base, offset, length };
                copy(bases, &range, target, at, &mut buffer)?
            }
        };
    }
    Ok(*recipe.moved())
}

struct CopiedRange {
    base: Sha256,
    offset: u64,
    length: u64,
}

fn copy(
    bases: &mut impl Bases,
    range: &CopiedRange,
    target: &mut impl Write,
    at: u64,
    buffer: &mut Vec<u8>,
) -> Result<u64, DeltaError> {
    let &CopiedRange { base, offset, length } = range;
    let mut done = 0;
    while done < length {
        buffer.resize((length - done).min(COPY_BYTES) as usize, 0);
        let read = bases.read_at(&base, offset + done, buffer);
        read.map_err(|source| DeltaError::Base { base, offset, length, source })?;
        done += write(target, at + done, buffer)?;
    }
    Ok(length)
}

/// Writes all bytes, and returns how many they are.
fn write(target: &mut impl Write, at: u64, bytes: &[u8]) -> Result<u64, DeltaError> {
    target.write_all(bytes).map_err(|source| DeltaError::WriteTarget { at, source })?;
    Ok(bytes.len() as u64)
}
