//! What moves on an HTTP/2 connection.
//!
//! Its pings are answered by machines, so that a client is there says nothing. One that asks nothing, or takes nothing
//! of what it asked for, is idle; one that waits for the store is not.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, sleep};

/// The most bytes that are handed to the connection at a time. It asks for more when the client has taken some, so that
/// a client who takes so much within a limit of time is not idle, however slow it is.
const PIECE_BYTES: usize = 16 << 10;

/// When something moved last, and for how many requests the store is at work.
#[derive(Debug)]
pub(super) struct Activity {
    n_at_work: AtomicUsize,
    last: Mutex<Instant>,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { n_at_work: AtomicUsize::new(0), last: Mutex::new(Instant::now()) })
    }

    /// Has the store at work, until the value is dropped.
    pub(super) fn work(self: &Arc<Self>) -> Work {
        self.n_at_work.fetch_add(1, Ordering::Relaxed);
        Work(self.clone())
    }

    /// Returns once nothing has moved for that long, and the store was not the reason.
    pub(super) async fn idle(&self, patience: Duration) {
        loop {
            let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let rest = (last + patience).saturating_duration_since(Instant::now());
            match self.n_at_work.load(Ordering::Relaxed) {
                0 if rest.is_zero() => return,
                0 => sleep(rest).await,
                _ => sleep(patience).await,
            }
        }
    }

    fn moved(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// That the store is at work.
#[derive(Debug)]
pub(super) struct Work(Arc<Activity>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.moved();
        self.0.n_at_work.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer: what it was asked for has moved, and while it has nothing to give the store is at work.
#[derive(Debug)]
pub(super) struct Watched {
    body: Body,
    /// What is left of a frame that was too large.
    rest: Bytes,
    activity: Arc<Activity>,
    work: Option<Work>,
}

impl Watched {
    pub(super) fn new(body: Body, activity: Arc<Activity>) -> Self {
        Self { body, rest: Bytes::new(), activity, work: None }
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.activity.moved();
        if self.rest.is_empty() {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                let activity = self.activity.clone();
                self.work.get_or_insert_with(|| activity.work());
                return Poll::Pending;
            };
            self.work = None;
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(bytes))) => self.rest = bytes,
                Some(Ok(Err(trailers))) => return Poll::Ready(Some(Ok(trailers))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let n_bytes = self.rest.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(n_bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (of_body, n_rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(of_body.lower() + n_rest);
        if let Some(upper) = of_body.upper() {
            hint.set_upper(upper + n_rest);
        }
        hint
    }
}
