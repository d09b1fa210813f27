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
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectKey([u8; 16]);

impl ObjectKey {
    /// Returns a key that no object has. To be written down durably before the first byte goes under it, so that what
    /// a crash leaves behind is known without listing a bucket.
    pub fn fresh() -> Result<Self, BlobError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(BlobError::Random)?;
        Ok(Self(random))
    }

    /// Returns the name of the staged file.
    pub(crate) fn in_staging(self) -> String {
        format!("staging/{}", hex::encode(self.0))
    }

    /// Returns the name in the trash.
    pub(crate) fn in_trash(self) -> String {
        format!("trash/{}", hex::encode(self.0))
    }

    /// Returns the name of what is derived from the object.
    pub(crate) fn derived(self, kind: Derived) -> String {
        let digits = hex::encode(self.0);
        format!("d/{}/{digits}.{}", &digits[..2], kind.extension())
    }

    /// Returns the name for a probe.
    pub(crate) fn in_probe(self) -> String {
        format!("probe/{}", hex::encode(self.0))
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = hex::encode(self.0);
        write!(f, "o/{}/{digits}", &digits[..2])
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
        let mut bytes = [0; 16];
        let digits = text.rsplit_once('/').map_or("", |(_, digits)| digits);
        let is_hex = hex::decode_to_slice(digits, &mut bytes).is_ok();
        // Whatever does not print as it was read has a second spelling, or leaves the directory.
        let key = Self(bytes);
        if is_hex && key.to_string() == text { Ok(key) } else { Err(BlobError::Key(text.to_owned())) }
    }
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
        assert_eq!(key.to_string().parse::<ObjectKey>().unwrap(), key);
        assert_eq!(ObjectKey([0xab; 16]).to_string(), "o/ab/abababababababababababababababab");
    }

    #[test_case(""; "nothing")]
    #[test_case("o/ab/ab"; "too few digits")]
    #[test_case("o/cd/abababababababababababababababab"; "another directory")]
    #[test_case("o/AB/ABABABABABABABABABABABABABABABAB"; "upper case")]
    #[test_case("o/../o/ab/abababababababababababababababab"; "a way around")]
    fn refuses(text: &str) {
        assert!(matches!(text.parse::<ObjectKey>(), Err(BlobError::Key(_))));
    }
}
