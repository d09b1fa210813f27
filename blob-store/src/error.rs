//! What can go wrong with bytes, by what the caller can do about it.

use std::io;
use std::path::Path;

use charm_model::digest::Digests;
use thiserror::Error;

use crate::key::ObjectKey;

/// The cause of an error that came from the sender of a body.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// Why an operation on a blob store failed.
#[derive(Debug, Error)]
pub enum BlobError {
    /// There is no such object.
    #[error("there is no object `{0}`")]
    NotFound(ObjectKey),

    /// The object ends before the range that was asked for: the caller is mistaken about its size, or it is damaged.
    #[error("object `{key}` does not have the bytes from `{start}` to `{end}`")]
    Short {
        /// The object.
        key: ObjectKey,
        /// Where the missing range begins.
        start: u64,
        /// The byte after its last.
        end: u64,
    },

    /// The bytes that came are not those that were announced. They have been dropped.
    #[error("`{}` was announced and `{}` came", expected.sha256, actual.sha256)]
    Mismatch {
        /// What was announced.
        expected: Box<Digests>,
        /// What came.
        actual: Box<Digests>,
    },

    /// More bytes came than were announced. The surplus has not been taken.
    #[error("more than the announced `{size}` bytes came")]
    TooLong {
        /// What was announced.
        size: u64,
    },

    /// An upload is to be finished, and bytes are still missing. They can be sent.
    #[error("`{offset}` of `{size}` bytes have come")]
    Incomplete {
        /// How many have come and are flushed.
        offset: u64,
        /// How many were announced.
        size: u64,
    },

    /// The sender's body broke off. What came before is kept; the rest can be sent.
    #[error("the body broke off")]
    Body(#[source] BodyError),

    /// Another task is still writing this upload. Try again later.
    #[error("object `{0}` is being written by another")]
    Busy(ObjectKey),

    /// What had been staged is gone. The upload can only begin anew, under a fresh key.
    #[error("what was staged for object `{0}` is gone")]
    Lost(ObjectKey),

    /// No space is left. The upload can go on once there is some.
    #[error("no space is left to write `{path}`")]
    NoSpace {
        /// What was written.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },

    /// The local directory failed.
    #[error("I/O failed on `{path}`")]
    Io {
        /// What was read or written.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },

    /// The object store failed.
    #[error("the object store failed")]
    Store(#[from] object_store::Error),

    /// A text is not an object's key.
    #[error("`{0}` is not an object key")]
    Key(String),

    /// A text does not say where a store is.
    #[error("`{location}` is not a place for objects: {reason}")]
    Location {
        /// The place, without options: they may hold secrets.
        location: String,
        /// What is wrong with it.
        reason: String,
    },

    /// A saved state does not fit together: it was damaged, or another version wrote it.
    #[error("the saved state of the upload is damaged: {0}")]
    State(&'static str),

    /// The operating system gave no random bytes.
    #[error("no random bytes are to be had")]
    Random(#[source] getrandom::Error),

    /// The program is about to end.
    #[error("shutting down")]
    ShuttingDown,
}

impl BlobError {
    /// Returns a conversion of what the operating system said about a file.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        move |source| {
            let path = path.display().to_string();
            match source.kind() {
                StorageFull | QuotaExceeded | FileTooLarge => Self::NoSpace { path, source },
                _ => Self::Io { path, source },
            }
        }
    }

    /// Returns a conversion of what a reader of an object returned, which is an error of this kind, wrapped.
    pub fn reading(key: ObjectKey) -> impl FnOnce(io::Error) -> Self {
        move |error| error.downcast().unwrap_or_else(|source| Self::Io { path: key.to_string(), source })
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    const ENOSPC: i32 = 28;
    const EDQUOT: i32 = 122;
    const EIO: i32 = 5;

    #[test_case(ENOSPC => true; "a full disk")]
    #[test_case(EDQUOT => true; "a full quota")]
    #[test_case(EIO => false; "a broken disk")]
    fn is_want_of_space(errno: i32) -> bool {
        let error = BlobError::at(Path::new("staging/2b"))(io::Error::from_raw_os_error(errno));
        matches!(error, BlobError::NoSpace { .. })
    }
}
