//! What is tried again, and when.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

use crate::error::ClientError;

/// Whether a request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Twice is the same as once.
    Always,
    /// Only if it has surely not reached the store.
    IfUnsent,
}

impl Repeat {
    /// Says whether a request that failed in this way may be sent again.
    pub(crate) fn allows(self, error: &ClientError) -> bool {
        match self {
            Self::Always => is_transient(error),
            Self::IfUnsent => {
                matches!(error, ClientError::Unreachable { source, .. } if source.is_connect())
            }
        }
    }
}

/// Says whether the same may go well in a moment.
pub(crate) fn is_transient(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. } | ClientError::Silent { .. } | ClientError::Unavailable(_) => true,
        ClientError::Limit(problem) => problem.status == 429,
        _ => false,
    }
}

/// Returns the waits between attempts. They vary, so that many clients do not come back at the same moment.
pub(crate) fn schedule(n_retries: usize) -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(15))
        .with_max_times(n_retries)
        .with_jitter()
}

/// Patience with a transfer: what moves may go on for ever, what stands still is given up.
pub(crate) struct Patience {
    n_retries: usize,
    delays: ExponentialBackoff,
}

impl Patience {
    pub(crate) fn new(n_retries: usize) -> Self {
        Self { n_retries, delays: schedule(n_retries).build() }
    }

    /// Begins anew, after bytes have moved.
    pub(crate) fn renew(&mut self) {
        self.delays = schedule(self.n_retries).build();
    }

    /// Waits for the next attempt, or returns the error if there is to be none.
    pub(crate) async fn wait(&mut self, error: ClientError) -> Result<(), ClientError> {
        if !is_transient(&error) {
            return Err(error);
        }
        let Some(delay) = self.delays.next() else { return Err(error) };
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            ?delay,
            "transfer interrupted, going on soon"
        );
        tokio::time::sleep(delay).await;
        Ok(())
    }
}
