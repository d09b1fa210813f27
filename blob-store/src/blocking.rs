//! Files and hashing, off the threads that serve requests.

use std::panic::resume_unwind;

use tokio::task::{JoinError, spawn_blocking};

use crate::error::BlobError;

/// Runs `work` on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    joined(spawn_blocking(work).await)
}

/// Returns what a task returned. Its panic goes on here.
pub(crate) fn joined<T>(joined: Result<Result<T, BlobError>, JoinError>) -> Result<T, BlobError> {
    match joined.map_err(JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => resume_unwind(panic),
        Err(Err(_cancelled)) => Err(BlobError::ShuttingDown),
    }
}
