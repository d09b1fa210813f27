//! Bits, the lowest of a byte first.

use std::io::{self, Read, Seek, Write};

use super::input::Input;

/// Something from which bits are taken, at most 16 at a time.
pub(super) trait TakeBits {
    /// Takes the next `n` bits.
    fn take(&mut self, n: u32) -> io::Result<u32>;
}

/// A file as bits.
pub(super) struct BitReader<'a, R> {
    input: &'a mut Input<R>,
    bits: u64,
    n_bits: u32,
}

impl<'a, R: Read + Seek> BitReader<'a, R> {
    /// Begins with the next byte.
    pub(super) const fn new(input: &'a mut Input<R>) -> Self {
        Self { input, bits: 0, n_bits: 0 }
    }

    /// Gathers 48 bits at least, but at the end of the file.
    #[inline]
    pub(super) fn gather(&mut self) -> io::Result<()> {
        if self.n_bits >= 48 {
            return Ok(());
        }
        if let Some(eight) = self.input.ahead()?.first_chunk() {
            self.bits |= u64::from_le_bytes(*eight) << self.n_bits;
            let n_bytes = (63 - self.n_bits) / 8;
            self.input.skip(n_bytes as usize);
            self.n_bits += 8 * n_bytes;
            // Bits above the counted ones come again with the next byte.
            self.bits &= u64::MAX >> (64 - self.n_bits);
            return Ok(());
        }
        while self.n_bits <= 56 {
            let Some(byte) = self.input.ahead()?.first().copied() else { return Ok(()) };
            self.bits |= u64::from(byte) << self.n_bits;
            self.n_bits += 8;
            self.input.skip(1);
        }
        Ok(())
    }

    /// Returns the bits that were gathered; those behind the end of the file are zeros.
    #[inline]
    pub(super) const fn peek(&self) -> u64 {
        self.bits
    }

    /// Takes so many bits of those that were gathered.
    #[inline]
    pub(super) fn consume(&mut self, n: u32) -> io::Result<()> {
        if n > self.n_bits {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.bits >>= n;
        self.n_bits -= n;
        Ok(())
    }

    /// Returns where the first byte stands of which nothing was taken.
    pub(super) const fn position(&self) -> u64 {
        self.input.position() - (self.n_bits / 8) as u64
    }

    /// Takes the bits up to the next whole byte.
    pub(super) fn padding(&mut self) -> io::Result<u32> {
        self.take(self.n_bits % 8)
    }

    /// Gives back the whole bytes that were gathered and not taken.
    pub(super) fn release(self) -> io::Result<&'a mut Input<R>> {
        self.input.seek(self.position())?;
        Ok(self.input)
    }

    /// Hands the next bytes to `take`; the bits must stand at a whole byte.
    pub(super) fn pass<E: From<io::Error>>(
        &mut self,
        n_bytes: u64,
        take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.position();
        (self.bits, self.n_bits) = (0, 0);
        self.input.seek(start)?;
        self.input.pass(start + n_bytes, take)
    }
}

impl<R: Read + Seek> TakeBits for BitReader<'_, R> {
    #[inline]
    fn take(&mut self, n: u32) -> io::Result<u32> {
        self.gather()?;
        let bits = low(self.bits, n);
        self.consume(n)?;
        Ok(bits)
    }
}

/// Returns the lowest `n` bits, at most 32.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "at most 32 bits are asked for")]
pub(super) const fn low(bits: u64, n: u32) -> u32 {
    (bits & ((1 << n) - 1)) as u32
}

/// Bytes as bits, each taken when it is needed.
pub(super) struct ByteBits<R> {
    input: R,
    bits: u64,
    n_bits: u32,
}

impl<R: Read> ByteBits<R> {
    pub(super) const fn new(input: R) -> Self {
        Self { input, bits: 0, n_bits: 0 }
    }
}

impl<R: Read> TakeBits for ByteBits<R> {
    fn take(&mut self, n: u32) -> io::Result<u32> {
        while self.n_bits < n {
            let mut byte = [0];
            self.input.read_exact(&mut byte)?;
            self.bits |= u64::from(byte[0]) << self.n_bits;
            self.n_bits += 8;
        }
        let bits = low(self.bits, n);
        self.bits >>= n;
        self.n_bits -= n;
        Ok(bits)
    }
}

/// Takes bits from one place and puts them down in another as well.
pub(super) struct Tee<'a, F, W> {
    pub(super) from: &'a mut F,
    pub(super) to: &'a mut BitWriter<W>,
}

impl<F: TakeBits, W: Write> TakeBits for Tee<'_, F, W> {
    fn take(&mut self, n: u32) -> io::Result<u32> {
        let bits = self.from.take(n)?;
        self.to.put(u64::from(bits), n)?;
        Ok(bits)
    }
}

/// How many bytes are gathered before they are written.
const GATHERED_BYTES: usize = 64 << 10;

/// Bits, gathered to bytes that are written.
pub(super) struct BitWriter<W> {
    out: W,
    n_written: u64,
    buffer: Vec<u8>,
    bits: u64,
    n_bits: u32,
}

impl<W: Write> BitWriter<W> {
    pub(super) const fn new(out: W) -> Self {
        Self { out, n_written: 0, buffer: Vec::new(), bits: 0, n_bits: 0 }
    }

    /// Returns how many whole bytes there were so far.
    pub(super) const fn n_bytes(&self) -> u64 {
        self.n_written + self.buffer.len() as u64
    }

    /// Adds the lowest `n` bits of `bits`, at most 48; the others must be zeros.
    #[inline]
    pub(super) fn put(&mut self, bits: u64, n: u32) -> io::Result<()> {
        self.bits |= bits << self.n_bits;
        self.n_bits += n;
        if self.n_bits >= 16 {
            let n_bytes = self.n_bits / 8;
            self.buffer.extend_from_slice(&self.bits.to_le_bytes()[..n_bytes as usize]);
            self.bits = if n_bytes == 8 { 0 } else { self.bits >> (8 * n_bytes) };
            self.n_bits %= 8;
            if self.buffer.len() >= GATHERED_BYTES {
                self.hand_on()?;
            }
        }
        Ok(())
    }

    /// Returns how many bits the last byte lacks.
    pub(super) const fn lacks(&self) -> u32 {
        self.n_bits.wrapping_neg() % 8
    }

    /// Adds whole bytes, behind zeros up to a whole byte.
    pub(super) fn put_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.fill_byte();
        if self.buffer.len() + bytes.len() > GATHERED_BYTES {
            self.hand_on()?;
        }
        if bytes.len() > GATHERED_BYTES {
            self.n_written += bytes.len() as u64;
            return self.out.write_all(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes everything, the last byte filled up with zeros.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.fill_byte();
        self.hand_on()?;
        Ok(self.out)
    }

    fn fill_byte(&mut self) {
        let n_bytes = self.n_bits.div_ceil(8) as usize;
        self.buffer.extend_from_slice(&self.bits.to_le_bytes()[..n_bytes]);
        (self.bits, self.n_bits) = (0, 0);
    }

    fn hand_on(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.n_written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}
