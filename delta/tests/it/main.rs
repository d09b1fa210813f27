//! What chunk maps, recipes and packs promise, for any bytes.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod chunk_maps;
mod edits;
mod folded;
mod hostile;
mod packs;
mod plans;
mod recipes;
