//! What is left of a request's body once its answer is known.
//!
//! A server that closes the connection while its client still writes makes the client's machine throw the answer away
//! (RFC 9112 §9.6): the user of a refused upload would see a broken connection, and not why. So the rest of a body is
//! read, within bounds, before the answer goes out.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::EXPECT;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::sync::oneshot;

use crate::router::App;

/// How long a client may take to send what nobody wants.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads what the handler has left of the body, up to the size of the largest part.
pub(crate) async fn read(State(app): State<App>, request: Request, next: Next) -> Response {
    // Whoever waits to be told to go on sends nothing to a request that is answered.
    if request.body().is_end_stream() || request.headers().contains_key(EXPECT) {
        return next.run(request).await;
    }
    let (give_back, mut leftover) = oneshot::channel();
    let lend = |body| Body::new(Lent { body, give_back: Some(give_back) });
    let response = next.run(request.map(lend)).await;
    if let Ok(body) = leftover.try_recv() {
        let reading = read_to_end(body, app.store.limits().part_bytes);
        drop(tokio::time::timeout(PATIENCE, reading).await);
    }
    response
}

async fn read_to_end(mut body: Body, limit: u64) {
    let mut n_left = limit;
    while let Some(Ok(frame)) = body.frame().await {
        let n_bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        let Some(rest) = n_left.checked_sub(n_bytes) else { return };
        n_left = rest;
    }
}

/// A body that comes back when whoever reads it has had enough.
struct Lent {
    body: Body,
    give_back: Option<oneshot::Sender<Body>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(owner) = self.give_back.take().filter(|_| !self.body.is_end_stream()) {
            // Nobody waits any more where the client has gone away.
            drop(owner.send(std::mem::take(&mut self.body)));
        }
    }
}
