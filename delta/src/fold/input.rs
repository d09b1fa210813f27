//! A file that is read forwards, mostly, by bytes and by bits.

use std::io::{self, Read, Seek, SeekFrom};

/// How much is read at once.
const BUFFER_BYTES: usize = 64 << 10;

/// A file with a buffer in which steps back are free.
pub(super) struct Input<R> {
    inner: R,
    buffer: Vec<u8>,
    /// Where in the file the buffer begins.
    start: u64,
    at: usize,
}

impl<R: Read + Seek> Input<R> {
    /// Begins at the file's first byte.
    pub(super) fn new(mut inner: R) -> io::Result<Self> {
        inner.rewind()?;
        Ok(Self { inner, buffer: Vec::with_capacity(BUFFER_BYTES), start: 0, at: 0 })
    }

    /// Returns where in the file the next byte stands.
    pub(super) const fn position(&self) -> u64 {
        self.start + self.at as u64
    }

    /// Goes on at that byte of the file.
    pub(super) fn seek(&mut self, position: u64) -> io::Result<()> {
        match position.checked_sub(self.start) {
            Some(at) if at <= self.buffer.len() as u64 => {
                self.at = usize::try_from(at).unwrap_or(self.buffer.len());
            }
            _ => {
                self.inner.seek(SeekFrom::Start(position))?;
                (self.start, self.at) = (position, 0);
                self.buffer.clear();
            }
        }
        Ok(())
    }

    /// Returns the bytes that come next; none at the end of the file.
    pub(super) fn ahead(&mut self) -> io::Result<&[u8]> {
        if self.at == self.buffer.len() {
            self.start += self.at as u64;
            self.at = 0;
            self.buffer.clear();
            (&mut self.inner).take(BUFFER_BYTES as u64).read_to_end(&mut self.buffer)?;
        }
        Ok(&self.buffer[self.at..])
    }

    /// Goes on behind so many of the bytes that [`Self::ahead`] returned.
    pub(super) fn skip(&mut self, n_bytes: usize) {
        self.at += n_bytes;
    }

    /// Hands the bytes up to that position to `take`.
    pub(super) fn pass<E: From<io::Error>>(
        &mut self,
        end: u64,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while self.position() < end {
            let n_left = end - self.position();
            let ahead = self.ahead()?;
            if ahead.is_empty() {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            let n_bytes = ahead.len().min(usize::try_from(n_left).unwrap_or(usize::MAX));
            take(&ahead[..n_bytes])?;
            self.skip(n_bytes);
        }
        Ok(())
    }
}
