//! A file that is read again, to be sent or proved, held against what it was summed up as.
//!
//! Sums may come from a cache, and files change: what leaves this machine is checked as it leaves.

use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use charm_model::digest::Content;

/// How many beginnings are remembered: before and after the last part. If that part was lost, the former is needed.
const N_KEPT: usize = 2;

/// The beginning of a file, summed up. BLAKE3 alone: equal there is equal, and it costs a quarter of the pair.
#[derive(Clone, Default)]
pub(crate) struct Beginning {
    n_bytes: u64,
    blake3: blake3::Hasher,
}

impl Beginning {
    pub(crate) fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.n_bytes += bytes.len() as u64;
        self.blake3.update(bytes);
    }

    /// Says whether this is all of that content.
    pub(crate) fn is(&self, content: &Content) -> bool {
        self.n_bytes == content.size && content.digests.blake3 == self.blake3.finalize().into()
    }
}

/// The beginnings of a file that have been read so far, so that none is read again for every part.
#[derive(Default)]
pub(crate) struct Beginnings(Mutex<Vec<Beginning>>);

impl Beginnings {
    /// Returns the longest that is not longer.
    pub(crate) fn within(&self, n_bytes: u64) -> Beginning {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let within = kept.iter().filter(|it| it.n_bytes <= n_bytes);
        within.max_by_key(|it| it.n_bytes).cloned().unwrap_or_default()
    }

    pub(crate) fn keep(&self, beginning: &Beginning) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(0, beginning.clone());
        kept.truncate(N_KEPT);
    }
}

/// A reader that sums up what passes.
pub(crate) struct Rechecked<R> {
    inner: R,
    seen: Beginning,
}

impl<R> Rechecked<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, seen: Beginning::default() }
    }

    /// Says whether what has passed is all of that content.
    pub(crate) fn is(&self, content: &Content) -> bool {
        self.seen.is(content)
    }
}

impl<R: Read> Read for Rechecked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.inner.read(buffer)?;
        self.seen.add(&buffer[..n_bytes]);
        Ok(n_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_a_content_only_if_it_is_all_of_it() {
        let mut beginning = Beginning::default();
        beginning.add(b"ab");
        assert!(beginning.is(&Content::of(b"ab")));
        assert!(!beginning.is(&Content::of(b"abc")) && !beginning.is(&Content::of(b"ax")));
    }

    #[test]
    fn the_longest_beginning_that_is_not_too_long_is_gone_on_from() {
        let beginnings = Beginnings::default();
        let mut read = Beginning::default();
        for part in [b"ab", b"cd", b"ef"] {
            read.add(part);
            beginnings.keep(&read);
        }
        assert_eq!([3, 4, 9].map(|it| beginnings.within(it).n_bytes()), [0, 4, 6]);
    }
}
