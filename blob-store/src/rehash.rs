//! Hashes of objects that are stored already.

use std::io::{self, BufRead};

use charm_model::digest::{Blake3, Sha384};
use charm_model::proof::ProofKey;
use sha2::Digest as _;
use tracing::instrument;

use crate::blocking::blocking;
use crate::error::BlobError;
use crate::key::ObjectKey;
use crate::store::BlobStore;

impl BlobStore {
    /// Returns what somebody who has the object's `size` bytes answers to a salt. Reads all of them.
    #[instrument(skip_all, fields(object = %key))]
    pub async fn possession(&self, key: ObjectKey, size: u64, proof: ProofKey) -> Result<Blake3, BlobError> {
        let reader = self.reader(key, size).await?;
        blocking(move || proof.answer(reader).map_err(BlobError::reading(key))).await
    }

    /// Returns the SHA-384 of the object's `size` bytes. Reads all of them.
    #[instrument(skip_all, fields(object = %key))]
    pub async fn sha384(&self, key: ObjectKey, size: u64) -> Result<Sha384, BlobError> {
        let reader = self.reader(key, size).await?;
        blocking(move || hash_sha384(reader).map_err(BlobError::reading(key))).await
    }
}

fn hash_sha384(mut content: impl BufRead) -> io::Result<Sha384> {
    let mut sha384 = sha2::Sha384::new();
    loop {
        let bytes = content.fill_buf()?;
        if bytes.is_empty() {
            return Ok(Sha384(sha384.finalize().into()));
        }
        let n_bytes = bytes.len();
        sha384.update(bytes);
        content.consume(n_bytes);
    }
}
