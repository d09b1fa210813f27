//! An entry as the central directory lists it, before anything of it is read.

use charm_model::digest::Sha256;
use charm_model::tree::EntryKind;

use crate::entry::{Entry, Method};
use crate::error::ArchiveError;
use crate::limits::MAX_LINK_BYTES;
use crate::mode;
use crate::path::printable;
use crate::zip_format::header::{CentralHeader, Header, LocalHeader};
use crate::zip_format::{DEFLATED, FLAG_DESCRIPTOR, FLAG_EFFORT, FLAG_ENCRYPTED, FLAG_UTF8, STORED};

/// What the central directory says about an entry, as far as it can be judged alone.
pub(super) struct Listed {
    /// As it is written: with a slash behind a directory.
    name: String,
    pub(super) kind: EntryKind,
    pub(super) header: Header,
    method: Method,
    /// Where its local header begins.
    pub(super) offset: u64,
}

impl Listed {
    /// Returns the name without the slash.
    pub(super) fn path(&self) -> &str {
        self.name.strip_suffix('/').unwrap_or(&self.name)
    }

    /// Takes an entry over from the central directory, unless it has what charm archives do not.
    pub(super) fn new(central: CentralHeader) -> Result<Self, ArchiveError> {
        let CentralHeader { header, name, made_by, attributes, offset } = central;
        let method = check_features(&header, &name)?;
        let name = decode_name(name, header.flags)?;
        let kind = mode::kind(made_by, attributes, name.ends_with('/'));
        let listed = Self { name, kind, header, method, offset };
        listed.check_sizes()?;
        Ok(listed)
    }

    fn check_sizes(&self) -> Result<(), ArchiveError> {
        let Header { compressed_size, size, .. } = self.header;
        let problem = match &self.kind {
            EntryKind::Directory if size != 0 => "it is a directory and has content",
            EntryKind::Link { .. } if size > MAX_LINK_BYTES => "it is a link with too long a target",
            _ if self.method == Method::Stored && compressed_size != size => "it is stored and has two sizes",
            _ => return Ok(()),
        };
        // The name has not been checked yet.
        Err(ArchiveError::Corrupt { path: printable(self.path().as_bytes()), problem })
    }

    /// Refuses a local header that says something else.
    pub(super) fn check_local(&self, local: &LocalHeader) -> Result<(), ArchiveError> {
        let (ours, theirs) = (&self.header, &local.header);
        // Sizes and CRC may be left to the descriptor; some programs fill in a part of them (§4.4.4, bit 3).
        let may_be_blank = ours.flags & FLAG_DESCRIPTOR != 0;
        let is_same = |ours: u64, theirs: u64| ours == theirs || may_be_blank && theirs == 0;
        let field = if local.name != self.name.as_bytes() {
            "name"
        } else if ours.flags & !FLAG_EFFORT != theirs.flags & !FLAG_EFFORT {
            "flags"
        } else if ours.method != theirs.method {
            "compression method"
        } else if !is_same(ours.crc32.into(), theirs.crc32.into()) {
            "CRC-32"
        } else if !is_same(ours.size, theirs.size) || !is_same(ours.compressed_size, theirs.compressed_size) {
            "sizes"
        } else {
            return Ok(());
        };
        Err(ArchiveError::Headers { path: self.path().to_owned(), field })
    }

    pub(super) fn out_of_range(&self) -> ArchiveError {
        ArchiveError::Range { path: self.path().to_owned() }
    }

    /// Makes the row, without what only the content tells.
    pub(super) fn into_entry(self, data_offset: u64) -> Entry {
        let Header { crc32, compressed_size, size, .. } = self.header;
        let (path, method) = (self.path().to_owned(), self.method);
        let sha256 = Sha256([0; 32]);
        Entry { path, kind: self.kind, size, compressed_size, data_offset, method, crc32, sha256 }
    }
}

/// Returns the compression method, if the entry has no feature beyond it.
fn check_features(header: &Header, name: &[u8]) -> Result<Method, ArchiveError> {
    let known_flags = FLAG_DESCRIPTOR | FLAG_EFFORT | FLAG_UTF8;
    let feature = match header.method {
        _ if header.flags & FLAG_ENCRYPTED != 0 => "encryption",
        _ if header.flags & !known_flags != 0 => "an unusual flag",
        STORED => return Ok(Method::Stored),
        DEFLATED => return Ok(Method::Deflated),
        _ => "an unusual compression method",
    };
    Err(ArchiveError::Unsupported { path: printable(name), feature })
}

/// Returns the name as text. Without the flag for UTF-8 a name is in code page 437, where only ASCII is the
/// same.
fn decode_name(name: Vec<u8>, flags: u16) -> Result<String, ArchiveError> {
    let is_marked = flags & FLAG_UTF8 != 0 || name.is_ascii();
    let problem = if is_marked { "is not UTF-8" } else { "is not marked as UTF-8" };
    match String::from_utf8(name) {
        Ok(name) if is_marked => Ok(name),
        Ok(name) => Err(ArchiveError::Name { path: printable(name.as_bytes()), problem }),
        Err(error) => Err(ArchiveError::Name { path: printable(error.as_bytes()), problem }),
    }
}
