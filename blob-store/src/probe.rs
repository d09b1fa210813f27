//! Whether a store would work, for who operates it.

use crate::error::BlobError;
use crate::key::ObjectKey;
use crate::store::{Backend, BlobStore};

/// What a probe found: bytes can be written, flushed, read and deleted, and this besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// The store is a local directory.
    Local {
        /// How many bytes may still be written.
        free_bytes: u64,
    },
    /// The store is a bucket.
    Bucket {
        /// Whether the object store refuses to overwrite if told so. Good to know; nothing here rests on it.
        honours_if_none_match: bool,
    },
}

impl BlobStore {
    /// Writes, flushes, reads and deletes a few bytes.
    ///
    /// # Errors
    ///
    /// Whatever would keep the store from working.
    pub async fn probe(&self) -> Result<Probe, BlobError> {
        let key = ObjectKey::fresh()?;
        match &self.backend {
            Backend::Remote(remote) => Ok(Probe::Bucket { honours_if_none_match: remote.probe(key).await? }),
            Backend::Local(local) => {
                let free_bytes =
                    local.run(move |local| local.probe(key).and_then(|()| local.free_bytes())).await?;
                Ok(Probe::Local { free_bytes })
            }
        }
    }
}
