//! How far a deployment is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use store_client::{Event as Transfer, Progress};

/// Something that a person who waits wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// That many more bytes have to come from the store; the unit has the others.
    Due {
        /// How many.
        n_bytes: u64,
    },
    /// That many more bytes came from the store.
    Received {
        /// How many.
        n_bytes: u64,
    },
}

/// Who wants to know. Called from several threads, often: it must not block.
pub trait Watch: Send + Sync {
    /// Takes note.
    fn note(&self, event: Event);
}

/// Nobody.
impl Watch for () {
    fn note(&self, _event: Event) {}
}

/// Counts what comes from the store, and passes it on.
pub(crate) struct Meter {
    watch: Arc<dyn Watch>,
    received: AtomicU64,
}

impl Meter {
    pub(crate) fn new(watch: Arc<dyn Watch>) -> Arc<Self> {
        Arc::new(Self { watch, received: AtomicU64::new(0) })
    }

    pub(crate) fn due(&self, n_bytes: u64) {
        self.watch.note(Event::Due { n_bytes });
    }

    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

impl Progress for Meter {
    fn note(&self, event: Transfer) {
        if let Transfer::Received { n_bytes, .. } = event {
            self.received.fetch_add(n_bytes, Ordering::Relaxed);
            self.watch.note(Event::Received { n_bytes });
        }
    }
}
