//! What can go wrong.

use thiserror::Error;

/// Why the index could not do something.
#[derive(Debug, Error)]
pub enum SearchError {
    /// Another process has the index open to write.
    #[error("search index is in use by another process")]
    Locked,
    /// The index's directory could not be used.
    #[error("search index directory cannot be used")]
    Directory(#[source] std::io::Error),
    /// The engine failed: a full disk, a damaged file. Delete the index, and it is made again.
    #[error("search index failed")]
    Engine(#[source] tantivy::TantivyError),
    /// What is stored cannot be read back.
    #[error("search index holds what cannot be read")]
    Corrupt(#[source] serde_json::Error),
}

impl From<tantivy::TantivyError> for SearchError {
    fn from(error: tantivy::TantivyError) -> Self {
        match error {
            tantivy::TantivyError::LockFailure(..) => Self::Locked,
            error => Self::Engine(error),
        }
    }
}
