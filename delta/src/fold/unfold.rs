//! From a file to its view.

use std::io::{self, Read, Seek};
use std::path::Path;

use super::bits::BitReader;
use super::folds::Fold;
use super::guess::{Guesser, LOOKAHEAD, METHODS, Token};
use super::inflate::{Block, Kind, MAX_DISTANCE, MIN_LENGTH, Tokens, inflate};
use super::input::Input;
use super::view::{Section, View, ViewWriter};
use super::window::Window;

pub(crate) use super::inflate::Stop;

/// How much text is held until it is worked on.
const HELD_BYTES: usize = (256 << 10) + MAX_DISTANCE as usize;

/// On how much text of a stream methods are tried.
const TRIED_BYTES: u32 = 64 << 10;

/// How many bytes of wrong guesses in each KiB of text are so few that no other method is tried.
const FEW_PER_KIB: u32 = 4;

/// Makes the view of a file of `n_bytes`, and chooses the methods of its folds.
///
/// # Errors
///
/// [`Stop::Unlike`] if there are no such folds, or the view has more than `most_bytes`.
pub(crate) fn unfold(
    file: impl Read + Seek,
    n_bytes: u64,
    folds: &mut [Fold],
    scratch: &Path,
    most_bytes: u64,
) -> Result<View, Stop> {
    let mut unfolding = Unfolding::new(ViewWriter::new(scratch, most_bytes)?, Methods::Chosen);
    read_folded(file, n_bytes, folds, &mut unfolding)?;
    for (fold, method) in folds.iter_mut().zip(unfolding.methods) {
        fold.method = method;
    }
    Ok(unfolding.view.finish()?)
}

/// Makes the view of a file of `n_bytes` again, by the methods that its folds have.
///
/// # Errors
///
/// As [`unfold`].
pub(crate) fn unfold_again(
    file: impl Read + Seek,
    n_bytes: u64,
    folds: &[Fold],
    scratch: &Path,
    most_bytes: u64,
) -> Result<View, Stop> {
    let mut unfolding = Unfolding::new(ViewWriter::new(scratch, most_bytes)?, Methods::Given);
    read_folded(file, n_bytes, folds, &mut unfolding)?;
    Ok(unfolding.view.finish()?)
}

/// Makes the view of a file of `n_bytes` without the choices: its bytes, and the texts of its folds.
///
/// # Errors
///
/// As [`unfold`].
pub(crate) fn unfold_text(
    file: impl Read + Seek,
    n_bytes: u64,
    folds: &[Fold],
    scratch: &Path,
    most_bytes: u64,
) -> Result<View, Stop> {
    let view = ViewWriter::new(scratch, most_bytes)?;
    let mut texts = Texts { view, window: Window::default(), written: 0 };
    read_folded(file, n_bytes, folds, &mut texts)?;
    Ok(texts.view.finish()?)
}

/// What takes a file with folds.
trait Folded: Tokens {
    fn plain(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn begin_fold(&mut self, fold: &Fold);
}

fn read_folded(
    file: impl Read + Seek,
    n_bytes: u64,
    folds: &[Fold],
    folded: &mut impl Folded,
) -> Result<(), Stop> {
    let mut input = Input::new(file)?;
    for fold in folds {
        let start = input.position().checked_add(fold.gap).filter(|start| *start <= n_bytes);
        input.pass(start.ok_or(Stop::Unlike)?, |bytes| folded.plain(bytes))?;
        folded.begin_fold(fold);
        let mut bits = BitReader::new(&mut input);
        let n_text = inflate(&mut bits, fold.n_text, folded)?;
        if n_text != fold.n_text || bits.release()?.position() > n_bytes {
            return Err(Stop::Unlike);
        }
    }
    Ok(input.pass(n_bytes, |bytes| folded.plain(bytes))?)
}

/// Writes texts, and forgets how they were made.
struct Texts {
    view: ViewWriter,
    window: Window,
    /// What lies behind it is not in the view yet.
    written: u32,
}

impl Texts {
    #[inline]
    fn added(&mut self) -> Result<(), Stop> {
        if self.window.n_held() < HELD_BYTES { Ok(()) } else { Ok(self.write()?) }
    }

    fn write(&mut self) -> io::Result<()> {
        self.view.add(Section::Body, self.window.from(self.written))?;
        self.written = self.window.end();
        self.window.forget_before(self.written);
        Ok(())
    }
}

impl Folded for Texts {
    fn plain(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.view.add(Section::Body, bytes)
    }

    fn begin_fold(&mut self, _: &Fold) {
        self.window.clear();
        self.written = 0;
    }
}

impl Tokens for Texts {
    fn begin(&mut self, _: &Block<'_>) -> Result<(), Stop> {
        Ok(())
    }

    #[inline]
    fn literal(&mut self, byte: u8) -> Result<(), Stop> {
        self.window.push(byte);
        self.added()
    }

    #[inline]
    fn matched(&mut self, length: u32, distance: u32) -> Result<(), Stop> {
        self.window.copy(length, distance);
        self.added()
    }

    fn stored(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.window.extend(bytes);
        self.added()
    }

    fn end(&mut self) -> Result<(), Stop> {
        Ok(())
    }

    fn finish(&mut self, _: u8) -> Result<(), Stop> {
        Ok(self.write()?)
    }
}

/// What waits for the text behind it.
#[derive(Debug, Clone, Copy)]
enum Waiting {
    Token(Token),
    /// So many bytes of a stored block.
    Stored(u32),
}

/// Where the methods of folds come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Methods {
    /// They are tried.
    Chosen,
    /// The folds have them.
    Given,
}

/// Writes texts, and what of their choices is not guessed.
struct Unfolding {
    view: ViewWriter,
    guesser: Guesser,
    choosing: Methods,
    /// The methods that were chosen so far.
    methods: Vec<u8>,
    is_chosen: bool,
    window: Window,
    /// What lies behind it is not in the view yet.
    written: u32,
    /// What lies behind it waits.
    at: u32,
    waiting: Vec<Waiting>,
    /// How many guesses were right since one was wrong.
    run: u64,
    kind: Kind,
    /// How many tokens the block has so far.
    n_tokens: u64,
}

impl Unfolding {
    fn new(view: ViewWriter, choosing: Methods) -> Self {
        Self {
            view,
            guesser: Guesser::new(),
            choosing,
            methods: Vec::new(),
            is_chosen: false,
            window: Window::default(),
            written: 0,
            at: 0,
            waiting: Vec::new(),
            run: 0,
            kind: Kind::Stored,
            n_tokens: 0,
        }
    }

    #[inline]
    fn added(&mut self, token: Token) -> Result<(), Stop> {
        self.waiting.push(Waiting::Token(token));
        self.n_tokens += 1;
        if self.window.n_held() < HELD_BYTES { Ok(()) } else { Ok(self.work(false)?) }
    }

    /// Holds the tokens that have enough text behind them against what is guessed.
    fn work(&mut self, is_end: bool) -> io::Result<()> {
        self.view.add(Section::Body, self.window.from(self.written))?;
        self.written = self.window.end();
        let end = if is_end { self.written } else { self.written.saturating_sub(LOOKAHEAD) };
        if !self.is_chosen {
            self.choose(end);
        }
        let waiting = std::mem::take(&mut self.waiting);
        let mut n_done = 0;
        for &one in &waiting {
            if self.at >= end {
                break;
            }
            n_done += 1;
            match one {
                Waiting::Stored(n_bytes) => self.at += n_bytes,
                Waiting::Token(token) => self.compare(token)?,
            }
        }
        self.waiting = waiting;
        self.waiting.drain(..n_done);
        self.window.forget_before(self.at);
        Ok(())
    }

    #[inline]
    fn compare(&mut self, token: Token) -> io::Result<()> {
        let guess = self.guesser.guess(&self.window, self.at);
        self.guesser.advance(&self.window, self.at, token);
        self.at += token.length;
        if guess == token {
            self.run += 1;
            return Ok(());
        }
        self.view.add_number(Section::Runs, self.run << 1 | u64::from(!token.is_match()))?;
        self.run = 0;
        if token.is_match() {
            self.view.add(Section::Lengths, &(token.length - MIN_LENGTH).to_le_bytes()[..1])?;
            self.view.add(Section::Distances, &(token.distance - 1).to_le_bytes()[..2])?;
        }
        Ok(())
    }

    /// Chooses the method that is least wrong in a stream's first text: that of the fold before, if that does well.
    fn choose(&mut self, end: u32) {
        let end = end.min(TRIED_BYTES);
        let few = end / 1024 * FEW_PER_KIB;
        let usual = self.methods.last().copied().filter(|number| self.wrong_bytes(*number, end) <= few);
        let method = usual.unwrap_or_else(|| {
            let numbers = (0_u8..).zip(METHODS).map(|(number, _)| number);
            numbers.min_by_key(|number| self.wrong_bytes(*number, end)).unwrap_or_default()
        });
        self.methods.push(method);
        self.is_chosen = true;
        self.guesser.begin(method);
    }

    /// Returns about how many bytes the wrong guesses take.
    fn wrong_bytes(&mut self, method: u8, end: u32) -> u32 {
        self.guesser.begin(method);
        let (mut at, mut n_bytes) = (0, 0);
        for one in &self.waiting {
            if at >= end {
                break;
            }
            at += match *one {
                Waiting::Stored(n_bytes) => n_bytes,
                Waiting::Token(token) => {
                    let guess = self.guesser.guess(&self.window, at);
                    self.guesser.advance(&self.window, at, token);
                    n_bytes += match guess == token {
                        true => 0,
                        false if token.is_match() => 4,
                        false => 1,
                    };
                    token.length
                }
            };
        }
        n_bytes
    }
}

impl Folded for Unfolding {
    fn plain(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.view.add(Section::Body, bytes)
    }

    fn begin_fold(&mut self, fold: &Fold) {
        self.window.clear();
        self.waiting.clear();
        (self.written, self.at, self.run) = (0, 0, 0);
        self.is_chosen = self.choosing == Methods::Given;
        if self.is_chosen {
            self.guesser.begin(fold.method);
        }
    }
}

impl Tokens for Unfolding {
    fn begin(&mut self, block: &Block<'_>) -> Result<(), Stop> {
        (self.kind, self.n_tokens) = (block.kind, 0);
        self.view.add(Section::Blocks, &[block.kind as u8 | u8::from(block.is_last) << 2])?;
        match block.kind {
            Kind::Stored => {
                let [low, high] = block.n_stored.to_le_bytes();
                self.view.add(Section::Blocks, &[block.padding, low, high])?;
            }
            Kind::Fixed => {}
            Kind::Dynamic => self.view.add(Section::Blocks, block.header)?,
        }
        Ok(())
    }

    #[inline]
    fn literal(&mut self, byte: u8) -> Result<(), Stop> {
        self.window.push(byte);
        self.added(Token::LITERAL)
    }

    #[inline]
    fn matched(&mut self, length: u32, distance: u32) -> Result<(), Stop> {
        self.window.copy(length, distance);
        self.added(Token { length, distance })
    }

    #[expect(clippy::cast_possible_truncation, reason = "a stored block is shorter than 64 KiB")]
    fn stored(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.window.extend(bytes);
        self.waiting.push(Waiting::Stored(bytes.len() as u32));
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        if self.kind != Kind::Stored {
            self.view.add_number(Section::Blocks, self.n_tokens)?;
        }
        if self.window.n_held() < HELD_BYTES { Ok(()) } else { Ok(self.work(false)?) }
    }

    fn finish(&mut self, padding: u8) -> Result<(), Stop> {
        self.work(true)?;
        // The guesses behind the last wrong one are right.
        self.view.add_number(Section::Runs, self.run << 1)?;
        self.view.add(Section::Blocks, &[padding])?;
        Ok(())
    }
}
