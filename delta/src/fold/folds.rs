//! Where the folds of a file are, as a recipe says it.

use std::io::{self, Read};

use super::guess::METHODS;
use super::view::{encode, read_number};
use crate::limits::{MAX_FOLD_TEXT_BYTES, MAX_FOLDS};
use crate::patch::{apply_patch, make_patch};

/// The most bytes that one takes in the list: two numbers and a method.
const MAX_ENTRY_BYTES: usize = 10 + 5 + 1;

/// A deflate stream of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fold {
    /// How many bytes stand before it, from the end of the fold before on.
    pub(crate) gap: u64,
    /// How many bytes its text has.
    pub(crate) n_text: u32,
    /// By which of the methods its tokens are guessed; of no meaning in a base.
    pub(crate) method: u8,
}

/// Returns the list as bytes: their number, the lengths of the list unpacked and packed, and the list.
pub(crate) fn encode_folds(folds: &[Fold]) -> Result<Vec<u8>, crate::DeltaError> {
    let mut list = Vec::new();
    for fold in folds {
        for number in [fold.gap, fold.n_text.into()] {
            let (bytes, n_bytes) = encode(number);
            list.extend(&bytes[..n_bytes]);
        }
        list.push(fold.method);
    }
    let packed = if list.is_empty() { Vec::new() } else { make_patch(&[], &list, 9)? };
    #[expect(clippy::cast_possible_truncation, reason = "there are at most `MAX_FOLDS`")]
    let numbers = [folds.len() as u32, list.len() as u32, packed.len() as u32];
    Ok([numbers.into_iter().flat_map(u32::to_le_bytes).collect(), packed].concat())
}

/// Reads a list. The inner error says what is wrong with it.
pub(crate) fn read_folds(input: &mut impl Read) -> io::Result<Result<Vec<Fold>, &'static str>> {
    let mut numbers = [[0; 4]; 3];
    for number in &mut numbers {
        input.read_exact(number)?;
    }
    let [n_folds, n_list, n_packed] = numbers.map(|number| u32::from_le_bytes(number) as usize);
    if n_folds > MAX_FOLDS || n_list > n_folds * MAX_ENTRY_BYTES || n_packed > n_list + 64 {
        return Ok(Err("has a list of too many folds"));
    }
    let (mut packed, mut list) = (vec![0; n_packed], vec![0; n_list]);
    input.read_exact(&mut packed)?;
    if n_folds > 0 && apply_patch(&[], &packed, &mut list).is_err() {
        return Ok(Err("has a list of folds that does not unpack"));
    }
    Ok(decode(&list, n_folds).ok_or("has a list of folds that makes no sense"))
}

fn decode(mut list: &[u8], n_folds: usize) -> Option<Vec<Fold>> {
    let mut folds = Vec::with_capacity(n_folds);
    for _ in 0..n_folds {
        let gap = read_number(&mut list).ok()?;
        let n_text = u32::try_from(read_number(&mut list).ok()?).ok()?;
        let (&method, rest) = list.split_first()?;
        list = rest;
        if n_text > MAX_FOLD_TEXT_BYTES || usize::from(method) >= METHODS.len() {
            return None;
        }
        folds.push(Fold { gap, n_text, method });
    }
    list.is_empty().then_some(folds)
}
