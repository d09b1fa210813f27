//! Where the blocks of a body go.

use bytes::Bytes;

use crate::blocking::blocking;
use crate::error::BlobError;
use crate::local::StagedFile;
use crate::remote::{Remote, part_len};

use super::UploadState;

/// Where the blocks of a body go.
#[derive(Debug, Clone)]
pub(super) enum Sink {
    File(StagedFile),
    Parts(Remote),
}

impl Sink {
    /// Returns how long a block is, in bytes; for a bucket, a part.
    pub(super) fn block_len(&self, size: u64) -> u64 {
        match self {
            Self::File(_) => 1 << 20,
            Self::Parts(_) => part_len(size),
        }
    }

    /// Says whether a block that ends there can be written. A part can be short only if it is the last.
    pub(super) fn takes(&self, end: u64, size: u64) -> bool {
        match self {
            Self::File(_) => true,
            Self::Parts(_) => end == size || end.is_multiple_of(part_len(size)),
        }
    }

    /// Writes a block where the state ends, and returns the tag of the part that it became.
    pub(super) async fn write(&self, state: &UploadState, block: Bytes) -> Result<Option<String>, BlobError> {
        match (self, &state.multipart) {
            (Self::Parts(remote), Some(multipart)) => {
                remote.put_part(state.key, multipart, block).await.map(Some)
            }
            (Self::Parts(_), None) => Err(BlobError::Lost(state.key)),
            (Self::File(staged), _) => {
                let (staged, offset) = (staged.clone(), state.offset());
                blocking(move || staged.write_at(&block, offset)).await?;
                Ok(None)
            }
        }
    }

    /// Waits until what was written before is durable.
    pub(super) async fn flush(&self) -> Result<(), BlobError> {
        match self {
            Self::Parts(_) => Ok(()),
            Self::File(staged) => {
                let staged = staged.clone();
                blocking(move || staged.flush()).await
            }
        }
    }
}
