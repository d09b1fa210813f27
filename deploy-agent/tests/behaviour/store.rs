//! A store as `charm-deploy` sees it: one charm is current, and bytes are counted as they are asked for.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
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

async fn answer(State(shelf): State<Arc<Shelf>>, uri: Uri) -> Response {
    let Some(sample) = shelf.current.lock().unwrap().clone() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if uri.path() == "/v4/resolve" {
        return axum::Json(sample.resolution).into_response();
    }
    let item = uri.path().strip_prefix(&format!("/v4/{}/", sample.id())).unwrap_or_default().to_owned();
    shelf.asked.lock().unwrap().push(item.clone());
    bytes(&sample, &item)
        .map_or(StatusCode::NOT_FOUND.into_response(), axum::response::IntoResponse::into_response)
}

fn bytes(sample: &Sample, item: &str) -> Option<Vec<u8>> {
    if item == "archive" {
        return Some(sample.archive.clone());
    }
    let wanted = place(item.strip_prefix("resources/")?);
    sample.files.iter().find(|(at, _)| *at == wanted).map(|(_, bytes)| bytes.clone())
}
