//! One frame of a recipe.

use std::io::{self, Read};

use super::header::Header;
use crate::bytes::{take_u8, take_u32, take_u64};
use crate::limits::{MAX_RATIO, MAX_SEGMENT_BYTES, MAX_WINDOW_BYTES};

/// What makes the next bytes of a target. All but copies have a payload behind them, of `length` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// A range of a base.
    Copy {
        /// The base's place in the header's list.
        base: u8,
        /// Where in the base the bytes begin.
        offset: u64,
        /// How many they are.
        length: u64,
    },
    /// The payload itself.
    Literal {
        /// How many bytes it has.
        length: u32,
    },
    /// The payload, unpacked by zstd.
    Zstd {
        /// How many bytes it makes.
        raw_length: u32,
        /// How many bytes the payload has.
        length: u32,
    },
    /// The payload, unpacked by zstd with a range of a base as its reference prefix.
    Patch {
        /// The base's place in the header's list.
        base: u8,
        /// Where in the base the window begins.
        window_offset: u64,
        /// How long the window is.
        window_length: u32,
        /// How many bytes the patch makes.
        raw_length: u32,
        /// How many bytes the payload has.
        length: u32,
    },
}

/// A range of a base that a frame refers to.
#[derive(Debug, Clone, Copy)]
pub(super) struct BaseRange {
    pub(super) base: u8,
    pub(super) offset: u64,
    pub(super) length: u64,
}

impl Frame {
    /// Returns how many bytes of the target the frame makes.
    pub const fn makes(&self) -> u64 {
        match *self {
            Self::Copy { length, .. } => length,
            Self::Literal { length } => length as u64,
            Self::Zstd { raw_length, .. } | Self::Patch { raw_length, .. } => raw_length as u64,
        }
    }

    /// Returns how many bytes follow the frame's head.
    pub const fn payload_bytes(&self) -> u32 {
        match *self {
            Self::Copy { .. } => 0,
            Self::Literal { length } | Self::Zstd { length, .. } | Self::Patch { length, .. } => length,
        }
    }

    pub(super) const fn base_range(&self) -> Option<BaseRange> {
        match *self {
            Self::Copy { base, offset, length } => Some(BaseRange { base, offset, length }),
            Self::Patch { base, window_offset, window_length, .. } => {
                Some(BaseRange { base, offset: window_offset, length: window_length as u64 })
            }
            Self::Literal { .. } | Self::Zstd { .. } => None,
        }
    }

    /// Checks the frame by itself; what all frames together may ask is `Progress`'s.
    pub(super) fn check(&self, header: &Header) -> Result<(), &'static str> {
        if self.makes() == 0 {
            return Err("makes nothing");
        }
        if let Some(range) = self.base_range() {
            check_base_range(range, header)?;
        }
        match *self {
            Self::Copy { .. } => Ok(()),
            Self::Literal { length } => check_segment(length),
            Self::Zstd { raw_length, length } => check_packed(raw_length, length),
            Self::Patch { window_length, raw_length, length, .. } => {
                check_window(window_length)?;
                check_packed(raw_length, length)
            }
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![self.tag()];
        match *self {
            Self::Copy { base, offset, length } => {
                bytes.push(base);
                bytes.extend(offset.to_le_bytes());
                bytes.extend(length.to_le_bytes());
            }
            Self::Literal { length } => bytes.extend(length.to_le_bytes()),
            Self::Zstd { raw_length, length } => {
                bytes.extend([raw_length, length].into_iter().flat_map(u32::to_le_bytes));
            }
            Self::Patch { base, window_offset, window_length, raw_length, length } => {
                bytes.push(base);
                bytes.extend(window_offset.to_le_bytes());
                bytes.extend([window_length, raw_length, length].into_iter().flat_map(u32::to_le_bytes));
            }
        }
        bytes
    }

    /// Reads a frame's head. The inner error says what is wrong with the bytes that came.
    pub(super) fn read(input: &mut impl Read) -> io::Result<Result<Self, &'static str>> {
        let mut tag = [0];
        input.read_exact(&mut tag)?;
        let Some(n_bytes) = head_bytes(tag[0]) else { return Ok(Err("is of an unknown kind")) };
        let mut head = [0; MAX_HEAD_BYTES];
        input.read_exact(&mut head[..n_bytes])?;
        Ok(decode(tag[0], &head[..n_bytes]).ok_or("is too short"))
    }

    const fn tag(&self) -> u8 {
        match self {
            Self::Copy { .. } => 1,
            Self::Literal { .. } => 2,
            Self::Zstd { .. } => 3,
            Self::Patch { .. } => 4,
        }
    }
}

const MAX_HEAD_BYTES: usize = 1 + 8 + 4 + 4 + 4;

/// Returns how many bytes follow the tag, before the payload.
const fn head_bytes(tag: u8) -> Option<usize> {
    match tag {
        1 => Some(1 + 8 + 8),
        2 => Some(4),
        3 => Some(4 + 4),
        4 => Some(MAX_HEAD_BYTES),
        _ => None,
    }
}

fn decode(tag: u8, mut head: &[u8]) -> Option<Frame> {
    let rest = &mut head;
    match tag {
        1 => Some(Frame::Copy { base: take_u8(rest)?, offset: take_u64(rest)?, length: take_u64(rest)? }),
        2 => Some(Frame::Literal { length: take_u32(rest)? }),
        3 => Some(Frame::Zstd { raw_length: take_u32(rest)?, length: take_u32(rest)? }),
        4 => Some(Frame::Patch {
            base: take_u8(rest)?,
            window_offset: take_u64(rest)?,
            window_length: take_u32(rest)?,
            raw_length: take_u32(rest)?,
            length: take_u32(rest)?,
        }),
        _ => None,
    }
}

fn check_base_range(range: BaseRange, header: &Header) -> Result<(), &'static str> {
    if usize::from(range.base) >= header.bases.len() {
        return Err("refers to a base that the header does not name");
    }
    match range.offset.checked_add(range.length) {
        Some(_) => Ok(()),
        None => Err("refers to bytes beyond 2^64"),
    }
}

fn check_segment(n_bytes: u32) -> Result<(), &'static str> {
    if n_bytes > MAX_SEGMENT_BYTES { Err("is longer than a segment may be") } else { Ok(()) }
}

fn check_window(n_bytes: u32) -> Result<(), &'static str> {
    match n_bytes {
        0 => Err("has an empty window"),
        1..=MAX_WINDOW_BYTES => Ok(()),
        _ => Err("has a longer window than it may have"),
    }
}

fn check_packed(raw_length: u32, length: u32) -> Result<(), &'static str> {
    check_segment(raw_length)?;
    if length >= raw_length {
        return Err("is not smaller than what it makes");
    }
    if raw_length.div_ceil(MAX_RATIO) > length { Err("makes too much of too little") } else { Ok(()) }
}
