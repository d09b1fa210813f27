//! How many bytes really travel, counted where they enter and leave a request.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// What has travelled in the bodies of requests and answers; what was lost on the way and sent again counts twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Bytes that went to the store to make blobs there: their own, or recipes.
    pub sent: u64,
    /// Bytes that came from the store to make blobs here: their own, patches, and the chunk maps of either direction.
    pub received: u64,
    /// Bytes of the conversation about them, both ways.
    pub talk: u64,
}

/// The numbers of one [`crate::Store`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    sent: AtomicU64,
    received: AtomicU64,
    talk: AtomicU64,
}

impl Counters {
    pub(crate) fn sent(&self, n_bytes: usize) {
        self.sent.fetch_add(n_bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn received(&self, n_bytes: usize) {
        self.received.fetch_add(n_bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn talk(&self, n_bytes: usize) {
        self.talk.fetch_add(n_bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn traffic(&self) -> Traffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic { sent: read(&self.sent), received: read(&self.received), talk: read(&self.talk) }
    }
}
