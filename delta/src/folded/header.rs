//! The beginning of a folded recipe.

use std::io::{self, Read};

use charm_model::digest::Sha256;

use crate::bytes::{take, take_u8, take_u64};
use crate::error::DeltaError;
use crate::fold::{Fold, N_SECTIONS, SectionLengths, encode_folds, read_folds};
use crate::limits::{Limits, MAX_FOLDED_BYTES, view_bytes};

/// What every recipe begins with, and its form.
pub(super) const BEGINNING_BYTES: usize = 7;

/// What a folded recipe begins with.
pub(super) const BEGINNING: [u8; BEGINNING_BYTES] = *b"RECIPE\x02";

const FIXED_BYTES: usize = 8 + 32 + 8 + 1 + 8 * N_SECTIONS;

/// What of a base's view a recipe refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BaseView {
    /// Its body: the choices of the target were guessed, or are not like those of the base.
    Body,
    /// All of it.
    Whole,
}

/// What a folded recipe makes, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoldedHeader {
    pub(super) n_bytes: u64,
    pub(super) base: Sha256,
    pub(super) base_bytes: u64,
    pub(super) base_view: BaseView,
    pub(super) view: SectionLengths,
    pub(super) base_folds: Vec<Fold>,
    pub(super) folds: Vec<Fold>,
}

impl FoldedHeader {
    pub(super) fn encode(&self) -> Result<Vec<u8>, DeltaError> {
        let mut bytes = BEGINNING.to_vec();
        bytes.extend(self.n_bytes.to_le_bytes());
        bytes.extend(self.base.0);
        bytes.extend(self.base_bytes.to_le_bytes());
        bytes.push(self.base_view as u8);
        bytes.extend(self.view.iter().flat_map(|length| length.to_le_bytes()));
        bytes.extend(encode_folds(&self.base_folds)?);
        bytes.extend(encode_folds(&self.folds)?);
        Ok(bytes)
    }

    /// Reads what comes behind the beginning.
    pub(super) fn read(input: &mut impl Read, limits: &Limits) -> Result<Self, DeltaError> {
        let broken = |source: io::Error| DeltaError::Recipe { frame: 0, at: 0, source };
        let wrong = |problem| DeltaError::Header { problem };
        let mut fixed = [0; FIXED_BYTES];
        input.read_exact(&mut fixed).map_err(broken)?;
        let mut header = decode(&fixed).ok_or_else(|| wrong("refers to its base in an unknown way"))?;
        header.check(limits).map_err(wrong)?;
        header.base_folds = read_folds(input).map_err(broken)?.map_err(wrong)?;
        header.folds = read_folds(input).map_err(broken)?.map_err(wrong)?;
        Ok(header)
    }

    fn check(&self, limits: &Limits) -> Result<(), &'static str> {
        let view = self.view.iter().try_fold(0_u64, |sum, length| sum.checked_add(*length));
        if self.n_bytes > limits.target_bytes {
            Err("makes more bytes than are wanted")
        } else if self.n_bytes.max(self.base_bytes) > MAX_FOLDED_BYTES {
            Err("is of larger files than are unfolded")
        } else if self.base_bytes > limits.base_bytes {
            Err("reads more of its base than it may")
        } else if view.is_none_or(|n_bytes| n_bytes > view_bytes(self.n_bytes)) {
            Err("makes a larger view than it may")
        } else {
            Ok(())
        }
    }
}

fn decode(mut fixed: &[u8]) -> Option<FoldedHeader> {
    let rest = &mut fixed;
    let n_bytes = take_u64(rest)?;
    let (base, base_bytes) = (Sha256(take(rest)?), take_u64(rest)?);
    let base_view = match take_u8(rest)? {
        0 => BaseView::Body,
        1 => BaseView::Whole,
        _ => return None,
    };
    let mut view = [0; N_SECTIONS];
    for length in &mut view {
        *length = take_u64(rest)?;
    }
    let (base_folds, folds) = (Vec::new(), Vec::new());
    Some(FoldedHeader { n_bytes, base, base_bytes, base_view, view, base_folds, folds })
}
