//! BLAKE3 with a state that can be stored.
//!
//! BLAKE3 hashes chunks of 1 KiB and merges them in a binary tree in which every left subtree is complete (section 2.1
//! of its paper). So all that is to be known of the bytes so far are the chaining values of the complete subtrees, one
//! for each bit of the number of chunks, and the bytes of the last chunk: that one stays open until more follows,
//! because it might be the root.

use blake3::hazmat::{ChainingValue, HasherExt as _, Mode, merge_subtrees_non_root, merge_subtrees_root};
use blake3::{CHUNK_LEN, Hasher, OUT_LEN};

/// A BLAKE3 hash that is under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Blake3Tree {
    /// Of the complete subtrees, the largest first.
    subtrees: Vec<ChainingValue>,
    /// How many chunks these cover.
    n_chunks: u64,
    /// The bytes behind them: at most a chunk, and none only at the very beginning.
    tail: Vec<u8>,
}

impl Blake3Tree {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        let n_fitting = bytes.len().min(CHUNK_LEN - self.tail.len());
        let (fitting, mut rest) = bytes.split_at(n_fitting);
        self.tail.extend_from_slice(fitting);
        if rest.is_empty() {
            return;
        }
        self.close_tail();
        while rest.len() > CHUNK_LEN {
            let (subtree, behind) = rest.split_at(self.next_subtree_len(rest.len()));
            self.push(subtree);
            rest = behind;
        }
        self.tail.extend_from_slice(rest);
    }

    fn close_tail(&mut self) {
        let tail = std::mem::take(&mut self.tail);
        self.push(&tail);
    }

    /// Returns the length of the largest complete subtree that may begin here and leaves a byte of `available`.
    fn next_subtree_len(&self, available: usize) -> usize {
        let n_whole_chunks = (available - 1) / CHUNK_LEN;
        let n_that_fit = 1_usize << n_whole_chunks.ilog2();
        let n_aligned = 1_usize.checked_shl(self.n_chunks.trailing_zeros()).unwrap_or(usize::MAX);
        n_that_fit.min(n_aligned) * CHUNK_LEN
    }

    fn push(&mut self, subtree: &[u8]) {
        self.subtrees.push(self.chaining_value(subtree));
        self.n_chunks += (subtree.len() / CHUNK_LEN) as u64;
        while self.subtrees.len() > self.n_chunks.count_ones() as usize {
            self.merge_last();
        }
    }

    fn merge_last(&mut self) {
        if let [.., left, right] = self.subtrees.as_slice() {
            let parent = merge_subtrees_non_root(left, right, Mode::Hash);
            self.subtrees.truncate(self.subtrees.len() - 2);
            self.subtrees.push(parent);
        }
    }

    /// Returns the chaining value of the bytes that follow the subtrees.
    fn chaining_value(&self, bytes: &[u8]) -> ChainingValue {
        let start = self.n_chunks * CHUNK_LEN as u64;
        Hasher::new().set_input_offset(start).update(bytes).finalize_non_root()
    }

    /// Returns the hash of all bytes so far.
    pub(super) fn root(&self) -> blake3::Hash {
        let Some((first, others)) = self.subtrees.split_first() else { return blake3::hash(&self.tail) };
        let merge = |right, left: &ChainingValue| merge_subtrees_non_root(left, &right, Mode::Hash);
        let right = others.iter().rev().fold(self.chaining_value(&self.tail), merge);
        merge_subtrees_root(first, &right, Mode::Hash)
    }

    /// Returns the chaining values and the bytes behind them.
    pub(super) fn into_parts(self) -> (Vec<ChainingValue>, Vec<u8>) {
        (self.subtrees, self.tail)
    }

    /// Takes up the hash of `size` bytes; `None` if the parts are not those of as many.
    pub(super) fn from_parts(size: u64, subtrees: &[u8], tail: Vec<u8>) -> Option<Self> {
        let n_chunks = size.div_ceil(CHUNK_LEN as u64).saturating_sub(1);
        let tail_len = size - n_chunks * CHUNK_LEN as u64;
        let (values, remainder) = subtrees.as_chunks::<OUT_LEN>();
        let fits = tail.len() as u64 == tail_len
            && remainder.is_empty()
            && values.len() == n_chunks.count_ones() as usize;
        fits.then(|| Self { subtrees: values.to_vec(), n_chunks, tail })
    }
}
