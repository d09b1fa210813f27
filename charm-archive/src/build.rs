//! An author's tree as a zip file. The same tree makes the same bytes, wherever, whenever and by whom it is
//! packed.
//!
//! The archive is written front to back and hashed on its way, which is why the writer is our own: the `zip`
//! crate seeks back to fill in sizes, or leaves them to data descriptors. Here an entry is compressed first,
//! in memory or, if it is large, in a temporary file, so that its header is complete when it is written.
//!
//! Deterministic by construction: entries sorted by path, the first day that zip knows as every time, modes
//! 0644, 0755 and 0777 alone, all names marked as UTF-8, no extra fields but zip64's where a value needs it,
//! files deflated at one level, links and directories stored. Another version of the compressor may make
//! other bytes of the same tree; the tree digest is what says that nothing changed.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::mem;
use std::path::Path;

use charm_model::digest::{Content, Sha256};
use charm_model::tree::{AuthorTree, EntryKind, TreeEntry};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use rustix::fs::{Mode, OFlags};
use tempfile::SpooledTempFile;

use crate::entry::{Entry, Method};
use crate::error::ArchiveError;
use crate::hashing_writer::HashingWriter;
use crate::limits::ArchiveLimits;
use crate::tree_digest::tree_digest;
use crate::zip_format::end::End;
use crate::zip_format::header::{CentralHeader, Header, LocalHeader};
use crate::zip_format::{DEFLATED, FLAG_UTF8, STORED};
use crate::{mode, tree_rules};

/// How hard to compress, 1 to 9. Part of what makes equal trees equal archives.
const LEVEL: u32 = 6;

/// Up to so many compressed bytes of one file stay in memory.
const SPOOL_BYTES: usize = 4 << 20;

/// How much is read at once, in bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// What was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Built {
    /// Size and digests of the archive's bytes.
    pub content: Content,
    /// What makes it the same tree as another archive; see [`tree_digest`](crate::tree_digest).
    pub tree_digest: Sha256,
}

/// Writes the charm's part of a tree as a zip file, reading the files from their directory.
///
/// What the store's reader would refuse in a tree (names, kinds, links, too many entries) is refused here as
/// well, before anything is written.
pub fn build(dir: &Path, tree: &AuthorTree, out: impl Write) -> Result<Built, ArchiveError> {
    let entries = tree.charm.iter().map(|it| (it.path.as_str(), &it.kind));
    tree_rules::check(entries, &ArchiveLimits::default())?;
    let mut sorted: Vec<_> = tree.charm.iter().collect();
    sorted.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    let mut zip = ZipWriter { out: HashingWriter::new(out), written: Vec::new() };
    for entry in sorted {
        zip.add(pack(dir, entry)?)?;
    }
    zip.finish()
}

/// An entry that is ready to be written: its row, but for the place, and its compressed bytes.
struct Packed {
    entry: Entry,
    compressed: SpooledTempFile,
}

fn pack(dir: &Path, entry: &TreeEntry) -> Result<Packed, ArchiveError> {
    let packed = match &entry.kind {
        EntryKind::File { .. } => compress(entry, Method::Deflated, open(dir, entry)?),
        EntryKind::Link { target } => compress(entry, Method::Stored, target.as_bytes()),
        EntryKind::Directory | EntryKind::Other(_) => compress(entry, Method::Stored, io::empty()),
    };
    let packed = packed.map_err(ArchiveError::io("pack", &entry.path))?;
    if matches!(entry.kind, EntryKind::File { .. }) && packed.entry.size != entry.size {
        return Err(changed(entry));
    }
    Ok(packed)
}

fn changed(entry: &TreeEntry) -> ArchiveError {
    ArchiveError::Changed { path: entry.path.clone() }
}

/// Opens a regular file, and nothing that took its place since the directory was read.
///
/// Without `O_NOFOLLOW` a link would bring in what it points at; without `O_NONBLOCK` a pipe would wait for
/// ever.
fn open(dir: &Path, entry: &TreeEntry) -> Result<File, ArchiveError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(dir.join(&entry.path), flags, Mode::empty());
    let file: File = opened.map_err(|error| ArchiveError::io("open", &entry.path)(error.into()))?.into();
    let metadata = file.metadata().map_err(ArchiveError::io("open", &entry.path))?;
    if metadata.is_file() { Ok(file) } else { Err(changed(entry)) }
}

fn compress(entry: &TreeEntry, method: Method, content: impl Read) -> io::Result<Packed> {
    let mut compressed = SpooledTempFile::new(SPOOL_BYTES);
    let sums = match method {
        Method::Stored => copy_and_sum_up(content, &mut compressed)?,
        Method::Deflated => {
            let mut encoder = DeflateEncoder::new(&mut compressed, Compression::new(LEVEL));
            let sums = copy_and_sum_up(content, &mut encoder)?;
            encoder.finish()?;
            sums
        }
    };
    let compressed_size = compressed.stream_position()?;
    compressed.rewind()?;
    let Sums { size, crc32, sha256 } = sums;
    let (path, kind) = (entry.path.clone(), entry.kind.clone());
    let entry = Entry { path, kind, size, compressed_size, data_offset: 0, method, crc32, sha256 };
    Ok(Packed { entry, compressed })
}

/// What the headers and the tree digest say about content.
struct Sums {
    size: u64,
    crc32: u32,
    sha256: Sha256,
}

fn copy_and_sum_up(mut content: impl Read, mut out: impl Write) -> io::Result<Sums> {
    let (mut crc32, mut sha256, mut size) = (crc32fast::Hasher::new(), sha256::Hasher::new(), 0);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let n_read = content.read(&mut buffer)?;
        if n_read == 0 {
            return Ok(Sums { size, crc32: crc32.finalize(), sha256: Sha256(sha256.finalize()) });
        }
        out.write_all(&buffer[..n_read])?;
        crc32.update(&buffer[..n_read]);
        sha256.update(&buffer[..n_read]);
        size += n_read as u64;
    }
}

/// Writes entries one after the other, and the central directory at last.
struct ZipWriter<W> {
    out: HashingWriter<W>,
    /// What was written, and where its local header begins.
    written: Vec<(u64, Entry)>,
}

impl<W: Write> ZipWriter<W> {
    fn add(&mut self, packed: Packed) -> Result<(), ArchiveError> {
        let Packed { mut entry, mut compressed } = packed;
        let offset = self.out.size();
        self.write(&LocalHeader::encode(&header(&entry), &name(&entry)))?;
        entry.data_offset = self.out.size();
        io::copy(&mut compressed, &mut self.out).map_err(ArchiveError::io("write", "the archive"))?;
        self.written.push((offset, entry));
        Ok(())
    }

    fn finish(mut self) -> Result<Built, ArchiveError> {
        let (start, written) = (self.out.size(), mem::take(&mut self.written));
        for (offset, entry) in &written {
            let attributes = mode::attributes(&entry.kind);
            self.write(&CentralHeader::encode(&header(entry), &name(entry), attributes, *offset))?;
        }
        let end = End { n_entries: written.len() as u64, directory: start..self.out.size() };
        self.write(&end.encode())?;
        let content = self.out.finish().map_err(ArchiveError::io("write", "the archive"))?;
        let entries: Vec<_> = written.into_iter().map(|(_, entry)| entry).collect();
        Ok(Built { content, tree_digest: tree_digest(&entries) })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.out.write_all(bytes).map_err(ArchiveError::io("write", "the archive"))
    }
}

/// Returns the name as zip has it: with a slash behind a directory.
fn name(entry: &Entry) -> String {
    let slash = if entry.kind == EntryKind::Directory { "/" } else { "" };
    format!("{}{slash}", entry.path)
}

const fn header(entry: &Entry) -> Header {
    let method = match entry.method {
        Method::Stored => STORED,
        Method::Deflated => DEFLATED,
    };
    let Entry { crc32, compressed_size, size, .. } = *entry;
    Header { flags: FLAG_UTF8, method, crc32, compressed_size, size }
}
