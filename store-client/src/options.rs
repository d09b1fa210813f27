//! How patient the client is, and how much it does at once.

use std::time::Duration;

use crate::rate::Rate;

/// Limits of one [`crate::Store`]. None of them bounds a whole transfer: a large blob over a slow line may take days.
#[derive(Debug, Clone)]
pub struct Options {
    /// Certificates to trust besides the system's: PEM, one or several.
    pub ca_pem: Option<Vec<u8>>,
    /// How long a connection may take to open.
    pub connect_timeout: Duration,
    /// How long the store may keep silent, and a transfer may stand still.
    pub idle_timeout: Duration,
    /// How long a plan or a commit may take: the store reads there what is to be proved, and flushes it all.
    pub commit_timeout: Duration,
    /// How often a request that is safe to repeat is repeated.
    pub n_retries: usize,
    /// How long is waited, all waits together, for a transfer that was interrupted and does not get on: a store that
    /// is restarted comes back. It is also the longest `Retry-After` that is obeyed.
    pub patience: Duration,
    /// The largest part of an upload in bytes, if the store takes as much.
    pub part_bytes: u64,
    /// How many blobs are sent or fetched at once.
    pub n_parallel: usize,
    /// How fast bytes move at most, all transfers together; as fast as they can if none.
    pub limit_rate: Option<Rate>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ca_pem: None,
            connect_timeout: Duration::from_secs(20),
            idle_timeout: Duration::from_mins(1),
            commit_timeout: Duration::from_mins(15),
            n_retries: 6,
            patience: Duration::from_mins(2),
            part_bytes: 64 << 20,
            n_parallel: 4,
            limit_rate: None,
        }
    }
}
