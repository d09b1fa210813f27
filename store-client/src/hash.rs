//! What some bytes are, summed up once as they pass.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use charm_model::digest::{Content, Digests, Sha256};

use crate::error::ClientError;
use crate::progress::{Event, Progress};

/// How many bytes are read at once.
pub(crate) const READ_BYTES: usize = 1 << 20;

/// Size and both digests of the bytes so far.
///
/// The SHA-256 is that of aws-lc: where a processor has no instructions for it, twice as fast as that of `sha2`. The store
/// needs the other one, whose state can be kept.
#[derive(Clone)]
pub struct Sums {
    size: u64,
    sha256: Context,
    blake3: blake3::Hasher,
}

impl Default for Sums {
    fn default() -> Self {
        Self { size: 0, sha256: Context::new(&SHA256), blake3: blake3::Hasher::new() }
    }
}

impl Sums {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.sha256.update(bytes);
        self.blake3.update(bytes);
    }

    /// Returns how many bytes there were so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Returns what the bytes so far are.
    pub fn content(&self) -> Content {
        let mut sha256 = [0; SHA256_OUTPUT_LEN];
        sha256.copy_from_slice(self.sha256.clone().finish().as_ref());
        let sha256 = Sha256(sha256);
        Content { size: self.size, digests: Digests { sha256, blake3: self.blake3.finalize().into() } }
    }

    /// Adds all that a reader has.
    pub(crate) fn read(&mut self, reader: &mut impl Read, progress: &dyn Progress) -> std::io::Result<()> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let n_bytes = reader.read(&mut buffer)?;
            if n_bytes == 0 {
                return Ok(());
            }
            self.update(&buffer[..n_bytes]);
            progress.note(Event::Hashed { n_bytes: n_bytes as u64 });
        }
    }
}

/// Returns what a file is: its size and both digests, in one pass on a thread for blocking work.
pub async fn hash_file(path: &Path, progress: Arc<dyn Progress>) -> Result<Content, ClientError> {
    let at = path.to_owned();
    blocking(move || {
        let mut sums = Sums::default();
        sums.read(&mut File::open(at)?, progress.as_ref())?;
        Ok(sums.content())
    })
    .await
    .map_err(ClientError::io(path))
}

/// Runs blocking work; a panic in it is this one's panic.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only a runtime that shuts down cancels blocking work, and it does not poll this any more.
            Err(_) => std::future::pending().await,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_and_its_bytes_have_the_same_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let bytes = vec![7; 3 * READ_BYTES + 1];
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(hash_file(&path, Arc::new(())).await.unwrap(), Content::of(&bytes));
        assert!(hash_file(dir.path(), Arc::new(())).await.is_err());
    }
}
