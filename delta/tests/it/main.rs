//! What chunk maps and recipes promise, for any bytes.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod chunk_maps;
mod edits;
mod hostile;
mod plans;
mod recipes;
