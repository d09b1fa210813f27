//! The records of the zip format as values; sections are those of PKWARE's APPNOTE.TXT 6.3.10.
//!
//! Reading is strict where programs are known to disagree; `archive` holds the records against each other.

pub(crate) mod descriptor;
pub(crate) mod end;
pub(crate) mod extra;
pub(crate) mod header;

use std::io::{self, Read};

use crate::error::ArchiveError;

/// What a 32-bit field says if its value stands in a zip64 field instead (§4.4.8).
pub(crate) const SATURATED: u64 = 0xffff_ffff;

/// Compression methods (§4.4.5).
pub(crate) const STORED: u16 = 0;
pub(crate) const DEFLATED: u16 = 8;

/// General purpose flags (§4.4.4).
pub(crate) const FLAG_ENCRYPTED: u16 = 1 << 0 | 1 << 6 | 1 << 13;
pub(crate) const FLAG_DESCRIPTOR: u16 = 1 << 3;
pub(crate) const FLAG_UTF8: u16 = 1 << 11;
/// How hard the compressor tried: nothing that a reader needs.
pub(crate) const FLAG_EFFORT: u16 = 1 << 1 | 1 << 2;

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

fn read_array<const N: usize>(input: &mut impl Read) -> Result<[u8; N], ArchiveError> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes).map_err(truncated)?;
    Ok(bytes)
}

pub(crate) fn read_bytes(input: &mut impl Read, n_bytes: u16) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = vec![0; n_bytes.into()];
    input.read_exact(&mut bytes).map_err(truncated)?;
    Ok(bytes)
}

fn truncated(error: io::Error) -> ArchiveError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ArchiveError::Truncated,
        _ => ArchiveError::io("read", "the archive")(error),
    }
}
