//! A writer that knows what it wrote.

use std::io::{self, Write};

use charm_model::digest::{Content, Digests, Sha256};
use sha2::Digest as _;

/// Passes bytes on, and sums up those that were taken.
#[derive(Debug)]
pub(crate) struct HashingWriter<W> {
    inner: W,
    size: u64,
    sha256: sha2::Sha256,
    blake3: blake3::Hasher,
}

impl<W: Write> HashingWriter<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, size: 0, sha256: sha2::Sha256::new(), blake3: blake3::Hasher::new() }
    }

    /// Returns how many bytes were written so far.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Flushes, and returns what was written.
    pub(crate) fn finish(mut self) -> io::Result<Content> {
        self.inner.flush()?;
        let sha256 = Sha256(self.sha256.finalize().into());
        let digests = Digests { sha256, blake3: self.blake3.finalize().into() };
        Ok(Content { size: self.size, digests })
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n_taken = self.inner.write(bytes)?;
        self.size += n_taken as u64;
        self.sha256.update(&bytes[..n_taken]);
        self.blake3.update(&bytes[..n_taken]);
        Ok(n_taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes three bytes at a time.
    struct Reluctant(Vec<u8>);

    impl Write for Reluctant {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(&bytes[..bytes.len().min(3)])
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_bytes_that_were_taken_are_summed_up() {
        let mut writer = HashingWriter::new(Reluctant(Vec::new()));
        writer.write_all(b"ten bytes.").unwrap();
        assert_eq!(writer.finish().unwrap(), Content::of(b"ten bytes."));
    }
}
