//! Which bytes have to move between two versions of a file.
//!
//! Pure and synchronous, over slices, `Read` and `Write`; nothing here knows HTTP, a database or where a blob
//! lies. In reading order:
//!
//! 1. [`chunker`], [`chunk_map`]: a file as content-defined chunks, each with the BLAKE3 by which it is found
//!    and verified.
//! 2. [`plan`]: which runs of a target's chunks are in files that are already there.
//! 3. [`recipe`]: the format that says how a target is made of bases and new bytes; a writer, a reader, and
//!    [`assemble`].
//! 4. [`compose`]: recipes of copies, and recipes of patches, from a target and its bases.
//! 5. [`folded`]: recipes that see through deflate, and the way to make and follow either form.
//! 6. [`pack`]: many small blobs as one stream of bytes.
//! 7. [`limits`], [`error`]: what is too much, and what is wrong.
//!
//! Inside: `patch` is a segment of a target as its difference from a window of a base, `fold` unfolds deflate and folds it
//! back, `bytes` reads numbers.
//!
//! A recipe proves nothing about what it makes: whoever assembles one hashes the target as it comes, and
//! accepts only the digests that were announced.

pub mod chunk_map;
pub mod chunker;
pub mod compose;
pub mod error;
pub mod folded;
pub mod limits;
pub mod pack;
pub mod plan;
pub mod recipe;

mod bytes;
mod fold;
mod patch;

pub use chunk_map::{Chunk, ChunkMap, ChunkMapBuilder};
pub use chunker::ChunkerId;
pub use compose::{Sampled, Source, copy_recipe, is_promising, patch_recipe, sample_patches};
pub use error::DeltaError;
pub use folded::{best_recipe, follow};
pub use limits::Limits;
pub use pack::{PackLimits, PackReader, PackWriter};
pub use plan::{Plan, plan_copies};
pub use recipe::{Bases, RecipeReader, RecipeWriter, assemble};
