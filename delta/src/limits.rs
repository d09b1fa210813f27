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

/// The largest file that is unfolded, in bytes: 512 MiB. Beyond, recipes are between the files as they are.
pub const MAX_FOLDED_BYTES: u64 = 512 << 20;

/// How many times larger than its file a view may be, and how much larger beside that. Text deflates to a quarter, logs to a
/// twentieth.
pub const MAX_VIEW_RATIO: u64 = 24;

/// The largest view, in bytes: 2 GiB. Two of them lie on the disk while a recipe is made or followed.
pub const MAX_VIEW_BYTES: u64 = 2 << 30;

/// The most text of one deflate stream, in bytes.
pub const MAX_FOLD_TEXT_BYTES: u32 = 1 << 30;

/// The most deflate streams of a file that are unfolded; the others stay as they are.
pub const MAX_FOLDS: usize = 16 << 10;

/// How deep deflate in deflate is unfolded: a gzipped file in a gzipped tar.
pub const MAX_FOLD_DEPTH: u32 = 2;

/// Returns how many bytes the view of a file of `n_bytes` may have.
pub const fn view_bytes(n_bytes: u64) -> u64 {
    let most = n_bytes.saturating_mul(MAX_VIEW_RATIO).saturating_add(1 << 20);
    if most < MAX_VIEW_BYTES { most } else { MAX_VIEW_BYTES }
}

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
