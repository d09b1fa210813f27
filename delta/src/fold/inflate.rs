//! A deflate stream, read token by token. RFC 1951.

use std::io::{self, Read, Seek};
use std::sync::LazyLock;

use super::bits::{BitReader, BitWriter, TakeBits, Tee, low};
use super::codes::{BlockLengths, DISTANCES, Decoder, END_OF_BLOCK, LENGTHS};

/// How far back a match may reach.
pub(super) const MAX_DISTANCE: u32 = 32 << 10;

/// The longest match.
pub(super) const MAX_LENGTH: u32 = 258;

/// The shortest match.
pub(super) const MIN_LENGTH: u32 = 3;

/// How many blocks a stream may have, and one more for each of so many bytes: a block of nothing takes ten bits, and as long
/// to prepare as one of thousands of bytes.
pub(super) const FREE_BLOCKS: u64 = 16;
pub(super) const BYTES_PER_BLOCK: u64 = 64;

/// Why a stream could not be read.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The file could not be read, or what is made of it not be written.
    Io(io::Error),
    /// It is not deflate, or not such as is unfolded: it is left as it is.
    Unlike,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // Where the file ends, so does what looked like a stream; a view that grows too large is none.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::QuotaExceeded => Self::Unlike,
            _ => Self::Io(error),
        }
    }
}

/// How a block has its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Stored,
    Fixed,
    Dynamic,
}

/// A block's beginning.
#[derive(Debug)]
pub(super) struct Block<'a> {
    pub(super) kind: Kind,
    pub(super) is_last: bool,
    /// The bits of a dynamic block's codes, as they stand.
    pub(super) header: &'a [u8],
    /// The bits before a stored block's length.
    pub(super) padding: u8,
    /// How many bytes a stored block has.
    pub(super) n_stored: u16,
}

/// What takes a stream's tokens, none of which reaches before the stream's text.
pub(super) trait Tokens {
    fn begin(&mut self, block: &Block<'_>) -> Result<(), Stop>;
    fn literal(&mut self, byte: u8) -> Result<(), Stop>;
    fn matched(&mut self, length: u32, distance: u32) -> Result<(), Stop>;
    fn stored(&mut self, bytes: &[u8]) -> Result<(), Stop>;
    fn end(&mut self) -> Result<(), Stop>;
    /// Takes the bits behind the last block, up to a whole byte.
    fn finish(&mut self, padding: u8) -> Result<(), Stop>;
}

/// Reads a stream from its first bit to its last. Returns how many bytes its text has, which are at most `most_text`.
pub(super) fn inflate<R: Read + Seek>(
    bits: &mut BitReader<'_, R>,
    most_text: u32,
    tokens: &mut impl Tokens,
) -> Result<u32, Stop> {
    let start = bits.position();
    let mut n_blocks = 0;
    let mut text = Text { n_bytes: 0, most: most_text, tokens };
    loop {
        n_blocks += 1;
        if n_blocks > FREE_BLOCKS + (bits.position() - start) / BYTES_PER_BLOCK {
            return Err(Stop::Unlike);
        }
        let is_last = bits.take(1)? == 1;
        match bits.take(2)? {
            0 => text.stored(bits, is_last)?,
            1 => text.fixed(bits, is_last)?,
            2 => text.dynamic(bits, is_last)?,
            _ => return Err(Stop::Unlike),
        }
        if is_last {
            text.tokens.finish(low_byte(bits.padding()?))?;
            return Ok(text.n_bytes);
        }
    }
}

fn low_byte(bits: u32) -> u8 {
    bits.to_le_bytes()[0]
}

/// The text so far, by its length.
struct Text<'a, T> {
    n_bytes: u32,
    most: u32,
    tokens: &'a mut T,
}

impl<T: Tokens> Text<'_, T> {
    #[inline]
    fn add(&mut self, n_bytes: u32) -> Result<(), Stop> {
        self.n_bytes += n_bytes;
        if self.n_bytes > self.most { Err(Stop::Unlike) } else { Ok(()) }
    }

    fn stored<R: Read + Seek>(&mut self, bits: &mut BitReader<'_, R>, is_last: bool) -> Result<(), Stop> {
        let padding = low_byte(bits.padding()?);
        let n_stored = bits.take(16)?;
        if bits.take(16)? != n_stored ^ 0xffff {
            return Err(Stop::Unlike);
        }
        self.add(n_stored)?;
        let [low, high, ..] = n_stored.to_le_bytes();
        let n_stored = u16::from_le_bytes([low, high]);
        self.tokens.begin(&Block { kind: Kind::Stored, is_last, header: &[], padding, n_stored })?;
        bits.pass(n_stored.into(), |bytes| self.tokens.stored(bytes))?;
        self.tokens.end()
    }

    fn fixed<R: Read + Seek>(&mut self, bits: &mut BitReader<'_, R>, is_last: bool) -> Result<(), Stop> {
        static FIXED: LazyLock<Option<Decoders>> = LazyLock::new(|| Decoders::new(&BlockLengths::fixed()));
        self.tokens.begin(&Block { kind: Kind::Fixed, is_last, header: &[], padding: 0, n_stored: 0 })?;
        self.compressed(bits, FIXED.as_ref().ok_or(Stop::Unlike)?)
    }

    fn dynamic<R: Read + Seek>(&mut self, bits: &mut BitReader<'_, R>, is_last: bool) -> Result<(), Stop> {
        let mut header = BitWriter::new(Vec::new());
        let lengths = BlockLengths::read(&mut Tee { from: bits, to: &mut header })?;
        let decoders = lengths.and_then(|lengths| Decoders::new(&lengths)).ok_or(Stop::Unlike)?;
        let header = &header.finish()?;
        self.tokens.begin(&Block { kind: Kind::Dynamic, is_last, header, padding: 0, n_stored: 0 })?;
        self.compressed(bits, &decoders)
    }

    fn compressed<R: Read + Seek>(
        &mut self,
        bits: &mut BitReader<'_, R>,
        codes: &Decoders,
    ) -> Result<(), Stop> {
        loop {
            // A token takes 48 bits at most.
            bits.gather()?;
            let (symbol, n) = codes.literals.find(bits.peek()).ok_or(Stop::Unlike)?;
            bits.consume(n)?;
            if let Ok(byte) = u8::try_from(symbol) {
                self.add(1)?;
                self.tokens.literal(byte)?;
                continue;
            }
            let symbol = usize::from(symbol);
            if symbol == END_OF_BLOCK {
                return self.tokens.end();
            }
            let length = with_extra(bits, &LENGTHS, symbol - END_OF_BLOCK - 1)?;
            // Nobody writes the longest length as the end of the range before it, so no room is made for that.
            if length == MAX_LENGTH && symbol != END_OF_BLOCK + LENGTHS.len() {
                return Err(Stop::Unlike);
            }
            let (symbol, n) = codes.distances.find(bits.peek()).ok_or(Stop::Unlike)?;
            bits.consume(n)?;
            let distance = with_extra(bits, &DISTANCES, usize::from(symbol))?;
            if distance > self.n_bytes {
                return Err(Stop::Unlike);
            }
            self.add(length)?;
            self.tokens.matched(length, distance)?;
        }
    }
}

/// The codes of a block.
struct Decoders {
    literals: Decoder,
    distances: Decoder,
}

impl Decoders {
    fn new(lengths: &BlockLengths) -> Option<Self> {
        Some(Self {
            literals: Decoder::new(&lengths.literals)?,
            distances: Decoder::new(&lengths.distances)?,
        })
    }
}

#[inline]
fn with_extra<R: Read + Seek>(
    bits: &mut BitReader<'_, R>,
    symbols: &[(u16, u8)],
    symbol: usize,
) -> Result<u32, Stop> {
    let &(start, n) = symbols.get(symbol).ok_or(Stop::Unlike)?;
    let extra = low(bits.peek(), n.into());
    bits.consume(n.into())?;
    Ok(u32::from(start) + extra)
}
