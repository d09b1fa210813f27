//! How numbers and progress look on a terminal: the same in every program of the store.
//!
//! 1. [`text`]: sizes, durations, counts, shares.
//! 2. [`transfer`]: how far a transfer is, as a bar or a line.
//!
//! Nothing here knows what moves, nor writes anything but a bar.

pub mod text;
pub mod transfer;

pub use text::{count, duration, lines, percent, size};
pub use transfer::{bar, numbers};
