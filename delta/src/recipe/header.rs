//! What a recipe makes, and of what.

use std::io::{self, Read};
use std::ops::Range;

use charm_model::digest::Sha256;

use crate::bytes::{take, take_u8, take_u64};
use crate::error::DeltaError;
use crate::limits::{Limits, MAX_BASES};

const MAGIC: [u8; 6] = *b"RECIPE";
const VERSION: u8 = 1;
const FIXED_BYTES: usize = 6 + 1 + 1 + 8 + 8;

/// The beginning of a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The range of the target that the recipe makes.
    pub target: Range<u64>,
    /// The bases that frames refer to, by their place in this list. Whoever assembles decides first whether
    /// the sender may use them.
    pub bases: Vec<Sha256>,
}

impl Header {
    /// Returns how many bytes of the target the recipe makes.
    pub const fn n_bytes(&self) -> u64 {
        self.target.end - self.target.start
    }

    pub(super) const fn encoded_bytes(&self) -> u64 {
        (FIXED_BYTES + 32 * self.bases.len()) as u64
    }

    /// Checks that the range is one, and that there are not too many bases.
    pub(super) fn check(&self) -> Result<(), DeltaError> {
        let problem = if self.target.start > self.target.end {
            "ends before it begins"
        } else if self.bases.len() > MAX_BASES {
            "has too many bases"
        } else {
            return Ok(());
        };
        Err(DeltaError::Header { problem })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        #[expect(clippy::cast_possible_truncation, reason = "`check` bounds it by `MAX_BASES`")]
        bytes.extend([VERSION, self.bases.len() as u8]);
        bytes.extend(self.target.start.to_le_bytes());
        bytes.extend(self.n_bytes().to_le_bytes());
        bytes.extend(self.bases.iter().flat_map(|base| base.0));
        bytes
    }

    pub(super) fn read(input: &mut impl Read, limits: &Limits) -> Result<Self, DeltaError> {
        let broken = |source: io::Error| DeltaError::Recipe { frame: 0, at: 0, source };
        let mut fixed = [0; FIXED_BYTES];
        input.read_exact(&mut fixed).map_err(broken)?;
        let (n_bases, target) = decode(&fixed, limits).map_err(|problem| DeltaError::Header { problem })?;
        let mut header = Self { target, bases: vec![Sha256([0; 32]); n_bases.into()] };
        header.check()?;
        for base in &mut header.bases {
            input.read_exact(&mut base.0).map_err(broken)?;
        }
        Ok(header)
    }
}

/// Returns the number of bases and the range of the target.
fn decode(mut fixed: &[u8], limits: &Limits) -> Result<(u8, Range<u64>), &'static str> {
    const ENDS: &str = "ends too early";
    let rest = &mut fixed;
    if take(rest) != Some(MAGIC) {
        return Err("does not begin as one");
    }
    if take_u8(rest) != Some(VERSION) {
        return Err("has another version than 1");
    }
    let n_bases = take_u8(rest).ok_or(ENDS)?;
    let start = take_u64(rest).ok_or(ENDS)?;
    let n_bytes = take_u64(rest).ok_or(ENDS)?;
    if n_bytes > limits.target_bytes {
        return Err("makes more bytes than are wanted");
    }
    let end = start.checked_add(n_bytes).ok_or("makes bytes beyond 2^64")?;
    Ok((n_bases, start..end))
}
