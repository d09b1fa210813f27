//! How far a deployment is.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use charm_model::digest::Sha256;
use store_client::{ClientError, Event as Transfer, Progress};

/// Something that a person who waits wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// That many more bytes are not on the unit as they should be.
    Due {
        /// How many.
        n_bytes: u64,
    },
    /// That many of them are made: they came from the store, or from other files on this machine.
    Made {
        /// How many.
        n_bytes: u64,
    },
}

/// Who wants to know. Called from several threads, often: it must not block.
pub trait Watch: Send + Sync {
    /// Takes note.
    fn note(&self, event: Event);

    /// Takes note that a transfer was interrupted, why, and how long it waits before it goes on.
    fn waits(&self, _because: &ClientError, _delay: Duration) {}
}

/// Nobody.
impl Watch for () {
    fn note(&self, _event: Event) {}
}

/// Counts what has to be fetched and what is made of it, and passes it on.
pub(crate) struct Meter {
    watch: Arc<dyn Watch>,
    due: AtomicU64,
    /// How far each blob is: what is made twice is not counted twice.
    positions: Mutex<HashMap<Sha256, u64>>,
}

impl Meter {
    pub(crate) fn new(watch: Arc<dyn Watch>) -> Arc<Self> {
        Arc::new(Self { watch, due: AtomicU64::new(0), positions: Mutex::default() })
    }

    pub(crate) fn add_due(&self, n_bytes: u64) {
        self.due.fetch_add(n_bytes, Ordering::Relaxed);
        self.watch.note(Event::Due { n_bytes });
    }

    /// Returns how many bytes were not on the unit as they should be.
    pub(crate) fn due(&self) -> u64 {
        self.due.load(Ordering::Relaxed)
    }

    fn advance(&self, blob: Sha256, position: u64) {
        let mut positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        let furthest = positions.entry(blob).or_insert(0);
        if position > *furthest {
            self.watch.note(Event::Made { n_bytes: position - *furthest });
            *furthest = position;
        }
    }
}

impl Progress for Meter {
    fn note(&self, event: Transfer) {
        if let Transfer::Received { blob, position, .. } | Transfer::Made { blob, position } = event {
            self.advance(blob, position);
        }
    }

    fn waits(&self, because: &ClientError, delay: Duration) {
        self.watch.waits(because, delay);
    }
}
