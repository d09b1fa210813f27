//! A store as `charm-deploy` sees it: one charm is current, and bytes are counted as they are asked for.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use delta::{ChunkMap, ChunkerId};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::sample::{Sample, place};

/// A running store; it ends with the value.
pub(crate) struct Store {
    address: SocketAddr,
    shelf: Arc<Shelf>,
    _runtime: Runtime,
}

#[derive(Default)]
struct Shelf {
    current: Mutex<Option<Sample>>,
    asked: Mutex<Vec<String>>,
}

impl Store {
    pub(crate) fn with(sample: &Sample) -> Self {
        let runtime = Runtime::new().unwrap();
        let shelf = Arc::new(Shelf { current: Mutex::new(Some(sample.clone())), ..Shelf::default() });
        let app = Router::new().fallback(get(answer)).with_state(shelf.clone());
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let _serving = runtime.spawn(async move { axum::serve(listener, app).await });
        Self { address, shelf, _runtime: runtime }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn release(&self, sample: &Sample) {
        *self.shelf.current.lock().unwrap() = Some(sample.clone());
    }

    /// Returns which bytes were asked for since the last time, sorted.
    pub(crate) fn take_asked(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut *self.shelf.asked.lock().unwrap());
        asked.sort();
        asked
    }
}

async fn answer(State(shelf): State<Arc<Shelf>>, uri: Uri, headers: HeaderMap) -> Response {
    let Some(sample) = shelf.current.lock().unwrap().clone() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if uri.path() == "/v4/resolve" {
        return axum::Json(sample.resolution).into_response();
    }
    let item = uri.path().strip_prefix(&format!("/v4/{}/", sample.id())).unwrap_or_default().to_owned();
    shelf.asked.lock().unwrap().push(item.clone());
    let map = item.strip_prefix("chunks/").and_then(|of| bytes(&sample, of));
    if let Some(whole) = map {
        return ChunkMap::of(ChunkerId::FastCdc32K, &whole).encode().into_response();
    }
    let Some(bytes) = bytes(&sample, &item) else { return StatusCode::NOT_FOUND.into_response() };
    let range = headers.get("range").and_then(|it| it.to_str().ok()?.strip_prefix("bytes=")?.split_once('-'));
    let Some((from, last)) = range else { return bytes.into_response() };
    let (from, last): (usize, usize) = (from.parse().unwrap(), last.parse().unwrap_or(bytes.len() - 1));
    let content_range = [("content-range", format!("bytes {from}-{last}/{}", bytes.len()))];
    (StatusCode::PARTIAL_CONTENT, content_range, bytes[from..=last].to_vec()).into_response()
}

fn bytes(sample: &Sample, item: &str) -> Option<Vec<u8>> {
    if item == "archive" {
        return Some(sample.archive.clone());
    }
    let wanted = place(item.strip_prefix("resources/")?);
    sample.files.iter().find(|(at, _)| *at == wanted).map(|(_, bytes)| bytes.clone())
}
