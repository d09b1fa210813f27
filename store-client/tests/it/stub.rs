//! A store that knows one publish and one archive, and forgets a part that does not come whole.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use bytes::Bytes;
use charm_model::digest::Content;
use futures::stream;
use store_client::{ClientError, Credentials, Options, Publish, Source, Store};
use tempfile::TempDir;

pub(crate) const SIZE: usize = 3_000_000;

/// How long the store takes for a part: long enough that parts meet.
const PART_TAKES: Duration = Duration::from_millis(20);

/// A store, seen from behind.
#[derive(Clone)]
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<Seen>>,
}

/// What the store has, and what it has seen.
#[derive(Default)]
pub(crate) struct Seen {
    /// What is right: the blobs of the publish; the first is the archive too.
    pub(crate) blobs: Vec<Bytes>,
    /// What has arrived of each blob.
    pub(crate) stored: BTreeMap<String, Vec<u8>>,
    /// The ranges that were asked for.
    pub(crate) ranges: Vec<Option<String>>,
    /// The sizes of the parts that came.
    pub(crate) parts: Vec<usize>,
    /// Whether blobs are to be proved instead of sent.
    pub(crate) asks_for_proof: bool,
    /// Whether the answer to the second part is lost, or that to the whole archive breaks off.
    pub(crate) breaks: bool,
    /// How many parts come at once, now and at most.
    pub(crate) at_once: (usize, usize),
    pub(crate) n_moves: usize,
}

impl Stub {
    pub(crate) async fn start(n_blobs: u8) -> Self {
        let blobs = (0..n_blobs).map(bytes).collect();
        let state = Arc::new(Mutex::new(Seen { blobs, ..Seen::default() }));
        let router = Router::new()
            .route("/v4/~joe/mysql-1.stable.2/archive", get(archive))
            .route("/v4/~joe/mysql-1.stable.2/release", post(release))
            .route("/v4/publish", post(plan))
            .route("/v4/publish/s1/blobs/{blob}", put(part).get(offset))
            .route("/v4/publish/s1/commit", post(commit))
            .layer(DefaultBodyLimit::disable())
            .with_state(state.clone());
        Self { address: crate::proxy::serve(router).await, state }
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.state.lock().unwrap()
    }

    /// Returns a client of the store.
    pub(crate) fn store(&self) -> Store {
        store_at(self.address, options())
    }

    /// Says whether every blob has arrived, whole and right.
    pub(crate) fn has_all(&self) -> bool {
        let seen = self.seen();
        seen.blobs.iter().all(|blob| seen.stored.get(&hex(blob)).is_some_and(|stored| stored == blob))
    }
}

pub(crate) fn options() -> Options {
    Options { part_bytes: 1 << 20, ..Options::default() }
}

pub(crate) fn store_at(address: SocketAddr, options: Options) -> Store {
    Store::new(&format!("http://{address}"), Credentials::Anonymous, options).unwrap()
}

/// The author's files.
pub(crate) struct Files {
    pub(crate) dir: TempDir,
    sources: Vec<Source>,
}

impl Files {
    /// Writes the files that the store wants.
    pub(crate) fn of(stub: &Stub) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = |(n, bytes): (usize, &Bytes)| {
            let path = dir.path().join(n.to_string());
            std::fs::write(&path, bytes).unwrap();
            Source { path, content: Content::of(bytes) }
        };
        let sources = stub.seen().blobs.iter().enumerate().map(source).collect();
        Self { dir, sources }
    }

    pub(crate) async fn begin(&self, store: &Store) -> Result<Publish, ClientError> {
        let request = serde_json::from_str(r#"{"base":"~joe/mysql"}"#).unwrap();
        Publish::begin(store, &request, self.sources.clone()).await
    }

    pub(crate) async fn publish(&self, store: &Store) -> Result<(), ClientError> {
        self.begin(store).await?.finish(Arc::new(())).await.map(drop)
    }
}

fn bytes(seed: u8) -> Bytes {
    (0..SIZE).map(|at| u8::try_from((at * 7 + usize::from(seed)) % 251).unwrap()).collect::<Vec<u8>>().into()
}

fn hex(bytes: &[u8]) -> String {
    Content::of(bytes).digests.sha256.to_hex()
}

type Known = State<Arc<Mutex<Seen>>>;

/// Returns the archive; of a whole answer to someone who breaks, the first megabyte alone.
async fn archive(State(state): Known, headers: HeaderMap) -> Response {
    let mut seen = state.lock().unwrap();
    let bytes = seen.blobs[0].clone();
    let range = headers.get("range").map(|it| it.to_str().unwrap().to_owned());
    seen.ranges.push(range.clone());
    let etag = format!("\"{}\"", Content::of(&bytes).digests.sha256);
    let Some(range) = range else {
        let broken = stream::iter([Ok(bytes.slice(..1_000_000)), Err(std::io::Error::other("cable"))]);
        let body = if seen.breaks { Body::from_stream(broken) } else { Body::from(bytes) };
        return ([("etag", etag), ("content-length", SIZE.to_string())], body).into_response();
    };
    assert_eq!(headers["if-range"], etag);
    let (from, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    let (from, last): (usize, usize) = (from.parse().unwrap(), last.parse().unwrap_or(SIZE - 1));
    let headers = [("etag", etag), ("content-range", format!("bytes {from}-{last}/{SIZE}"))];
    (StatusCode::PARTIAL_CONTENT, headers, bytes.slice(from..=last)).into_response()
}

async fn plan(State(state): Known) -> String {
    let seen = state.lock().unwrap();
    let action = |blob: &Bytes| {
        let sha256 = Content::of(blob).digests.sha256;
        let offset = seen.stored.get(&hex(blob)).map_or(0, Vec::len);
        if seen.asks_for_proof {
            format!(r#""{sha256}":{{"action":"prove","salt":"blake3:{}"}}"#, "0".repeat(64))
        } else {
            format!(r#""{sha256}":{{"action":"send","offset":{offset}}}"#)
        }
    };
    let blobs = seen.blobs.iter().map(action).collect::<Vec<_>>().join(",");
    format!(
        r#"{{"session":{{"id":"s1","expires":"2030-01-01T00:00:00Z","max_part":100000000,"account":"alice"}},
            "streams":{{}},"blobs":{{{blobs}}}}}"#
    )
}

async fn offset(State(state): Known, Path(blob): Path<String>) -> Json<v4_wire::publish::UploadProgress> {
    let n_bytes = state.lock().unwrap().stored.get(&blob).map_or(0, Vec::len);
    Json(v4_wire::publish::UploadProgress { offset: n_bytes as u64, complete: n_bytes == SIZE })
}

async fn part(
    State(state): Known,
    Path(blob): Path<String>,
    Query(query): Query<BTreeMap<String, usize>>,
    body: Bytes,
) -> Response {
    let n_parts = {
        let mut seen = state.lock().unwrap();
        seen.at_once.0 += 1;
        seen.at_once.1 = seen.at_once.1.max(seen.at_once.0);
        seen.parts.push(body.len());
        let stored = seen.stored.entry(blob.clone()).or_default();
        assert_eq!(query["offset"], stored.len());
        stored.extend_from_slice(&body);
        seen.parts.len()
    };
    tokio::time::sleep(PART_TAKES).await;
    {
        let mut seen = state.lock().unwrap();
        seen.at_once.0 -= 1;
        let is_wrong = seen.stored[&blob].len() == SIZE && hex(&seen.stored[&blob]) != blob;
        if is_wrong {
            seen.stored.remove(&blob);
            let problem =
                r#"{"type":"urn:charm-store:E-DIGEST","title":"digest","status":409,"detail":"wrong"}"#;
            return (StatusCode::CONFLICT, problem).into_response();
        }
        if seen.breaks && n_parts == 2 {
            return StatusCode::BAD_GATEWAY.into_response();
        }
    }
    offset(State(state), Path(blob)).await.into_response()
}

async fn commit() -> &'static str {
    r#"{"state":"committed","ids":["~joe/mysql-1.stable.2"],"charm":{"revision":1,"new":true},"streams":{},
        "logical_bytes":0,"received_bytes":0}"#
}

async fn release(State(state): Known) -> &'static str {
    state.lock().unwrap().n_moves += 1;
    r#"{"event":1,"channel":"stable","series":["precise"],"to":"~joe/mysql-1.stable.2","streams":{},"by":"joe",
        "at":"2014-07-04T13:53:57Z","moved":true}"#
}
