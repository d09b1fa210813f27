//! Local file headers (§4.3.7) and central directory headers (§4.3.12).

use std::io::Read;

use super::{SATURATED, extra, read_array, read_bytes, u16_at, u32_at};
use crate::error::ArchiveError;
use crate::path::printable;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";

/// The length of a central header without its name and extra field.
const CENTRAL_BYTES: usize = 46;

/// Version 4.5 of the format, the first with zip64 (§4.4.3.2).
pub(super) const VERSION_ZIP64: u16 = 45;
/// Version 2.0, the first with directories and deflate.
const VERSION_PLAIN: u16 = 20;
/// Unix, in the upper byte of "version made by": the mode bits stand in the upper half of the attributes
/// (§4.4.2).
const MADE_ON_UNIX: u16 = 3 << 8;
/// The first day that the format knows: 1980-01-01, 00:00 (§4.4.6).
const EPOCH: [u16; 2] = [0, 1 << 5 | 1];

/// What both headers of an entry say about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) crc32: u32,
    pub(crate) compressed_size: u64,
    pub(crate) size: u64,
}

/// A header in front of an entry's data.
#[derive(Debug)]
pub(crate) struct LocalHeader {
    pub(crate) header: Header,
    pub(crate) name: Vec<u8>,
    /// The length of the header, name and extra field included.
    pub(crate) n_bytes: u64,
}

/// A header in the central directory.
#[derive(Debug)]
pub(crate) struct CentralHeader {
    pub(crate) header: Header,
    pub(crate) name: Vec<u8>,
    pub(crate) made_by: u16,
    pub(crate) attributes: u32,
    /// Where the local header begins.
    pub(crate) offset: u64,
}

impl LocalHeader {
    /// Reads the header that the input stands at; `None` if there is none.
    pub(crate) fn read(input: &mut impl Read) -> Result<Option<Self>, ArchiveError> {
        let fixed: [u8; 30] = read_array(input)?;
        if !fixed.starts_with(&LOCAL) {
            return Ok(None);
        }
        let mut header = Header::decode(&fixed[4..]);
        let name = read_bytes(input, u16_at(&fixed, 26))?;
        let extra = read_bytes(input, u16_at(&fixed, 28))?;
        extra::widen(&extra, [&mut header.size, &mut header.compressed_size]).map_err(damaged(&name))?;
        let n_bytes = (fixed.len() + name.len() + extra.len()) as u64;
        Ok(Some(Self { header, name, n_bytes }))
    }

    /// Returns the bytes of a header.
    pub(crate) fn encode(header: &Header, name: &str) -> Vec<u8> {
        let mut bytes = LOCAL.to_vec();
        let extra = header.zip64_values(None);
        header.put(&mut bytes, name, &extra);
        bytes.extend(name.as_bytes());
        bytes.extend(extra);
        bytes
    }
}

impl CentralHeader {
    /// Reads the header that the input stands at.
    pub(crate) fn read(input: &mut impl Read) -> Result<Self, ArchiveError> {
        let fixed: [u8; CENTRAL_BYTES] = read_array(input)?;
        if !fixed.starts_with(&CENTRAL) {
            return Err(ArchiveError::Directory { problem: "has something else than headers" });
        }
        if u16_at(&fixed, 34) != 0 {
            return Err(ArchiveError::MultiDisk);
        }
        let mut header = Header::decode(&fixed[6..]);
        let mut offset = u32_at(&fixed, 42).into();
        let name = read_bytes(input, u16_at(&fixed, 28))?;
        let extra = read_bytes(input, u16_at(&fixed, 30))?;
        if u16_at(&fixed, 32) != 0 {
            return Err(ArchiveError::Unsupported { path: printable(&name), feature: "a comment" });
        }
        let values = [&mut header.size, &mut header.compressed_size, &mut offset];
        extra::widen(&extra, values).map_err(damaged(&name))?;
        Ok(Self { header, name, made_by: u16_at(&fixed, 4), attributes: u32_at(&fixed, 38), offset })
    }

    /// Returns the bytes of a header.
    pub(crate) fn encode(header: &Header, name: &str, attributes: u32, offset: u64) -> Vec<u8> {
        let mut bytes = CENTRAL.to_vec();
        let extra = header.zip64_values(Some(offset));
        bytes.extend((MADE_ON_UNIX | version_needed(&extra)).to_le_bytes());
        header.put(&mut bytes, name, &extra);
        // No comment, the first disk, and binary content.
        bytes.extend([0; 6]);
        bytes.extend(attributes.to_le_bytes());
        bytes.extend(saturating(offset).to_le_bytes());
        bytes.extend(name.as_bytes());
        bytes.extend(extra);
        bytes
    }
}

impl Header {
    /// Reads what both headers have in common, from "version needed to extract" on.
    fn decode(bytes: &[u8]) -> Self {
        Self {
            flags: u16_at(bytes, 2),
            method: u16_at(bytes, 4),
            crc32: u32_at(bytes, 10),
            compressed_size: u32_at(bytes, 14).into(),
            size: u32_at(bytes, 18).into(),
        }
    }

    /// Appends what both headers have in common.
    fn put(&self, bytes: &mut Vec<u8>, name: &str, extra: &[u8]) {
        let shorts = [version_needed(extra), self.flags, self.method, EPOCH[0], EPOCH[1]];
        bytes.extend(shorts.iter().flat_map(|it| it.to_le_bytes()));
        let sizes = if self.is_wide() { [u32::MAX; 2] } else { self.sizes().map(saturating) };
        bytes.extend([self.crc32, sizes[1], sizes[0]].iter().flat_map(|it| it.to_le_bytes()));
        bytes.extend([name.len(), extra.len()].into_iter().flat_map(length));
    }

    /// Returns the zip64 field that the values need; empty if they need none.
    fn zip64_values(&self, offset: Option<u64>) -> Vec<u8> {
        // A local header must have both sizes there or none (§4.5.3); the central one follows suit.
        let sizes = self.is_wide().then_some(self.sizes()).into_iter().flatten();
        let values: Vec<u64> = sizes.chain(offset.filter(|it| *it >= SATURATED)).collect();
        if values.is_empty() { Vec::new() } else { extra::encode(&values) }
    }

    /// Returns the sizes in the order of the zip64 field.
    const fn sizes(&self) -> [u64; 2] {
        [self.size, self.compressed_size]
    }

    const fn is_wide(&self) -> bool {
        self.size >= SATURATED || self.compressed_size >= SATURATED
    }
}

const fn version_needed(extra: &[u8]) -> u16 {
    if extra.is_empty() { VERSION_PLAIN } else { VERSION_ZIP64 }
}

/// Returns the value, or what says that it stands in a zip64 field.
pub(super) fn saturating(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn length(n_bytes: usize) -> [u8; 2] {
    u16::try_from(n_bytes)
        .expect("paths are checked to be shorter, and extra fields are our own")
        .to_le_bytes()
}

fn damaged(name: &[u8]) -> impl FnOnce(&'static str) -> ArchiveError {
    move |problem| ArchiveError::Corrupt { path: printable(name), problem }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(3, 4, 5; "plain")]
    #[test_case(SATURATED, 4, 5; "a size that is just too large")]
    #[test_case(1 << 40, 1 << 33, 1 << 41; "all wide")]
    #[test_case(3, 4, SATURATED; "a wide offset")]
    fn headers_are_read_as_they_were_written(size: u64, compressed_size: u64, offset: u64) {
        let header = Header { flags: 1 << 11, method: 8, crc32: 9, compressed_size, size };
        let bytes = LocalHeader::encode(&header, "a/b");
        let local = LocalHeader::read(&mut &bytes[..]).unwrap().unwrap();
        assert_eq!((local.header, &local.name[..], local.n_bytes), (header, &b"a/b"[..], bytes.len() as u64));
        let bytes = CentralHeader::encode(&header, "a/b", 0o100_644 << 16, offset);
        let central = CentralHeader::read(&mut &bytes[..]).unwrap();
        assert_eq!((central.header, central.offset), (header, offset));
        assert_eq!((central.made_by >> 8, central.attributes), (3, 0o100_644 << 16));
    }
}
