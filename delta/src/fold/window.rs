//! The text of a stream, as much of it as is needed at a time.

use super::inflate::MAX_DISTANCE;

/// Text of a stream, from some byte on. Offsets count from the stream's first byte.
#[derive(Debug, Default)]
pub(super) struct Window {
    bytes: Vec<u8>,
    start: u32,
}

impl Window {
    /// Begins a stream.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.start = 0;
    }

    /// Returns how many bytes of the stream there were so far.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a stream has at most `MAX_TEXT_BYTES`")]
    pub(super) const fn end(&self) -> u32 {
        self.start + self.bytes.len() as u32
    }

    /// Returns how many bytes are held.
    #[inline]
    pub(super) const fn n_held(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the bytes from that one on.
    #[inline]
    pub(super) fn from(&self, at: u32) -> &[u8] {
        self.bytes.get(at.wrapping_sub(self.start) as usize..).unwrap_or_default()
    }

    #[inline]
    pub(super) fn push(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Lets `read` add bytes to those that are held.
    pub(super) fn fill<T>(&mut self, read: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        read(&mut self.bytes)
    }

    /// Adds what a match makes, which may reach into itself. There must be so much before it.
    #[inline]
    pub(super) fn copy(&mut self, n_bytes: u32, distance: u32) {
        let (mut n_left, start) = (n_bytes as usize, self.bytes.len() - distance as usize);
        while n_left > 0 {
            // What was copied is as good to copy from.
            let n = n_left.min(self.bytes.len() - start);
            self.bytes.extend_from_within(start..start + n);
            n_left -= n;
        }
    }

    /// Forgets what no match at `at` or behind it can reach.
    pub(super) fn forget_before(&mut self, at: u32) {
        let n_old = (at - self.start).saturating_sub(MAX_DISTANCE);
        self.bytes.drain(..n_old as usize);
        self.start += n_old;
    }
}
