//! How far a transfer is.

use std::time::Duration;

use charm_model::digest::Sha256;

use crate::error::ClientError;

/// Something that moved. Positions are within the blob, so that a part that is sent twice is not counted twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// That many more bytes of a local file were summed up.
    Hashed {
        /// How many.
        n_bytes: u64,
    },
    /// The answer to a salt was computed from the whole file.
    Proved {
        /// Which blob.
        blob: Sha256,
    },
    /// More bytes were handed to the network, for a blob up to that position: its own bytes, or a recipe for them.
    Sent {
        /// Which blob.
        blob: Sha256,
        /// How many.
        n_bytes: u64,
        /// Where they end.
        position: u64,
    },
    /// The store has flushed a blob's bytes up to here: they survive an interruption.
    Stored {
        /// Which blob.
        blob: Sha256,
        /// Where they end.
        position: u64,
    },
    /// More bytes of a blob arrived and were written.
    Received {
        /// Which blob.
        blob: Sha256,
        /// How many.
        n_bytes: u64,
        /// Where they end.
        position: u64,
    },
    /// A blob is made up to here, of what came and of what was on the disk.
    Made {
        /// Which blob.
        blob: Sha256,
        /// Where its bytes end.
        position: u64,
    },
}

/// Who wants to know. Called from several threads, often: it must not block.
pub trait Progress: Send + Sync {
    /// Takes note.
    fn note(&self, event: Event);

    /// Takes note that a transfer was interrupted, why, and how long it waits before it goes on.
    fn waits(&self, _because: &ClientError, _delay: Duration) {}
}

/// Nobody.
impl Progress for () {
    fn note(&self, _event: Event) {}
}
