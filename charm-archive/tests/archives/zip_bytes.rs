//! Assembles zip files byte by byte, with every field free to lie.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// What an entry's header says; both headers have one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields {
    pub(crate) name: Vec<u8>,
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) crc32: u32,
    pub(crate) compressed_size: u32,
    pub(crate) size: u32,
    pub(crate) extra: Vec<u8>,
}

/// An entry: both headers, the data, and what stands around it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    pub(crate) local: Fields,
    pub(crate) central: Fields,
    pub(crate) made_by: u16,
    pub(crate) attributes: u32,
    pub(crate) disk: u16,
    pub(crate) comment: Vec<u8>,
    /// Bytes in front of the local header.
    pub(crate) gap: Vec<u8>,
    pub(crate) data: Vec<u8>,
    pub(crate) descriptor: Vec<u8>,
    /// Where the central header says that the local one is, if not where it is.
    pub(crate) offset: Option<u32>,
    /// Whether the local header and the data are left out.
    pub(crate) is_listed_only: bool,
}

impl Part {
    fn new(name: impl AsRef<[u8]>, mode: u32, content: &[u8], data: Vec<u8>, method: u16) -> Self {
        let fields = Fields {
            name: name.as_ref().to_vec(),
            flags: if name.as_ref().is_ascii() { 0 } else { 1 << 11 },
            method,
            crc32: crc32fast::hash(content),
            compressed_size: data.len().try_into().unwrap(),
            size: content.len().try_into().unwrap(),
            extra: Vec::new(),
        };
        let (local, central) = (fields.clone(), fields);
        Self { local, central, made_by: 0x0314, attributes: mode << 16, data, ..Self::default() }
    }

    /// A file that is stored as it is.
    pub(crate) fn stored(name: impl AsRef<[u8]>, content: &[u8]) -> Self {
        Self::new(name, 0o100_644, content, content.to_vec(), 0)
    }

    /// A file that is compressed.
    pub(crate) fn deflated(name: impl AsRef<[u8]>, content: &[u8]) -> Self {
        Self::new(name, 0o100_644, content, deflate(content), 8)
    }

    pub(crate) fn directory(name: &str) -> Self {
        Self::new(name, 0o040_755, b"", Vec::new(), 0)
    }

    pub(crate) fn link(name: &str, target: impl AsRef<[u8]>) -> Self {
        Self::new(name, 0o120_777, target.as_ref(), target.as_ref().to_vec(), 0)
    }

    /// Changes anything.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Changes both headers alike.
    pub(crate) fn both(self, change: impl Fn(&mut Fields)) -> Self {
        self.with(|it| {
            change(&mut it.local);
            change(&mut it.central);
        })
    }

    /// Leaves sizes and CRC to a data descriptor, as Go's writer and so Juju does.
    pub(crate) fn described(self, descriptor: &[u8]) -> Self {
        self.both(|it| it.flags |= 1 << 3).with(|it| {
            (it.local.crc32, it.local.compressed_size, it.local.size) = (0, 0, 0);
            it.descriptor = descriptor.to_vec();
        })
    }

    /// Makes a data descriptor of what the central header says.
    pub(crate) fn descriptor(&self, has_signature: bool, is_wide: bool) -> Vec<u8> {
        let Fields { crc32, compressed_size, size, .. } = self.central;
        let mut bytes = if has_signature { b"PK\x07\x08".to_vec() } else { Vec::new() };
        bytes.extend(crc32.to_le_bytes());
        for size in [compressed_size, size] {
            bytes.extend(size.to_le_bytes());
            bytes.extend(if is_wide { &[0; 4][..] } else { &[] });
        }
        bytes
    }
}

impl Fields {
    fn put(&self, bytes: &mut Vec<u8>) {
        for it in [20, self.flags, self.method, 0, 33] {
            bytes.extend(it.to_le_bytes());
        }
        for it in [self.crc32, self.compressed_size, self.size] {
            bytes.extend(it.to_le_bytes());
        }
        for it in [self.name.len(), self.extra.len()] {
            bytes.extend(u16::try_from(it).unwrap().to_le_bytes());
        }
    }
}

/// Assembles an archive. Only the end record is always right; change its bytes if it shall lie as well.
pub(crate) fn zip(parts: &[Part]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for part in parts {
        bytes.extend(&part.gap);
        let offset = part.offset.unwrap_or_else(|| bytes.len().try_into().unwrap());
        if !part.is_listed_only {
            put_local(&mut bytes, part);
        }
        put_central(&mut directory, part, offset);
    }
    let end = end(parts.len(), directory.len(), bytes.len());
    [bytes, directory, end].concat()
}

fn put_local(bytes: &mut Vec<u8>, part: &Part) {
    bytes.extend(b"PK\x03\x04");
    part.local.put(bytes);
    for it in [&part.local.name, &part.local.extra, &part.data, &part.descriptor] {
        bytes.extend(it);
    }
}

fn put_central(bytes: &mut Vec<u8>, part: &Part, offset: u32) {
    bytes.extend(b"PK\x01\x02");
    bytes.extend(part.made_by.to_le_bytes());
    part.central.put(bytes);
    bytes.extend(u16::try_from(part.comment.len()).unwrap().to_le_bytes());
    bytes.extend(part.disk.to_le_bytes());
    bytes.extend([0; 2]);
    bytes.extend(part.attributes.to_le_bytes());
    bytes.extend(offset.to_le_bytes());
    for it in [&part.central.name, &part.central.extra, &part.comment] {
        bytes.extend(it);
    }
}

/// Makes an end record.
pub(crate) fn end(n_entries: usize, n_bytes: usize, offset: usize) -> Vec<u8> {
    let mut bytes = b"PK\x05\x06\0\0\0\0".to_vec();
    bytes.extend(u16::try_from(n_entries).unwrap().to_le_bytes().repeat(2));
    for it in [n_bytes, offset] {
        bytes.extend(u32::try_from(it).unwrap().to_le_bytes());
    }
    bytes.extend([0; 2]);
    bytes
}

/// Puts zip64 records in front of the end record, and has that point to them; `lie` changes them.
pub(crate) fn with_zip64_end(mut bytes: Vec<u8>, lie: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let plain = bytes.split_off(bytes.len() - 22);
    let wide = |at: usize| u64::from(u32::from_le_bytes(plain[at..at + 4].try_into().unwrap())).to_le_bytes();
    let n_entries = u64::from(u16::from_le_bytes([plain[10], plain[11]])).to_le_bytes();
    let at = bytes.len() as u64;
    let mut records = [b"PK\x06\x06", &44_u64.to_le_bytes()[..], &[45, 0, 45, 0], &[0; 8]].concat();
    records.extend([n_entries, n_entries, wide(12), wide(16)].concat());
    records.extend([b"PK\x06\x07", &[0; 4][..], &at.to_le_bytes(), &1_u32.to_le_bytes()].concat());
    lie(&mut records);
    [bytes, records, plain[..8].to_vec(), vec![0xff; 12], vec![0; 2]].concat()
}

pub(crate) fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}
