//! A line that stands still: a body that brings no byte for a while is ended, so that what its request holds, such as the
//! file that a part is written to, is free for whoever comes back. However slow a line is, it is not idle.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use crate::router::App;

/// Bounds how long the body of a request may bring nothing.
pub(crate) async fn bound(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let patience = app.store.limits().body_idle;
    next.run(request.map(|body| Body::new(Bounded::new(body, patience)))).await
}

/// Why a body ended: it brought nothing for that long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stalled(Duration);

impl Stalled {
    /// Finds it among the causes of an error.
    pub(crate) fn among(error: &(dyn StdError + 'static)) -> Option<Self> {
        std::iter::successors(Some(error), |error| cause(*error)).find_map(|it| it.downcast_ref()).copied()
    }
}

fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<io::Error>() {
        // Its own cause is that of what it wraps, and would pass over this.
        Some(error) => error.get_ref().map(|it| it as &(dyn StdError + 'static)),
        None => error.source(),
    }
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the body brought nothing for {} s", self.0.as_secs_f64())
    }
}

impl StdError for Stalled {}

/// A body that ends with an error where it brings nothing for too long. Time counts while somebody waits for it: what is
/// not read for a while, because the disk is slow, is not the sender's fault.
struct Bounded {
    body: Body,
    patience: Duration,
    /// Until when somebody waits for bytes.
    deadline: Pin<Box<Sleep>>,
    wait: Wait,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Nobody has asked for bytes that were not there.
    No,
    /// Somebody has.
    Yes,
    /// In vain: nothing is taken any more.
    InVain,
}

impl Bounded {
    fn new(body: Body, patience: Duration) -> Self {
        Self { body, patience, deadline: Box::pin(sleep(patience)), wait: Wait::No }
    }
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.wait == Wait::InVain {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.wait = Wait::No;
            return Poll::Ready(frame);
        }
        let patience = self.patience;
        if self.wait == Wait::No {
            self.wait = Wait::Yes;
            self.deadline.as_mut().reset(Instant::now() + patience);
        }
        ready!(self.deadline.as_mut().poll(cx));
        self.wait = Wait::InVain;
        Poll::Ready(Some(Err(axum::Error::new(Stalled(patience)))))
    }

    fn is_end_stream(&self) -> bool {
        self.wait == Wait::InVain || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::{StreamExt as _, stream};
    use http_body_util::BodyExt as _;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// Reads a body of so many bytes, one each time so much has passed, and then nothing or the end.
    async fn read(n_bytes: usize, every: Duration, ends: bool) -> Result<usize, axum::Error> {
        let bytes = stream::repeat(()).take(n_bytes).then(move |()| async move {
            tokio::time::sleep(every).await;
            Ok::<_, Infallible>(Bytes::from_static(b"x"))
        });
        let body =
            if ends { Body::from_stream(bytes) } else { Body::from_stream(bytes.chain(stream::pending())) };
        let bounded = Bounded::new(body, PATIENCE);
        Ok(bounded.collect().await?.to_bytes().len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_be_as_slow_as_it_likes() {
        assert_eq!(read(1000, Duration::from_secs(29), true).await.unwrap(), 1000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stands_still_is_ended_and_says_why() {
        let began = Instant::now();
        let error = read(10, Duration::from_secs(1), false).await.unwrap_err();
        assert_eq!(began.elapsed().as_secs(), 10 + PATIENCE.as_secs());
        let wrapped = io::Error::new(io::ErrorKind::ConnectionAborted, error);
        assert_eq!(Stalled::among(&wrapped).unwrap().to_string(), "the body brought nothing for 30 s");
        assert!(Stalled::among(&io::Error::other("cable")).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_asked_for_is_not_late() {
        let body = Body::from_stream(stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"x"))]));
        let mut bounded = Bounded::new(body, PATIENCE);
        tokio::time::sleep(2 * PATIENCE).await;
        assert!(bounded.frame().await.unwrap().is_ok());
    }
}
