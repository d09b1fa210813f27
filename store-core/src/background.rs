//! Work that nobody waits for.

use crate::error::StoreError;

/// The least that a thread can claim of a processor (`setpriority(2)`).
const LAST: i32 = 19;

/// Runs work on a thread of its own that leaves the processor to every other: requests are answered as if it were not there.
///
/// Whoever lowers the priority of a thread cannot raise it again, so it is none of those that the runtime hands out.
pub(crate) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    let run = || {
        // For Linux, this is the thread that asks. Where it is refused, the work is done all the same.
        let _ = rustix::process::setpriority_process(None, LAST);
        work()
    };
    let run_aside =
        || std::thread::spawn(run).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    Ok(tokio::task::spawn_blocking(run_aside).await?)
}

#[cfg(test)]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[tokio::test]
    async fn what_runs_in_the_background_comes_last_and_nothing_else_does() {
        let before = getpriority_process(None).unwrap();
        assert_eq!(in_background(|| getpriority_process(None).unwrap()).await.unwrap(), LAST);
        assert_eq!(tokio::task::spawn_blocking(|| getpriority_process(None).unwrap()).await.unwrap(), before);
    }

    #[tokio::test]
    async fn a_panic_in_the_background_is_an_error() {
        assert!(in_background(|| panic!("for the test")).await.is_err());
    }
}
