//! A guess at the next token of a stream, from its text.
//!
//! Most streams are written by one algorithm: the longest of the nearest matches, unless the next byte begins a longer
//! one. What it does is guessed here, and only where a guess is wrong is the token kept. So a guess need not be right,
//! it must only be the same when a view is made and when it is folded back; and its price is bounded whatever the text is.

use super::inflate::{MAX_DISTANCE, MAX_LENGTH, MIN_LENGTH};
use super::window::Window;

/// How much text a guess looks at, from the token's first byte on: the longest match at the next byte.
pub(super) const LOOKAHEAD: u32 = MAX_LENGTH + 8;

/// How many candidates may be looked at for each byte of text, on an average.
const CREDIT_PER_BYTE: u32 = 16;

/// How many candidates are saved up, at most.
const MAX_CREDIT: u32 = 1 << 20;

/// How many candidates are saved up when a stream begins.
const FIRST_CREDIT: u32 = 1 << 16;

/// How many candidates are looked at when all credit is used up.
const MIN_CHAIN: u32 = 4;

/// How many bytes of a comparison cost as much as a candidate.
const BYTES_PER_CREDIT: u32 = 16;

/// What of shortest matches is too far away to be worth it.
const TOO_FAR: u32 = 4096;

/// zlib keeps so much room behind its window.
const MAX_REACH: u32 = MAX_DISTANCE - 262;

const HASH_BITS: u32 = 15;

/// The next bytes of a stream: one, or a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    /// 1 for a literal.
    pub(super) length: u32,
    /// 0 for a literal.
    pub(super) distance: u32,
}

impl Token {
    pub(super) const LITERAL: Self = Self { length: 1, distance: 0 };

    pub(super) const fn is_match(self) -> bool {
        self.distance > 0
    }
}

/// How an encoder is guessed to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Method {
    /// How many bytes are hashed; zero for nothing, which guesses literals only.
    n_hashed: u8,
    /// From which length on a longer match is looked for in a quarter of the chain.
    good: u32,
    /// From which length on none is looked for at the next byte; zero to take every match at once.
    lazy: u32,
    /// Which length is enough.
    nice: u32,
    /// How many candidates are looked at.
    chain: u32,
}

/// The methods, by their number in a recipe. zlib's levels, then the same in the dialect of browsers.
pub(super) const METHODS: [Method; 11] = [
    Method::new(0, [258, 0, 0, 0]),
    Method::new(3, [4, 4, 16, 16]),
    Method::new(3, [8, 16, 32, 32]),
    Method::new(3, [8, 16, 128, 128]),
    Method::new(3, [8, 32, 128, 256]),
    Method::new(3, [32, 128, 258, 1024]),
    Method::new(3, [32, 258, 258, 4096]),
    Method::new(4, [8, 16, 128, 128]),
    Method::new(4, [32, 258, 258, 4096]),
    Method::new(3, [4, 0, 8, 4]),
    Method::new(4, [32, 0, 258, 32]),
];

impl Method {
    const fn new(n_hashed: u8, [good, lazy, nice, chain]: [u32; 4]) -> Self {
        Self { n_hashed, good, lazy, nice, chain }
    }
}

/// Guesses token by token.
pub(super) struct Guesser {
    method: Method,
    /// The last place of each hash, and before each place the last one of the same hash. The stream's first byte counts
    /// as none, as in zlib.
    head: Vec<u32>,
    previous: Vec<u32>,
    /// The first byte that is not in them.
    next: u32,
    /// A match at a later byte, looked for already.
    ahead: Option<(u32, Token)>,
    credit: u32,
}

impl Guesser {
    pub(super) fn new() -> Self {
        let (head, previous) = (vec![0; 1 << HASH_BITS], vec![0; MAX_DISTANCE as usize]);
        Self { method: METHODS[0], head, previous, next: 0, ahead: None, credit: 0 }
    }

    /// Begins a stream with the method of that number.
    pub(super) fn begin(&mut self, method: u8) {
        self.head.fill(0);
        self.method = METHODS.get(usize::from(method)).copied().unwrap_or(METHODS[0]);
        (self.next, self.ahead, self.credit) = (0, None, FIRST_CREDIT);
    }

    /// Guesses the token at a byte. The text must reach [`LOOKAHEAD`] bytes on, or to the stream's end, and
    /// [`MAX_DISTANCE`] back, or to the stream's beginning.
    #[inline]
    pub(super) fn guess(&mut self, text: &Window, at: u32) -> Token {
        if self.method.n_hashed == 0 {
            return Token::LITERAL;
        }
        let here = match self.ahead.take() {
            Some((place, found)) if place == at => found,
            _ => self.longest(text, at, MIN_LENGTH - 1),
        };
        if here.is_match() && here.length < self.method.lazy {
            let next = self.longest(text, at + 1, here.length);
            if next.is_match() {
                self.ahead = Some((at + 1, next));
                return Token::LITERAL;
            }
        }
        here
    }

    /// Goes on behind a token.
    #[inline]
    pub(super) fn advance(&mut self, text: &Window, at: u32, token: Token) {
        // What takes every match at once does not look into long ones.
        if self.method.lazy == 0 && token.length > self.method.good {
            self.insert_before(text, at + 1);
            self.next = at + token.length;
        }
    }

    /// Finds the longest match that is longer than `least`, the nearest of those.
    #[expect(clippy::cast_possible_truncation, reason = "no match is longer than `MAX_LENGTH`")]
    fn longest(&mut self, text: &Window, at: u32, least: u32) -> Token {
        self.insert_before(text, at);
        let here = text.from(at);
        let here = &here[..here.len().min(MAX_LENGTH as usize)];
        let most = here.len() as u32;
        if most <= least || here.len() < usize::from(self.method.n_hashed) {
            return Token::LITERAL;
        }
        let Method { good, nice, chain, .. } = self.method;
        let nice = nice.min(most);
        let chain = if least >= good { chain / 4 } else { chain };
        let mut n_left = chain.min(self.credit.max(MIN_CHAIN));
        let mut cost = 0;
        let mut best = Token { length: least, distance: 0 };
        let mut tail = Tail::of(here, least);
        let mut place = self.head[self.hash(here)];
        while place != 0 && n_left > 0 && at - place <= MAX_REACH {
            (n_left, cost) = (n_left - 1, cost + 1);
            let there = text.from(place);
            if tail.is_in(there) {
                let length = common(here, there) as u32;
                cost += length / BYTES_PER_CREDIT;
                if length > best.length {
                    best = Token { length, distance: at - place };
                    tail = Tail::of(here, length);
                }
                if length >= nice {
                    break;
                }
            }
            let before = self.previous[(place % MAX_DISTANCE) as usize];
            // A place that was overwritten since ends the chain.
            place = if before < place { before } else { 0 };
        }
        self.credit = self.credit.saturating_sub(cost);
        if best.distance == 0 || best.length == MIN_LENGTH && best.distance > TOO_FAR {
            return Token::LITERAL;
        }
        best
    }

    #[inline]
    fn insert_before(&mut self, text: &Window, end: u32) {
        if self.next >= end {
            return;
        }
        // A stored block may have led far beyond.
        self.next = self.next.max(end.saturating_sub(MAX_DISTANCE));
        self.credit = (self.credit + (end - self.next) * CREDIT_PER_BYTE).min(MAX_CREDIT);
        let n_hashed = usize::from(self.method.n_hashed);
        let bytes = text.from(self.next);
        for (place, bytes) in (self.next..end).zip(bytes.windows(n_hashed)) {
            let head = &mut self.head[hash(bytes)];
            self.previous[(place % MAX_DISTANCE) as usize] = *head;
            *head = place;
        }
        self.next = end;
    }

    #[inline]
    fn hash(&self, bytes: &[u8]) -> usize {
        hash(&bytes[..usize::from(self.method.n_hashed)])
    }
}

/// zlib's own hash of three bytes, since others of the same hash count against its chains; any of four.
#[inline]
fn hash(bytes: &[u8]) -> usize {
    match *bytes {
        [a, b, c] => (usize::from(a) << 10 ^ usize::from(b) << 5 ^ usize::from(c)) & ((1 << HASH_BITS) - 1),
        [a, b, c, d] => {
            let word = u32::from_le_bytes([a, b, c, d]);
            (word.wrapping_mul(66_521).wrapping_add(66_521) >> 16) as usize & ((1 << HASH_BITS) - 1)
        }
        _ => 0,
    }
}

/// The last bytes of what a match must have to be longer than the best so far.
struct Tail {
    at: usize,
    bytes: u32,
    mask: u32,
}

impl Tail {
    #[inline]
    fn of(here: &[u8], length: u32) -> Self {
        let (at, mask) = if length < 3 { (1, 0xffff) } else { (length as usize - 3, u32::MAX) };
        match four(here, at) {
            Some(bytes) => Self { at, bytes, mask },
            // At the end of a text everything is looked at.
            None => Self { at, bytes: 0, mask: 0 },
        }
    }

    /// Says whether they are in a candidate.
    #[inline]
    fn is_in(&self, there: &[u8]) -> bool {
        four(there, self.at).is_none_or(|bytes| (bytes ^ self.bytes) & self.mask == 0)
    }
}

#[inline]
fn four(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

/// Returns how many bytes two slices have in common at their beginnings; the first has no more than a match can have.
#[inline]
fn common(here: &[u8], there: &[u8]) -> usize {
    let mut n = 0;
    while let (Some(a), Some(b)) = (here[n..].first_chunk(), there[n..].first_chunk()) {
        let unlike = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if unlike != 0 {
            return n + (unlike.trailing_zeros() / 8) as usize;
        }
        n += 8;
    }
    n + here[n..].iter().zip(&there[n..]).take_while(|(a, b)| a == b).count()
}
