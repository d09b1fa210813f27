//! Where a file is cut: at places that its content determines, so that an insertion moves few cuts.

use fastcdc::v2020::{FastCDC, Normalization};

/// How a file was cut. Maps of different chunkers find little in each other; what a chunk holds is verified
/// the same.
///
/// Each variant is pinned by golden vectors: a crate that cuts elsewhere is a new variant, never a change of
/// an old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChunkerId {
    /// `FastCDC` as published in 2020, normalization level 1, at least 8 KiB, 32 KiB on average, at most 128
    /// KiB.
    ///
    /// On series of Node.js, `aws-cdk-lib` and polars, minima of 2 to 16 KiB and maxima of 64 to 256 KiB
    /// moved the same bytes within 1 %, and so did normalization level 2 with a tenth more chunks. An average
    /// of 16 KiB saved 1 to 4 % for a map of twice the size; 64 KiB cost 1 to 5 % more.
    FastCdc32K,
}

impl ChunkerId {
    /// Returns the shortest length of a chunk that is not the last, in bytes.
    pub const fn min_bytes(self) -> u32 {
        1 << self.parameters()[1]
    }

    /// Returns the longest length of a chunk, in bytes.
    pub const fn max_bytes(self) -> u32 {
        1 << self.parameters()[3]
    }

    /// Returns the algorithm's number and the binary logarithms of the least, average and greatest length:
    /// what stands in a chunk map.
    pub(crate) const fn parameters(self) -> [u8; 4] {
        match self {
            Self::FastCdc32K => [1, 13, 15, 17],
        }
    }

    /// Finds the chunker that has these parameters.
    pub(crate) fn from_parameters(parameters: [u8; 4]) -> Option<Self> {
        [Self::FastCdc32K].into_iter().find(|id| id.parameters() == parameters)
    }

    /// Yields the lengths of the chunks of `bytes`. The last one may change when more bytes follow, and so
    /// may every chunk that begins within [`Self::max_bytes`] of the end.
    pub(crate) fn cut(self, bytes: &[u8]) -> impl Iterator<Item = usize> {
        let [_, min, average, max] = self.parameters();
        FastCDC::with_level(bytes, 1 << min, 1 << average, 1 << max, Normalization::Level1)
            .map(|chunk| chunk.length)
    }
}
