//! From a view back to its file.

use std::io::{self, BufRead as _, BufReader, Read, Write};

use super::bits::{BitWriter, ByteBits, Tee};
use super::codes::{BlockLengths, DISTANCES, END_OF_BLOCK, Encoder, LENGTHS};
use super::folds::Fold;
use super::guess::{Guesser, LOOKAHEAD, Token};
use super::inflate::{BYTES_PER_BLOCK, FREE_BLOCKS, MAX_DISTANCE, MAX_LENGTH, MIN_LENGTH};
use super::view::{Section, SectionReader, View, read_number};
use super::window::Window;

/// How much text is read at once.
const BATCH_BYTES: u64 = 256 << 10;

/// Writes the file of which this is the view. Work and memory are linear in the view, whatever it says.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidData`] and [`io::ErrorKind::UnexpectedEof`] if it is not one, and those of `out`.
pub(crate) fn refold(view: &View, folds: &[Fold], out: impl Write) -> io::Result<()> {
    let mut refolding = Refolding::new(view, out);
    for fold in folds {
        refolding.pass(fold.gap)?;
        refolding.fold(fold)?;
    }
    refolding.pass_rest(u64::MAX)?;
    refolding.out.finish()?.flush()
}

fn wrong() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

struct Refolding<'a, W> {
    body: BufReader<SectionReader<'a>>,
    runs: BufReader<SectionReader<'a>>,
    lengths: BufReader<SectionReader<'a>>,
    distances: BufReader<SectionReader<'a>>,
    blocks: BufReader<SectionReader<'a>>,
    out: BitWriter<W>,
    fixed: Option<Codes>,
    guesser: Guesser,
    window: Window,
    /// How many bytes the stream's text has, and how many of them are done.
    end: u32,
    at: u32,
    /// How many guesses are right before the next is wrong, and whether a literal stands there.
    run: u64,
    is_literal: bool,
}

impl<'a, W: Write> Refolding<'a, W> {
    fn new(view: &'a View, out: W) -> Self {
        Self {
            body: view.section(Section::Body),
            runs: view.section(Section::Runs),
            lengths: view.section(Section::Lengths),
            distances: view.section(Section::Distances),
            blocks: view.section(Section::Blocks),
            out: BitWriter::new(out),
            fixed: Codes::new(&BlockLengths::fixed()),
            guesser: Guesser::new(),
            window: Window::default(),
            end: 0,
            at: 0,
            run: 0,
            is_literal: false,
        }
    }

    /// Writes bytes that are in no fold.
    fn pass(&mut self, n_bytes: u64) -> io::Result<()> {
        if self.pass_rest(n_bytes)? < n_bytes { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// Writes bytes that are in no fold, as far as there are so many. Returns how many there were.
    fn pass_rest(&mut self, n_bytes: u64) -> io::Result<u64> {
        let mut n_done = 0;
        while n_done < n_bytes {
            let ahead = self.body.fill_buf()?;
            if ahead.is_empty() {
                break;
            }
            let n = ahead.len().min(usize::try_from(n_bytes - n_done).unwrap_or(usize::MAX));
            self.out.put_bytes(&ahead[..n])?;
            self.body.consume(n);
            n_done += n as u64;
        }
        Ok(n_done)
    }

    fn fold(&mut self, fold: &Fold) -> io::Result<()> {
        self.guesser.begin(fold.method);
        self.window.clear();
        (self.end, self.at) = (fold.n_text, 0);
        self.next_run()?;
        let (start, mut n_blocks) = (self.out.n_bytes(), 1);
        while !self.block()? {
            n_blocks += 1;
            if n_blocks > FREE_BLOCKS + (self.out.n_bytes() - start) / BYTES_PER_BLOCK {
                return Err(wrong());
            }
        }
        if self.at < self.end || self.run > 0 {
            return Err(wrong());
        }
        self.padding()
    }

    /// Writes the bits up to the next whole byte.
    fn padding(&mut self) -> io::Result<()> {
        let (padding, n) = (read_byte(&mut self.blocks)?, self.out.lacks());
        if u32::from(padding) >> n > 0 { Err(wrong()) } else { self.out.put(padding.into(), n) }
    }

    /// Writes a block. Says whether it is the last.
    fn block(&mut self) -> io::Result<bool> {
        let head = read_byte(&mut self.blocks)?;
        let (kind, is_last) = (head & !4, head & 4 > 0);
        self.out.put(u64::from(is_last) | u64::from(kind & 3) << 1, 3)?;
        match kind {
            0 => self.stored()?,
            1 => {
                let codes = self.fixed.take().ok_or_else(wrong)?;
                self.compressed(&codes)?;
                self.fixed = Some(codes);
            }
            2 => {
                let mut bits = ByteBits::new(&mut self.blocks);
                let lengths = BlockLengths::read(&mut Tee { from: &mut bits, to: &mut self.out })?;
                self.compressed(&lengths.and_then(|lengths| Codes::new(&lengths)).ok_or_else(wrong)?)?;
            }
            _ => return Err(wrong()),
        }
        Ok(is_last)
    }

    fn stored(&mut self) -> io::Result<()> {
        self.padding()?;
        let mut n_bytes = [0; 2];
        self.blocks.read_exact(&mut n_bytes)?;
        let n_bytes = u16::from_le_bytes(n_bytes);
        self.out.put(u64::from(n_bytes) | u64::from(!n_bytes) << 16, 32)?;
        for _ in 0..n_bytes {
            let byte = self.look_ahead()?;
            self.out.put(byte.into(), 8)?;
            self.at += 1;
        }
        Ok(())
    }

    fn compressed(&mut self, codes: &Codes) -> io::Result<()> {
        let n_tokens = read_number(&mut self.blocks)?;
        for _ in 0..n_tokens {
            let byte = self.look_ahead()?;
            let token = self.token()?;
            let (bits, n) = codes.token(token, byte).ok_or_else(wrong)?;
            self.out.put(bits, n)?;
            self.at += token.length;
        }
        let (bits, n) = codes.literals.code(END_OF_BLOCK).ok_or_else(wrong)?;
        self.out.put(bits, n)
    }

    /// Returns the next token, which is in the text.
    fn token(&mut self) -> io::Result<Token> {
        let guess = self.guesser.guess(&self.window, self.at);
        let token = if self.run > 0 {
            self.run -= 1;
            guess
        } else {
            let token = if self.is_literal { Token::LITERAL } else { self.kept_match()? };
            self.next_run()?;
            token
        };
        if token.length > self.end - self.at {
            return Err(wrong());
        }
        self.guesser.advance(&self.window, self.at, token);
        Ok(token)
    }

    fn kept_match(&mut self) -> io::Result<Token> {
        let length = u32::from(read_byte(&mut self.lengths)?) + MIN_LENGTH;
        let mut distance = [0; 2];
        self.distances.read_exact(&mut distance)?;
        let distance = u32::from(u16::from_le_bytes(distance)) + 1;
        if distance > MAX_DISTANCE { Err(wrong()) } else { Ok(Token { length, distance }) }
    }

    fn next_run(&mut self) -> io::Result<()> {
        let number = read_number(&mut self.runs)?;
        (self.run, self.is_literal) = (number >> 1, number & 1 == 1);
        Ok(())
    }

    /// Holds so much text that the next token can be guessed, and returns its first byte.
    #[inline]
    fn look_ahead(&mut self) -> io::Result<u8> {
        if self.window.end() < self.end.min(self.at.saturating_add(LOOKAHEAD)) {
            self.read_text()?;
        }
        self.window.from(self.at).first().copied().ok_or_else(wrong)
    }

    #[cold]
    fn read_text(&mut self) -> io::Result<()> {
        self.window.forget_before(self.at);
        let n_bytes = u64::from(self.end - self.window.end()).min(BATCH_BYTES);
        let body = &mut self.body;
        let n_read = self.window.fill(|bytes| body.take(n_bytes).read_to_end(bytes))?;
        if (n_read as u64) < n_bytes { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

fn read_byte(input: &mut impl Read) -> io::Result<u8> {
    let mut byte = [0];
    input.read_exact(&mut byte)?;
    Ok(byte[0])
}

/// The codes of a block.
pub(super) struct Codes {
    pub(super) literals: Encoder,
    distances: Encoder,
}

impl Codes {
    pub(super) fn new(lengths: &BlockLengths) -> Option<Self> {
        Some(Self {
            literals: Encoder::new(&lengths.literals)?,
            distances: Encoder::new(&lengths.distances)?,
        })
    }

    /// Returns the bits of a token, and how many they are.
    #[inline]
    pub(super) fn token(&self, token: Token, byte: u8) -> Option<(u64, u32)> {
        if !token.is_match() {
            return self.literals.code(byte.into());
        }
        let symbol = usize::from(LENGTH_SYMBOLS[(token.length - MIN_LENGTH) as usize]);
        let (start, n_extra) = LENGTHS[symbol];
        let (mut bits, mut n) = self.literals.code(END_OF_BLOCK + 1 + symbol)?;
        bits |= u64::from(token.length - u32::from(start)) << n;
        n += u32::from(n_extra);
        let symbol = distance_symbol(token.distance);
        let (start, n_extra) = DISTANCES[symbol];
        let (code, n_code) = self.distances.code(symbol)?;
        bits |= code << n;
        n += n_code;
        bits |= u64::from(token.distance - u32::from(start)) << n;
        Some((bits, n + u32::from(n_extra)))
    }
}

/// The symbol of each length, from the shortest on, counted from the first that is a length.
const LENGTH_SYMBOLS: [u8; (MAX_LENGTH - MIN_LENGTH) as usize + 1] = {
    let mut symbols = [0; (MAX_LENGTH - MIN_LENGTH) as usize + 1];
    let (mut n, mut symbol) = (0, 0_u8);
    while n < symbols.len() {
        let next = symbol as usize + 1;
        if next < LENGTHS.len() && LENGTHS[next].0 as usize <= n + MIN_LENGTH as usize {
            symbol += 1;
        }
        symbols[n] = symbol;
        n += 1;
    }
    symbols
};

/// Returns the symbol of a distance: two for each power of two.
#[inline]
const fn distance_symbol(distance: u32) -> usize {
    let distance = distance - 1;
    if distance < 4 {
        return distance as usize;
    }
    let n_bits = distance.ilog2();
    (2 * n_bits + (distance >> (n_bits - 1) & 1)) as usize
}
