//! The Huffman codes of deflate. RFC 1951 §3.2.

use std::io;

use super::bits::{TakeBits, low};

/// How many bits the table of a code looks at; what is longer is rare.
const TABLE_BITS: u32 = 11;

/// The longest code.
const MAX_BITS: usize = 15;

/// The order in which a block's header has the lengths of the code in which it has all others.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The length at which each symbol from 257 on begins, and its extra bits.
pub(super) const LENGTHS: [(u16, u8); 29] = with_extra_bits(
    [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163,
        195, 227, 258,
    ],
    258,
);

/// The distance at which each symbol begins, and its extra bits.
pub(super) const DISTANCES: [(u16, u8); 30] = with_extra_bits(
    [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049,
        3073, 4097, 6145, 8193, 12289, 16385, 24577,
    ],
    32768,
);

/// Derives from where each symbol begins how many bits lead from there to the next one.
const fn with_extra_bits<const N: usize>(starts: [u16; N], last: u16) -> [(u16, u8); N] {
    let mut symbols = [(0, 0); N];
    let mut n = 0;
    while n < N {
        let end = if n + 1 < N { starts[n + 1] as u32 } else { last as u32 + 1 };
        // Symbol 285 of the lengths takes its one length from the end of what 284 could reach.
        let width = (end - starts[n] as u32).next_power_of_two();
        symbols[n] = (starts[n], width.trailing_zeros().to_le_bytes()[0]);
        n += 1;
    }
    symbols
}

/// The symbol that ends a block.
pub(super) const END_OF_BLOCK: usize = 256;

/// The lengths of a code, by symbol; zero for a symbol that has none.
pub(super) type CodeLengths = Vec<u8>;

/// The two codes of a block: of literals and lengths, and of distances.
#[derive(Debug, Clone)]
pub(super) struct BlockLengths {
    pub(super) literals: CodeLengths,
    pub(super) distances: CodeLengths,
}

impl BlockLengths {
    /// Returns those of a block without a header of its own.
    pub(super) fn fixed() -> Self {
        let literals = [vec![8; 144], vec![9; 112], vec![7; 24], vec![8; 8]].concat();
        Self { literals, distances: vec![5; 30] }
    }

    /// Reads a block's header. The inner value is missing if it makes no sense.
    pub(super) fn read(bits: &mut impl TakeBits) -> io::Result<Option<Self>> {
        let n_literals = bits.take(5)? as usize + 257;
        let n_distances = bits.take(5)? as usize + 1;
        let n_lengths = bits.take(4)? as usize + 4;
        let mut lengths = vec![0; ORDER.len()];
        for &symbol in &ORDER[..n_lengths] {
            lengths[symbol] = low(bits.take(3)?.into(), 3).to_le_bytes()[0];
        }
        let Some(code) = Counts::of(&lengths) else { return Ok(None) };
        let mut all = Vec::with_capacity(n_literals + n_distances);
        while all.len() < n_literals + n_distances {
            let Some(symbol) = code.read(bits)? else { return Ok(None) };
            let (length, n) = match symbol {
                0..16 => (symbol.to_le_bytes()[0], 1),
                16 => match all.last() {
                    Some(&last) => (last, 3 + bits.take(2)?),
                    None => return Ok(None),
                },
                17 => (0, 3 + bits.take(3)?),
                _ => (0, 11 + bits.take(7)?),
            };
            all.extend(std::iter::repeat_n(length, n as usize));
        }
        // A run may not lead over the end.
        if all.len() > n_literals + n_distances {
            return Ok(None);
        }
        let distances = all.split_off(n_literals);
        Ok(Some(Self { literals: all, distances }))
    }
}

/// How many codes there are of each length, and the symbols in the order of their codes.
struct Counts {
    counts: [u16; MAX_BITS + 1],
    symbols: Vec<u16>,
}

impl Counts {
    /// Counts lengths; none if there are more codes than there can be.
    fn of(lengths: &[u8]) -> Option<Self> {
        let mut counts = [0; MAX_BITS + 1];
        for &length in lengths {
            counts[usize::from(length)] += 1;
        }
        counts[0] = 0;
        let mut left = 1_i32;
        for &count in &counts[1..] {
            left = 2 * left - i32::from(count);
            if left < 0 {
                return None;
            }
        }
        let mut starts = [0; MAX_BITS + 2];
        for length in 1..=MAX_BITS {
            starts[length + 1] = starts[length] + usize::from(counts[length]);
        }
        let mut symbols = vec![0; starts[MAX_BITS + 1]];
        for (symbol, &length) in (0..).zip(lengths) {
            if length > 0 {
                let place = &mut starts[usize::from(length)];
                symbols[*place] = symbol;
                *place += 1;
            }
        }
        Some(Self { counts, symbols })
    }

    /// Reads one symbol, bit by bit.
    fn read(&self, bits: &mut impl TakeBits) -> io::Result<Option<u16>> {
        let mut walk = Walk::default();
        for &count in &self.counts[1..] {
            if let Some(place) = walk.step(bits.take(1)?, count) {
                return Ok(Some(self.symbols[place]));
            }
        }
        Ok(None)
    }

    /// Finds the symbol that bits begin with, bit by bit, and how many bits it takes.
    #[cold]
    fn find(&self, mut bits: u64) -> Option<(u16, u32)> {
        let mut walk = Walk::default();
        for (n, &count) in (1..).zip(&self.counts[1..]) {
            if let Some(place) = walk.step(low(bits, 1), count) {
                return Some((self.symbols[place], n));
            }
            bits >>= 1;
        }
        None
    }
}

/// A walk down the tree of a code.
#[derive(Default)]
struct Walk {
    code: u32,
    first: u32,
    index: u32,
}

impl Walk {
    /// Goes one bit down, to where so many codes end; returns the place of the one that was met.
    fn step(&mut self, bit: u32, count: u16) -> Option<usize> {
        self.code |= bit;
        if self.code - self.first < u32::from(count) {
            return Some((self.index + self.code - self.first) as usize);
        }
        self.index += u32::from(count);
        self.first = (self.first + u32::from(count)) << 1;
        self.code <<= 1;
        None
    }
}

/// A code to read with.
pub(super) struct Decoder {
    /// The symbol, shifted by four, and its bits, for each beginning; zero for what is longer, or nothing.
    table: Vec<u16>,
    counts: Counts,
}

impl Decoder {
    /// Returns none if there are more codes than there can be.
    pub(super) fn new(lengths: &[u8]) -> Option<Self> {
        let counts = Counts::of(lengths)?;
        let mut table = vec![0; 1 << TABLE_BITS];
        each_code(lengths, |symbol, code, length| {
            if u32::from(length) <= TABLE_BITS {
                for entry in table[usize::from(code)..].iter_mut().step_by(1 << length) {
                    *entry = symbol << 4 | u16::from(length);
                }
            }
        });
        Some(Self { table, counts })
    }

    /// Returns the symbol that bits begin with, and how many bits it takes.
    #[inline]
    pub(super) fn find(&self, bits: u64) -> Option<(u16, u32)> {
        let entry = self.table[low(bits, TABLE_BITS) as usize];
        if entry > 0 { Some((entry >> 4, u32::from(entry & 15))) } else { self.counts.find(bits) }
    }
}

/// A code to write with: for each symbol its bits, and how many they are.
pub(super) struct Encoder(Vec<(u16, u8)>);

impl Encoder {
    /// Returns none if there are more codes than there can be.
    pub(super) fn new(lengths: &[u8]) -> Option<Self> {
        Counts::of(lengths)?;
        let mut codes = vec![(0, 0); lengths.len()];
        each_code(lengths, |symbol, code, length| codes[usize::from(symbol)] = (code, length));
        Some(Self(codes))
    }

    /// Returns the bits of a symbol, and how many they are; none if it has no code.
    #[inline]
    pub(super) fn code(&self, symbol: usize) -> Option<(u64, u32)> {
        let &(code, length) = self.0.get(symbol)?;
        (length > 0).then_some((code.into(), length.into()))
    }
}

/// Hands each symbol that has a code to `take`, with the code, its first bit lowest, and its length. There must not be
/// more codes than there can be.
fn each_code(lengths: &[u8], mut take: impl FnMut(u16, u16, u8)) {
    let mut code_of = first_codes(lengths);
    for (symbol, &length) in (0..).zip(lengths) {
        if length > 0 {
            let code = &mut code_of[usize::from(length)];
            take(symbol, code.reverse_bits() >> (16 - length), length);
            *code = code.wrapping_add(1);
        }
    }
}

/// Returns the first code of each length.
fn first_codes(lengths: &[u8]) -> [u16; MAX_BITS + 1] {
    let mut counts = [0_u16; MAX_BITS + 1];
    for &length in lengths {
        counts[usize::from(length)] += 1;
    }
    counts[0] = 0;
    let mut first = [0_u16; MAX_BITS + 1];
    for length in 1..=MAX_BITS {
        first[length] = (first[length - 1] + counts[length - 1]) << 1;
    }
    first
}
