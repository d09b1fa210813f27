//! What is tried again, and when.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

use crate::error::ClientError;
use crate::options::Options;
use crate::progress::Progress;

/// Whether a request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Twice is the same as once.
    Always,
    /// Only if it has surely not been carried out.
    IfUndone,
}

impl Repeat {
    /// Says whether a request that failed in this way may be sent again.
    pub(crate) fn allows(self, error: &ClientError) -> bool {
        match self {
            Self::Always => is_transient(error),
            Self::IfUndone => is_undone(error),
        }
    }
}

/// Says whether the same may go well in a moment.
pub(crate) fn is_transient(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::Unreachable { .. }
            | ClientError::Silent { .. }
            | ClientError::Throttled { .. }
            | ClientError::Unavailable { .. }
    )
}

/// Says whether a request has not been carried out. A gateway that says 502 or 504 has lost only the answer, maybe.
fn is_undone(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { source, .. } => source.is_connect(),
        ClientError::Unavailable { problem, .. } => problem.status == 503,
        ClientError::Throttled { .. } => true,
        _ => false,
    }
}

/// Patience with what fails for a moment. The waits vary, so that many clients do not come back at the same moment.
pub(crate) struct Patience {
    schedule: ExponentialBuilder,
    delays: ExponentialBackoff,
    longest: Duration,
}

impl Patience {
    /// Patience with one request.
    pub(crate) fn with_request(options: &Options) -> Self {
        Self::new(waits().with_max_times(options.n_retries), options)
    }

    /// Patience with a transfer: what moves may go on for ever, what stands still too long is given up.
    pub(crate) fn with_transfer(options: &Options) -> Self {
        Self::new(waits().without_max_times().with_total_delay(Some(options.patience)), options)
    }

    fn new(schedule: ExponentialBuilder, options: &Options) -> Self {
        Self { schedule, delays: schedule.build(), longest: options.patience }
    }

    /// Begins anew, after bytes have moved.
    pub(crate) fn renew(&mut self) {
        self.delays = self.schedule.build();
    }

    /// Waits for the next attempt, or returns the error if there is to be none.
    pub(crate) async fn wait(
        &mut self,
        error: ClientError,
        progress: &dyn Progress,
    ) -> Result<(), ClientError> {
        let asked = error.retry_after().unwrap_or_default();
        let delay = match self.delays.next() {
            // Whoever is asked to wait that long has something better to do.
            Some(delay) if asked <= self.longest => asked + delay,
            _ => return Err(error),
        };
        tracing::warn!(error = &error as &dyn std::error::Error, ?delay, "trying again soon");
        progress.waits(&error, delay);
        tokio::time::sleep(delay).await;
        Ok(())
    }
}

fn waits() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(15))
        .with_jitter()
}
