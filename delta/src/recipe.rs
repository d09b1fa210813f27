//! How a target, or a part of it, is made of bases and new bytes. The same in both directions: up with an
//! upload, down to a unit.
//!
//! ```text
//! magic "RECIPE" · version u8 · number of bases u8
//! target: offset u64 · length u64
//! per base: SHA-256
//! frames, until they have made the length:
//!   1 copy     base u8 · offset u64 · length u64
//!   2 literal  length u32 · the bytes
//!   3 zstd     raw length u32 · length u32 · a zstd frame
//!   4 patch    base u8 · window's offset u64 and length u32 · raw length u32 · length u32 · a zstd frame that
//!              has the window as its reference prefix
//! ```
//!
//! Numbers are little-endian. A recipe ends with the frame that reaches the target's length: one that broke
//! off is told from a whole one, and several can follow each other in one stream.
//!
//! [`RecipeWriter`] and [`RecipeReader`] hold to the same rules, which are those of [`crate::limits`]. A
//! reader of arbitrary bytes returns an error or stops; it needs no more memory than said there.

mod assemble;
mod frame;
mod header;
mod progress;
mod reader;
mod writer;

pub use assemble::{Bases, assemble};
pub use frame::Frame;
pub use header::Header;
pub use progress::Moved;
pub use reader::{Piece, RecipeReader};
pub use writer::RecipeWriter;
