//! A writer that knows what it wrote.

use std::io::{self, Write};

use charm_model::digest::{Content, Summing};

/// Passes bytes on, and sums up those that were taken.
#[derive(Debug)]
pub(crate) struct HashingWriter<W> {
    inner: W,
    summing: Summing,
}

impl<W: Write> HashingWriter<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, summing: Summing::default() }
    }

    /// Returns how many bytes were written so far.
    pub(crate) const fn size(&self) -> u64 {
        self.summing.size()
    }

    /// Flushes, and returns what was written.
    pub(crate) fn finish(mut self) -> io::Result<Content> {
        self.inner.flush()?;
        Ok(self.summing.content())
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n_taken = self.inner.write(bytes)?;
        self.summing.update(&bytes[..n_taken]);
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
