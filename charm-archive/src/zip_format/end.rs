//! The end of central directory record (§4.3.16), with its zip64 forms (§4.3.14, §4.3.15).

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use super::header::{VERSION_ZIP64, saturating};
use super::{SATURATED, u16_at, u32_at, u64_at};
use crate::error::ArchiveError;

const PLAIN: [u8; 4] = *b"PK\x05\x06";
const ZIP64: [u8; 4] = *b"PK\x06\x06";
const ZIP64_LOCATOR: [u8; 4] = *b"PK\x06\x07";

const PLAIN_BYTES: usize = 22;
/// The zip64 record without extensible data, and its locator.
const ZIP64_BYTES: usize = 56 + 20;
/// The longest comment that another program could see behind an earlier end record.
const MAX_COMMENT_BYTES: usize = 0xffff;

/// Where the central directory stands, and how much is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) n_entries: u64,
    /// The directory's bytes, from the start of the file.
    pub(crate) directory: Range<u64>,
}

impl End {
    /// Reads the end of an archive of that size, in bytes.
    ///
    /// There is one form: directory, zip64 records exactly if a value needs them, end record without a
    /// comment. Anything between or behind is where two programs begin to see two archives.
    pub(crate) fn read(file: &mut (impl Read + Seek), size: u64) -> Result<Self, ArchiveError> {
        let tail = read_tail(file, size)?;
        let tail_offset = size - tail.len() as u64;
        let Some((before, plain)) = tail.split_last_chunk::<PLAIN_BYTES>() else {
            return Err(ArchiveError::NoEnd);
        };
        if !plain.starts_with(&PLAIN) || u16_at(plain, 20) != 0 {
            return Err(ArchiveError::NoEnd);
        }
        if let Some(offset) = other_end(&tail) {
            return Err(ArchiveError::SecondEnd { offset: tail_offset + offset });
        }
        let fields = Fields::decode(plain)?;
        if fields.needs_zip64() {
            return fields.widen(before, size);
        }
        let directory_end = size - PLAIN_BYTES as u64;
        Self::new(fields, directory_end)
    }

    fn new(fields: Fields, directory_end: u64) -> Result<Self, ArchiveError> {
        if fields.offset.checked_add(fields.n_bytes) != Some(directory_end) {
            return Err(ArchiveError::Directory { problem: "does not end where the end record begins" });
        }
        Ok(Self { n_entries: fields.n_entries, directory: fields.offset..directory_end })
    }

    /// Returns the bytes that follow the central directory.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let n_bytes = self.directory.end - self.directory.start;
        let fields = Fields { n_entries: self.n_entries, n_bytes, offset: self.directory.start };
        let mut bytes = Vec::new();
        if fields.needs_zip64() {
            fields.put_zip64(&mut bytes, self.directory.end);
        }
        fields.put_plain(&mut bytes);
        bytes
    }
}

/// Reads the part of the file in which programs look for an end record.
fn read_tail(file: &mut (impl Read + Seek), size: u64) -> Result<Vec<u8>, ArchiveError> {
    let n_bytes = size.min((PLAIN_BYTES + MAX_COMMENT_BYTES) as u64);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(size - n_bytes)).map_err(ArchiveError::io("read", "the archive"))?;
    file.take(n_bytes).read_to_end(&mut tail).map_err(ArchiveError::io("read", "the archive"))?;
    if tail.len() as u64 == n_bytes { Ok(tail) } else { Err(ArchiveError::Truncated) }
}

/// Finds an earlier end record whose comment would reach the end of the file, so that both are possible
/// readings.
fn other_end(tail: &[u8]) -> Option<u64> {
    let records = tail.windows(PLAIN_BYTES).rev().skip(1);
    let position = records.enumerate().find(|(n_after, record)| {
        record.starts_with(&PLAIN) && usize::from(u16_at(record, 20)) == n_after + 1
    });
    position.map(|(n_after, _)| (tail.len() - PLAIN_BYTES - 1 - n_after) as u64)
}

/// What both forms of the end record say.
#[derive(Debug, Clone, Copy)]
struct Fields {
    n_entries: u64,
    /// The length of the directory.
    n_bytes: u64,
    /// Where the directory begins.
    offset: u64,
}

impl Fields {
    fn decode(plain: &[u8; PLAIN_BYTES]) -> Result<Self, ArchiveError> {
        let (n_here, n_entries) = (u16_at(plain, 8), u16_at(plain, 10));
        if u32_at(plain, 4) != 0 || n_here != n_entries {
            return Err(ArchiveError::MultiDisk);
        }
        Ok(Self {
            n_entries: n_entries.into(),
            n_bytes: u32_at(plain, 12).into(),
            offset: u32_at(plain, 16).into(),
        })
    }

    /// Says whether a value does not fit the plain record, or stands there as what says so.
    fn needs_zip64(&self) -> bool {
        self.n_entries >= 0xffff || self.n_bytes >= SATURATED || self.offset >= SATURATED
    }

    /// Reads the zip64 records, which stand right before the end record.
    fn widen(self, before: &[u8], size: u64) -> Result<End, ArchiveError> {
        let (_, records) = before.split_last_chunk::<ZIP64_BYTES>().ok_or(ArchiveError::Zip64)?;
        let at = size - (ZIP64_BYTES + PLAIN_BYTES) as u64;
        let (end, locator) = records.split_at(56);
        let wide = Self { n_entries: u64_at(end, 32), n_bytes: u64_at(end, 40), offset: u64_at(end, 48) };
        let is_whole = end.starts_with(&ZIP64)
            && u64_at(end, 4) == 44
            && u64_at(end, 16) == 0
            && u64_at(end, 24) == wide.n_entries
            && locator.starts_with(&ZIP64_LOCATOR)
            && u32_at(locator, 4) == 0
            && u64_at(locator, 8) == at
            && u32_at(locator, 16) == 1;
        if is_whole && self.agrees(&wide) { End::new(wide, at) } else { Err(ArchiveError::Zip64) }
    }

    /// Says whether every plain value is the wide one, or leaves it to that.
    fn agrees(&self, wide: &Self) -> bool {
        let pairs = [(self.n_entries, wide.n_entries, 0xffff), (self.n_bytes, wide.n_bytes, SATURATED)];
        let offsets = (self.offset, wide.offset, SATURATED);
        pairs.into_iter().chain([offsets]).all(|(plain, wide, saturated)| plain == wide || plain == saturated)
    }

    fn put_plain(&self, bytes: &mut Vec<u8>) {
        let n_entries = u16::try_from(self.n_entries).unwrap_or(u16::MAX).to_le_bytes();
        bytes.extend(PLAIN);
        bytes.extend([0; 4]);
        bytes.extend([n_entries, n_entries].concat());
        bytes.extend([self.n_bytes, self.offset].into_iter().flat_map(|it| saturating(it).to_le_bytes()));
        bytes.extend([0; 2]);
    }

    fn put_zip64(&self, bytes: &mut Vec<u8>, at: u64) {
        bytes.extend(ZIP64);
        bytes.extend(44_u64.to_le_bytes());
        bytes.extend([VERSION_ZIP64, VERSION_ZIP64].map(u16::to_le_bytes).concat());
        bytes.extend([0; 8]);
        let values = [self.n_entries, self.n_entries, self.n_bytes, self.offset];
        bytes.extend(values.iter().flat_map(|it| it.to_le_bytes()));
        bytes.extend(ZIP64_LOCATOR);
        bytes.extend([0; 4]);
        bytes.extend(at.to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
    }
}
