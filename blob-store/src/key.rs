//! The names of objects.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::derived::Derived;
use crate::error::BlobError;

/// The name under which an object lies for as long as it exists: random, never used twice.
///
/// An object named by its digest would invite a race: the sweep deletes the name while an upload of the same content
/// has just found it there. The layout of a store, where `2b…` are the key's 32 hex digits:
///
/// | name | what |
/// |---|---|
/// | `o/2b/2b…` | a whole object, flushed and verified |
/// | `staging/2b…` | the file that becomes it; in a bucket, a multipart upload instead |
/// | `trash/2b…` | an object that nobody names any more, until it is deleted |
/// | `d/2b/2b….KIND` | what is derived from an object and can be made again, such as its chunk map |
/// | `probe/2b…` | what [`BlobStore::probe`](crate::BlobStore::probe) writes, in a bucket, and deletes at once |
///
/// A small blob may share an object with others, a pack. Its key is the pack's with the place of its first byte,
/// `o/2b/2b…@4096`: it reads as any other, and as nothing of its own lies under it, deleting it leaves the pack alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectKey {
    random: [u8; 16],
    /// Where the bytes begin in a pack; none of an object of its own.
    start: Option<u64>,
}

impl ObjectKey {
    /// Returns a key that no object has. To be written down durably before the first byte goes under it, so that what
    /// a crash leaves behind is known without listing a bucket.
    pub fn fresh() -> Result<Self, BlobError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(BlobError::Random)?;
        Ok(Self { random, start: None })
    }

    /// Returns the key of the blob whose bytes begin there in the pack of this key.
    #[must_use]
    pub fn in_pack(self, start: u64) -> Self {
        Self { start: Some(start), ..self }
    }

    /// Returns the key of the object that holds the bytes, and where in it they begin.
    pub(crate) fn holder(self) -> (Self, u64) {
        (Self { start: None, ..self }, self.start.unwrap_or(0))
    }

    /// Returns the name without its directories.
    fn file_name(self) -> String {
        let digits = hex::encode(self.random);
        match self.start {
            None => digits,
            Some(start) => format!("{digits}@{start}"),
        }
    }

    /// Returns the name of the staged file.
    pub(crate) fn in_staging(self) -> String {
        format!("staging/{}", self.file_name())
    }

    /// Returns the name in the trash.
    pub(crate) fn in_trash(self) -> String {
        format!("trash/{}", self.file_name())
    }

    /// Returns the name of what is derived from the object.
    pub(crate) fn derived(self, kind: Derived) -> String {
        let name = self.file_name();
        format!("d/{}/{name}.{}", &name[..2], kind.extension())
    }

    /// Returns the name for a probe.
    pub(crate) fn in_probe(self) -> String {
        format!("probe/{}", self.file_name())
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.file_name();
        write!(f, "o/{}/{name}", &name[..2])
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ObjectKey {
    type Err = BlobError;

    fn from_str(text: &str) -> Result<Self, BlobError> {
        let name = text.rsplit_once('/').map_or("", |(_, name)| name);
        // Whatever does not print as it was read has a second spelling, or leaves the directory.
        let key = read(name).filter(|key| key.to_string() == text);
        key.ok_or_else(|| BlobError::Key(text.to_owned()))
    }
}

fn read(name: &str) -> Option<ObjectKey> {
    let (digits, start) = match name.split_once('@') {
        Some((digits, start)) => (digits, Some(start.parse().ok()?)),
        None => (name, None),
    };
    let mut random = [0; 16];
    hex::decode_to_slice(digits, &mut random).ok()?;
    Some(ObjectKey { random, start })
}

impl TryFrom<String> for ObjectKey {
    type Error = BlobError;

    fn try_from(text: String) -> Result<Self, BlobError> {
        text.parse()
    }
}

impl From<ObjectKey> for String {
    fn from(key: ObjectKey) -> Self {
        key.to_string()
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test]
    fn a_key_reads_back_from_its_text() {
        let key = ObjectKey::fresh().unwrap();
        for key in [key, key.in_pack(0), key.in_pack(u64::MAX)] {
            assert_eq!(key.to_string().parse::<ObjectKey>().unwrap(), key);
        }
        let key = ObjectKey { random: [0xab; 16], start: None };
        assert_eq!(key.to_string(), "o/ab/abababababababababababababababab");
        assert_eq!(key.in_pack(4096).to_string(), "o/ab/abababababababababababababababab@4096");
    }

    #[test_case(""; "nothing")]
    #[test_case("o/ab/ab"; "too few digits")]
    #[test_case("o/cd/abababababababababababababababab"; "another directory")]
    #[test_case("o/AB/ABABABABABABABABABABABABABABABAB"; "upper case")]
    #[test_case("o/../o/ab/abababababababababababababababab"; "a way around")]
    #[test_case("o/ab/abababababababababababababababab@"; "no place in a pack")]
    #[test_case("o/ab/abababababababababababababababab@04096"; "another spelling of a place")]
    #[test_case("o/ab/abababababababababababababababab@1@2"; "two places")]
    fn refuses(text: &str) {
        assert!(matches!(text.parse::<ObjectKey>(), Err(BlobError::Key(_))));
    }
}
