//! Recipes that see through deflate, and the two functions for whoever does not care which form a recipe has:
//! [`best_recipe`] writes the smaller one, [`follow`] follows either.
//!
//! A folded recipe is between the views of two files (see [`crate::fold`]):
//!
//! ```text
//! magic "RECIPE" · version u8 = 2
//! target: length u64
//! base: SHA-256 · length u64 · what of its view is meant: 0 the body, 1 all of it, u8
//! the target's view: the lengths of its five sections, each u64
//! folds of the base, folds of the target, each list:
//!   number u32 · length u32 · packed length u32 · a zstd frame, none for an empty list, of for each fold:
//!     bytes before it · bytes of its text · method u8
//! a recipe, of either form, that makes the target's view of the base's
//! ```
//!
//! Numbers are little-endian, those of a list seven bits a byte, the lowest first. The sections of a view:
//!
//! ```text
//! body       the file, with the text of each fold in its place
//! runs       per wrong guess: how many right ones before it, twice, and one more if the token is a literal; behind the
//!            last wrong guess of each fold, how many right ones, twice
//! lengths    per match that is not guessed: its length less 3, u8
//! distances  per match that is not guessed: its distance less 1, u16
//! blocks     per fold its blocks: kind, and 4 more in the last, u8
//!              0 stored   padding u8 · length u16
//!              1 fixed    number of tokens
//!              2 dynamic  the codes, bit by bit as in deflate, the last byte filled up · number of tokens
//!            and behind the last: padding u8
//! ```
//!
//! A recipe names the folds of its base as well, so it depends on no way of
//! finding them; it does depend on how tokens are guessed: whoever changes that changes the version. A folded recipe makes
//! a whole file, never a part. A reader that knows version 1 alone says so, and goes the way around.

mod follow;
mod header;
mod make;

pub use follow::follow;
pub use make::best_recipe;
