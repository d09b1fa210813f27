//! What may stand between a client and its store.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What a proxy sends in place of an answer.
pub(crate) const PAGE: &str = "<html><head><title>We are sorry</title></head></html>";

/// A request that a proxy has kept until it was whole.
pub(crate) struct Kept {
    pub(crate) number: usize,
    pub(crate) method: Method,
    pub(crate) has_length: bool,
    pub(crate) n_bytes: usize,
}

/// Serves on a port of its own, until the test ends.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// A proxy that keeps every request until it is whole, and every answer; `refuse` may answer in the store's place.
pub(crate) async fn buffering(
    store: SocketAddr,
    max_answer: usize,
    refuse: impl Fn(&Kept) -> Option<Response> + Send + Sync + 'static,
) -> SocketAddr {
    let (refuse, client, n_requests) =
        (Arc::new(refuse), reqwest::Client::new(), Arc::new(AtomicUsize::new(0)));
    let handler = move |request: Request<Body>| async move {
        let (parts, body) = request.into_parts();
        let has_length = parts.headers.contains_key(header::CONTENT_LENGTH);
        let Ok(body) = to_bytes(body, usize::MAX).await else { return page(StatusCode::BAD_REQUEST) };
        let number = n_requests.fetch_add(1, Ordering::SeqCst);
        let kept = Kept { number, method: parts.method.clone(), has_length, n_bytes: body.len() };
        if let Some(answer) = refuse(&kept) {
            return answer;
        }
        let url = format!("http://{store}{}", parts.uri);
        let asked = client.request(parts.method, url).headers(parts.headers).body(body).send().await.unwrap();
        let (status, headers) = (asked.status(), asked.headers().clone());
        let answer: Bytes = asked.bytes().await.unwrap();
        if answer.len() > max_answer {
            page(StatusCode::BAD_GATEWAY)
        } else {
            (status, headers, answer).into_response()
        }
    };
    serve(Router::new().fallback(handler)).await
}

/// Returns an answer that is not the store's.
pub(crate) fn page(status: StatusCode) -> Response {
    (status, [(header::CONTENT_TYPE, "text/html")], PAGE).into_response()
}

/// A line that breaks whenever that many bytes went up on one connection.
pub(crate) async fn breaking(store: SocketAddr, after_bytes: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass(client, store, after_bytes));
        }
    });
    address
}

async fn pass(client: TcpStream, store: SocketAddr, after_bytes: usize) {
    let store = TcpStream::connect(store).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_store, mut to_store) = store.into_split();
    let up = async {
        let mut buffer = vec![0; 1 << 14];
        let mut n_left = after_bytes;
        while let Ok(n_bytes @ 1..) = from_client.read(&mut buffer).await {
            let n_bytes = n_bytes.min(n_left);
            n_left -= n_bytes;
            if to_store.write_all(&buffer[..n_bytes]).await.is_err() || n_left == 0 {
                break;
            }
        }
    };
    // Whichever side ends first ends both.
    tokio::select! {
        () = up => {}
        _ = tokio::io::copy(&mut from_store, &mut to_client) => {}
    }
}
