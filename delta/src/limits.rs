//! What is too much.
//!
//! The constants belong to the formats: writer and reader hold to the same ones. What depends on the target
//! is in [`Limits`]. A reader keeps one payload, one segment and one window in memory: at most
//! [`MAX_SEGMENT_BYTES`] twice and [`MAX_WINDOW_BYTES`] once, 96 MiB. What composes patches needs the tables
//! of zstd besides: measured, 130 MB in all at level 3 and 170 MB at level 12.

/// The most bases that a recipe names.
pub const MAX_BASES: usize = 64;

/// The most bytes of a target that one frame carries, literally or compressed: 16 MiB. A copy may be longer.
pub const MAX_SEGMENT_BYTES: u32 = 16 << 20;

/// The longest range of a base that one patch refers to: 64 MiB.
pub const MAX_WINDOW_BYTES: u32 = 64 << 20;

/// How many times larger than its payload a frame may be.
///
/// No zstd block yields more than 128 KiB, and none takes fewer than 4 bytes (RFC 8878 §3.1.1.2), so nothing
/// honest is refused; what claims more is refused before it is unpacked.
pub const MAX_RATIO: u32 = 32 << 10;

/// How much a recipe may ask of whoever assembles it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of a target that it makes.
    pub target_bytes: u64,
    /// The most frames. Each may cost a request to an object store.
    pub frames: u64,
    /// The most bytes that are read from bases: a patch of few bytes may refer to a window of many.
    pub base_bytes: u64,
}

impl Limits {
    /// Returns what a recipe needs that makes `n_bytes` of a target: a frame for every 4 KiB, half the
    /// shortest chunk, and 4 bytes of bases for each of the target, with some more of both for small targets.
    pub const fn for_target(n_bytes: u64) -> Self {
        Self {
            target_bytes: n_bytes,
            frames: n_bytes / (4 << 10) + 64,
            base_bytes: n_bytes.saturating_mul(4).saturating_add(4 << 20),
        }
    }
}
