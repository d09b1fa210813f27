//! Transfers against a store that breaks off, forgets and lies. The real store is in the acceptance tests.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use charm_model::digest::Content;
use futures::stream;
use store_client::{ClientError, Credentials, Event, Item, Options, Progress, Publish, Source, Store};

const SIZE: usize = 3_000_000;

/// What the stub knows: the right bytes, and what it has seen.
#[derive(Clone)]
struct Stub {
    bytes: Bytes,
    ranges: Arc<Mutex<Vec<Option<String>>>>,
    stored: Arc<Mutex<Vec<u8>>>,
}

#[derive(Default)]
struct Sent(Mutex<Vec<Event>>);

impl Progress for Sent {
    fn note(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

fn bytes() -> Bytes {
    (0..SIZE).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect::<Vec<u8>>().into()
}

async fn start() -> (Store, Stub) {
    let stub = Stub { bytes: bytes(), ranges: Arc::default(), stored: Arc::default() };
    let router = Router::new()
        .route("/v4/~joe/mysql-1.stable.2/archive", get(archive))
        .route("/v4/publish", post(plan))
        .route("/v4/publish/s1/blobs/{blob}", get(offset).put(part))
        .route("/v4/publish/s1/commit", post(commit))
        .with_state(stub.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let options = Options { part_bytes: 1 << 20, n_retries: 2, ..Options::default() };
    (Store::new(&address, Credentials::Anonymous, options).unwrap(), stub)
}

/// Breaks off after the first megabyte of a whole answer; a range is answered to its end.
async fn archive(State(stub): State<Stub>, headers: HeaderMap) -> Response {
    let range = headers.get("range").map(|it| it.to_str().unwrap().to_owned());
    stub.ranges.lock().unwrap().push(range.clone());
    let etag = format!("\"{}\"", Content::of(&stub.bytes).digests.sha256);
    let Some(range) = range else {
        let broken = stream::iter([Ok(stub.bytes.slice(..1_000_000)), Err(std::io::Error::other("cable"))]);
        return ([("etag", etag), ("content-length", SIZE.to_string())], Body::from_stream(broken))
            .into_response();
    };
    assert_eq!(headers["if-range"], etag);
    let from: usize = range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap();
    let content_range = format!("bytes {from}-{}/{SIZE}", SIZE - 1);
    let headers = [("etag", etag), ("content-range", content_range)];
    (StatusCode::PARTIAL_CONTENT, headers, stub.bytes.slice(from..)).into_response()
}

async fn plan(State(stub): State<Stub>) -> String {
    let blob = Content::of(&stub.bytes).digests.sha256;
    format!(
        r#"{{"session":{{"id":"s1","expires":"2030-01-01T00:00:00Z","max_part":100000000,"account":"alice"}},"streams":{{}},
            "blobs":{{"{blob}":{{"action":"send","offset":0}}}}}}"#
    )
}

async fn offset(State(stub): State<Stub>) -> String {
    let n_bytes = stub.stored.lock().unwrap().len();
    format!(r#"{{"offset":{n_bytes},"complete":{}}}"#, n_bytes == SIZE)
}

/// Takes parts, and loses the answer to the second.
async fn part(
    State(stub): State<Stub>,
    Query(query): Query<BTreeMap<String, usize>>,
    body: Bytes,
) -> Response {
    {
        let mut stored = stub.stored.lock().unwrap();
        assert_eq!(query["offset"], stored.len());
        stored.extend_from_slice(&body);
    }
    if query["offset"] == 1 << 20 {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    offset(State(stub)).await.into_response()
}

async fn commit() -> &'static str {
    r#"{"state":"committed","ids":["~joe/mysql-1.stable.2"],"charm":{"revision":1,"new":true},"streams":{},
        "logical_bytes":0,"received_bytes":0}"#
}

#[tokio::test]
async fn a_download_goes_on_where_it_broke_off() {
    let (store, stub) = start().await;
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("archive.zip");
    let id = "~joe/mysql-1.stable.2".parse().unwrap();
    let expected = Content::of(&stub.bytes);
    store.download(&id, &Item::Archive, &expected, &target, Arc::new(())).await.unwrap();
    assert_eq!(std::fs::read(&target).unwrap(), stub.bytes);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    assert_eq!(*stub.ranges.lock().unwrap(), [None, Some("bytes=1000000-".to_owned())]);
}

#[tokio::test]
async fn other_bytes_never_get_the_name() {
    let (store, stub) = start().await;
    let dir = tempfile::tempdir().unwrap();
    let id = "~joe/mysql-1.stable.2".parse().unwrap();
    let expected = Content { size: stub.bytes.len() as u64, ..Content::of(b"other") };
    let outcome = store.download(&id, &Item::Archive, &expected, &dir.path().join("a"), Arc::new(())).await;
    assert!(matches!(outcome, Err(ClientError::Integrity { .. })));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn an_upload_asks_how_far_it_is_and_sends_no_byte_twice() {
    let (store, stub) = start().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("blob");
    std::fs::write(&path, &stub.bytes).unwrap();
    let content = store_client::hash_file(&path, Arc::new(())).await.unwrap();
    let request = serde_json::from_str(r#"{"base":"~joe/mysql"}"#).unwrap();
    let publish = Publish::begin(&store, &request, [Source { path, content }]).await.unwrap();
    let sent = Arc::new(Sent::default());
    let published = publish.finish(sent.clone()).await.unwrap();
    assert_eq!(published.ids[0].to_string(), "~joe/mysql-1.stable.2");
    assert_eq!(*stub.stored.lock().unwrap(), stub.bytes);
    let events = sent.0.lock().unwrap();
    let n_sent: u64 =
        events.iter().map(|it| if let Event::Sent { n_bytes, .. } = it { *n_bytes } else { 0 }).sum();
    assert_eq!(n_sent, SIZE as u64);
}

#[tokio::test]
async fn a_file_that_shrank_is_said_to_have_changed() {
    let (store, stub) = start().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("blob");
    std::fs::write(&path, &stub.bytes[..500_000]).unwrap();
    let content = Content::of(&stub.bytes);
    let request = serde_json::from_str(r#"{"base":"~joe/mysql"}"#).unwrap();
    let publish = Publish::begin(&store, &request, [Source { path, content }]).await.unwrap();
    let outcome = publish.finish(Arc::new(())).await;
    assert!(matches!(outcome, Err(ClientError::Changed(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_store_that_is_not_there_is_unreachable() {
    let options = Options { n_retries: 1, ..Options::default() };
    let store = Store::new("http://127.0.0.1:1", Credentials::Anonymous, options).unwrap();
    assert!(matches!(store.whoami().await, Err(ClientError::Unreachable { .. })));
}
