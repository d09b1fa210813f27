//! Work on the disk, away from the threads that serve the network.

/// Runs blocking work; a panic in it is this one's panic.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only a runtime that shuts down cancels blocking work, and it polls nothing any more.
            Err(_) => std::future::pending().await,
        },
    }
}
