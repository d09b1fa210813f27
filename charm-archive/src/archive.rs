//! A zip file of unknown origin, read whole and refused at the first doubt.
//!
//! Programs that read zip files differ in what they believe: the first or the last central directory, the
//! local or the central header, the offset or what stands in front. An archive that passes here leaves them
//! no choice: its bytes are local header, data and descriptor of one entry after the other, then the central
//! directory, then its end, without a gap, and every statement that stands twice is the same twice. So
//! overlapping entries, prefixes, hidden entries and second directories are not special cases; they do not
//! fit.
//!
//! Entries are inflated one after the other through one small buffer, each not beyond its announced size.
//! Nothing is written, and what is kept in memory is the table.

mod listed;

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use charm_model::digest::Sha256;
use charm_model::tree::{AuthorTree, EntryKind};

use self::listed::Listed;
use crate::entry::Entry;
use crate::entry_reader::{EntryReader, open_entry};
use crate::error::ArchiveError;
use crate::limits::{ArchiveLimits, MAX_TEXT_BYTES, TEXT_FILES};
use crate::path::printable;
use crate::tree_digest::tree_digest;
use crate::tree_rules;
use crate::zip_format::end::End;
use crate::zip_format::header::{CentralHeader, Header, LocalHeader};
use crate::zip_format::{FLAG_DESCRIPTOR, descriptor, read_bytes};

/// How much is read or inflated at once, in bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// The table of an archive that was read and found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// What it holds, sorted by path.
    pub entries: Vec<Entry>,
    /// What makes it the same tree as another archive; see [`tree_digest`](crate::tree_digest).
    pub tree_digest: Sha256,
}

impl Archive {
    /// Reads an archive of that size, in bytes, and checks all of it.
    pub fn read(file: impl Read + Seek, size: u64, limits: &ArchiveLimits) -> Result<Self, ArchiveError> {
        let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
        let end = End::read(&mut file, size)?;
        limits.check_directory(end.n_entries, end.directory.end - end.directory.start)?;
        let listed = read_directory(&mut file, &end)?;
        limits.check_contents(total_size(&listed), size)?;
        tree_rules::check_names(listed.iter().map(|it| (it.path(), &it.kind)), limits)?;
        let entries = read_entries(&mut file, listed, end.directory.start)?;
        tree_rules::check(entries.iter().map(|it| (it.path.as_str(), &it.kind)), limits)?;
        Ok(Self::new(entries))
    }

    fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        let tree_digest = tree_digest(&entries);
        Self { entries, tree_digest }
    }

    /// Finds an entry by its path; `None` if there is none, or a directory is only implied.
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        let found = self.entries.binary_search_by(|it| it.path.as_str().cmp(path));
        found.ok().map(|position| &self.entries[position])
    }

    /// Returns the archive as the model's checks take it, as if it were the author's directory without
    /// resources.
    ///
    /// The YAML files are read from the archive. One that is too long ends behind [`MAX_TEXT_BYTES`].
    pub fn tree(&self, mut file: impl Read + Seek) -> Result<AuthorTree, ArchiveError> {
        let mut texts = BTreeMap::new();
        for entry in TEXT_FILES.iter().filter_map(|name| self.entry(name)) {
            if matches!(entry.kind, EntryKind::File { .. }) {
                texts.insert(entry.path.clone(), read_text(&mut file, entry)?);
            }
        }
        Ok(AuthorTree { charm: self.entries.iter().map(Into::into).collect(), resources: Vec::new(), texts })
    }
}

fn read_text(file: impl Read + Seek, entry: &Entry) -> Result<Vec<u8>, ArchiveError> {
    let mut text = Vec::new();
    let reader = open_entry(file, entry).map_err(ArchiveError::io("read", &entry.path))?;
    reader.take(MAX_TEXT_BYTES + 1).read_to_end(&mut text).map_err(ArchiveError::io("read", &entry.path))?;
    Ok(text)
}

/// Reads the central directory, and returns its entries in the order of their bytes.
fn read_directory(file: &mut (impl Read + Seek), end: &End) -> Result<Vec<Listed>, ArchiveError> {
    file.seek(SeekFrom::Start(end.directory.start)).map_err(ArchiveError::io("read", "the archive"))?;
    let mut directory = file.take(end.directory.end - end.directory.start);
    let mut listed = Vec::new();
    for _ in 0..end.n_entries {
        listed.push(Listed::new(CentralHeader::read(&mut directory)?)?);
    }
    if directory.limit() != 0 {
        return Err(ArchiveError::Directory { problem: "has more than the announced entries" });
    }
    listed.sort_by_key(|it| it.offset);
    Ok(listed)
}

fn total_size(listed: &[Listed]) -> u64 {
    listed.iter().fold(0, |total, it| total.saturating_add(it.header.size))
}

/// Reads all entries from the first byte to the central directory, in one pass.
fn read_entries(
    file: &mut BufReader<impl Read + Seek>,
    listed: Vec<Listed>,
    directory_start: u64,
) -> Result<Vec<Entry>, ArchiveError> {
    file.rewind().map_err(ArchiveError::io("read", "the archive"))?;
    let mut ends: Vec<_> = listed.iter().skip(1).map(|it| it.offset).collect();
    ends.push(directory_start);
    match listed.first().map_or(directory_start, |it| it.offset) {
        0 => listed.into_iter().zip(ends).map(|(listed, end)| read_entry(file, listed, end)).collect(),
        n_bytes => Err(ArchiveError::Prefix { n_bytes }),
    }
}

/// Reads the entry that the file stands at, and leaves the file at its end, where the next one begins.
fn read_entry(file: &mut BufReader<impl Read>, listed: Listed, end: u64) -> Result<Entry, ArchiveError> {
    let local = LocalHeader::read(file)?.ok_or_else(|| listed.out_of_range())?;
    listed.check_local(&local)?;
    let data_offset = listed.offset.saturating_add(local.n_bytes);
    let data_end = data_offset.saturating_add(listed.header.compressed_size);
    let n_behind = end.checked_sub(data_end).ok_or_else(|| listed.out_of_range())?;
    let header = listed.header;
    let mut entry = listed.into_entry(data_offset);
    read_content(file, &mut entry)?;
    check_descriptor(file, &header, n_behind, &entry.path)?;
    Ok(entry)
}

/// Reads the content, and notes what it tells: the digest, and a link's target.
fn read_content(file: &mut BufReader<impl Read>, entry: &mut Entry) -> Result<(), ArchiveError> {
    let mut content = EntryReader::new(file, entry);
    let failed = |error| ArchiveError::io("read", &entry.path)(error);
    if matches!(entry.kind, EntryKind::Link { .. }) {
        let mut target = Vec::new();
        content.read_to_end(&mut target).map_err(failed)?;
        entry.sha256 = Sha256(sha256::hash(&target));
        entry.kind = EntryKind::Link { target: decode_target(target, &entry.path)? };
    } else {
        entry.sha256 = digest(content).map_err(failed)?;
    }
    Ok(())
}

fn digest(mut content: impl Read) -> io::Result<Sha256> {
    let mut hasher = sha256::Hasher::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match content.read(&mut buffer)? {
            0 => return Ok(Sha256(hasher.finalize())),
            n_read => hasher.update(&buffer[..n_read]),
        }
    }
}

fn decode_target(target: Vec<u8>, path: &str) -> Result<String, ArchiveError> {
    String::from_utf8(target).map_err(|error| ArchiveError::Link {
        path: path.to_owned(),
        target: printable(error.as_bytes()),
        problem: "is not UTF-8",
    })
}

/// Reads what stands between an entry's data and the next entry: a descriptor that agrees, or nothing.
fn check_descriptor(
    file: &mut impl Read,
    header: &Header,
    n_bytes: u64,
    path: &str,
) -> Result<(), ArchiveError> {
    let has_descriptor = header.flags & FLAG_DESCRIPTOR != 0;
    match u16::try_from(n_bytes) {
        Ok(0) if !has_descriptor => return Ok(()),
        Ok(n_bytes) if has_descriptor && n_bytes <= descriptor::MAX_BYTES => {
            if descriptor::describes(&read_bytes(file, n_bytes)?, header) {
                return Ok(());
            }
        }
        _ => return Err(ArchiveError::Range { path: path.to_owned() }),
    }
    Err(ArchiveError::Headers { path: path.to_owned(), field: "data descriptor" })
}
