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
use charm_model::digest::{Content, Sha256};
use delta::{Bases, ChunkMap, ChunkerId, Limits, assemble};
use futures::{StreamExt as _, stream};
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
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own, and tests mix them")]
#[derive(Default)]
pub(crate) struct Seen {
    /// What is right: the blobs of the publish; the first is the archive too.
    pub(crate) blobs: Vec<Bytes>,
    /// What has arrived of each blob.
    pub(crate) stored: BTreeMap<String, Vec<u8>>,
    /// The ranges that were asked for.
    pub(crate) ranges: Vec<Option<String>>,
    /// Of what a part has to be a multiple for all of it to be kept, unless it is the last; a byte if 0.
    pub(crate) step: usize,
    /// The sizes of the parts that came.
    pub(crate) parts: Vec<usize>,
    /// Whether blobs are to be proved instead of sent.
    pub(crate) asks_for_proof: bool,
    /// Whether the answer to the second part is lost, or that to the whole archive breaks off.
    pub(crate) breaks: bool,
    /// How many parts come at once, now and at most.
    pub(crate) at_once: (usize, usize),
    pub(crate) n_moves: usize,
    /// What the store has from before, and proposes as bases of every blob.
    pub(crate) old: Vec<Bytes>,
    /// The sizes of the recipes that came.
    pub(crate) recipes: Vec<usize>,
    /// Whether recipes are refused.
    pub(crate) refuses_recipes: bool,
    /// What is kept as a patch of the archive, from whatever.
    pub(crate) patch: Option<Vec<u8>>,
    /// The ranges of the patch that were asked for; each answer breaks off behind so many bytes.
    pub(crate) patch_ranges: Vec<Option<String>>,
    pub(crate) patch_breaks_after: Option<usize>,
    /// Whether the archive's map is that of other bytes.
    pub(crate) map_lies: bool,
    /// How many of the next ranges of the archive have a wrong byte.
    pub(crate) n_spoilt: usize,
    /// How many bytes of the archive went out.
    pub(crate) n_served: usize,
}

impl Stub {
    pub(crate) async fn start(n_blobs: u8) -> Self {
        Self::with((0..n_blobs).map(bytes).collect(), Vec::new()).await
    }

    /// Starts a store that wants these blobs, each of the usual size, and has others from before.
    pub(crate) async fn with(blobs: Vec<Bytes>, old: Vec<Bytes>) -> Self {
        let state = Arc::new(Mutex::new(Seen { blobs, old, ..Seen::default() }));
        let router = Router::new()
            .route("/v4/~joe/mysql-1.stable.2/archive", get(archive))
            .route("/v4/~joe/mysql-1.stable.2/chunks/archive", get(archive_map))
            .route("/v4/~joe/mysql-1.stable.2/patches/archive", get(patch))
            .route("/v4/~joe/mysql-1.stable.2/release", post(release))
            .route("/v4/publish/s1/chunks/{blob}", get(base_map))
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
    pub(crate) sources: Vec<Source>,
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

/// Bytes that nothing compresses.
pub(crate) fn noise(seed: u8) -> Vec<u8> {
    let mut bytes = vec![0; SIZE];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    bytes
}

/// The same bytes, a tenth of them other ones.
pub(crate) fn edited(bytes: &[u8]) -> Bytes {
    let mut bytes = bytes.to_vec();
    bytes[SIZE / 2..SIZE / 2 + SIZE / 10].copy_from_slice(&noise(99)[..SIZE / 10]);
    bytes.into()
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
    let mut bytes = bytes[from..=last].to_vec();
    seen.n_served += bytes.len();
    if seen.n_spoilt > 0 {
        seen.n_spoilt -= 1;
        bytes[0] ^= 1;
    }
    (StatusCode::PARTIAL_CONTENT, headers, bytes).into_response()
}

async fn archive_map(State(state): Known) -> Vec<u8> {
    let seen = state.lock().unwrap();
    let map = ChunkMap::of(ChunkerId::FastCdc32K, &seen.blobs[0]).encode();
    if !seen.map_lies {
        return map;
    }
    let mut lie = ChunkMap::of(ChunkerId::FastCdc32K, &seen.old[0]).encode();
    // The blob that a map says it is of: size and both digests, behind magic, version and chunker.
    lie[13..13 + 72].copy_from_slice(&map[13..13 + 72]);
    lie
}

async fn base_map(State(state): Known, Path(blob): Path<String>) -> Vec<u8> {
    let seen = state.lock().unwrap();
    let base = seen.old.iter().find(|it| hex(it) == blob).unwrap();
    ChunkMap::of(ChunkerId::FastCdc32K, base).encode()
}

async fn patch(State(state): Known, headers: HeaderMap) -> Response {
    let mut seen = state.lock().unwrap();
    let range = headers.get("range").map(|it| it.to_str().unwrap().to_owned());
    seen.patch_ranges.push(range.clone());
    let Some(patch) = seen.patch.clone() else {
        let problem = r#"{"type":"urn:charm-store:E-NO-PATCH","title":"none","status":404,"detail":"none"}"#;
        return (StatusCode::NOT_FOUND, problem).into_response();
    };
    let from = range.as_ref().map_or(0, |it| it["bytes=".len()..it.len() - 1].parse().unwrap());
    let rest = Bytes::from(patch).slice(from..);
    let status = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let body = match seen.patch_breaks_after {
        Some(n_bytes) if n_bytes < rest.len() => {
            // What breaks off at once is never written to the line.
            let breaks = async {
                tokio::time::sleep(PART_TAKES).await;
                Err(std::io::Error::other("cable"))
            };
            Body::from_stream(stream::iter([Ok(rest.slice(..n_bytes))]).chain(stream::once(breaks)))
        }
        _ => Body::from(rest),
    };
    (status, body).into_response()
}

async fn plan(State(state): Known) -> String {
    let seen = state.lock().unwrap();
    let action = |blob: &Bytes| {
        let sha256 = Content::of(blob).digests.sha256;
        let offset = seen.stored.get(&hex(blob)).map_or(0, Vec::len);
        if seen.asks_for_proof {
            format!(r#""{sha256}":{{"action":"prove","salt":"blake3:{}"}}"#, "0".repeat(64))
        } else {
            let bases: Vec<Content> = seen.old.iter().map(|it| Content::of(it)).collect();
            let bases = serde_json::to_string(&bases).unwrap();
            format!(r#""{sha256}":{{"action":"send","offset":{offset},"bases":{bases}}}"#)
        }
    };
    let blobs = seen.blobs.iter().map(action).collect::<Vec<_>>().join(",");
    let step = seen.step.max(1);
    format!(
        r#"{{"session":{{"id":"s1","expires":"2030-01-01T00:00:00Z","max_part":100000000,"part_step":{step},
            "account":"alice"}},"streams":{{}},"blobs":{{{blobs}}}}}"#
    )
}

async fn offset(State(state): Known, Path(blob): Path<String>) -> Json<v4_wire::publish::UploadProgress> {
    let seen = state.lock().unwrap();
    let n_bytes = seen.stored.get(&blob).map_or(0, Vec::len);
    let complete = seen.blobs.iter().any(|it| it.len() == n_bytes && hex(it) == blob);
    Json(v4_wire::publish::UploadProgress { offset: n_bytes as u64, complete })
}

async fn part(
    State(state): Known,
    Path(blob): Path<String>,
    Query(query): Query<BTreeMap<String, usize>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let n_parts = {
        let mut seen = state.lock().unwrap();
        let body = if headers["content-type"] == v4_wire::RECIPE {
            if seen.refuses_recipes {
                let problem = r#"{"type":"urn:charm-store:E-RECIPE","title":"no","status":422,"detail":"no recipes here"}"#;
                return (StatusCode::UNPROCESSABLE_ENTITY, problem).into_response();
            }
            seen.recipes.push(body.len());
            made(&seen, &body)
        } else {
            body
        };
        seen.at_once.0 += 1;
        seen.at_once.1 = seen.at_once.1.max(seen.at_once.0);
        seen.parts.push(body.len());
        let step = seen.step.max(1);
        let stored = seen.stored.entry(blob.clone()).or_default();
        assert_eq!(query["offset"], stored.len());
        stored.extend_from_slice(&body);
        if stored.len() < SIZE {
            stored.truncate(stored.len() - stored.len() % step);
        }
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

/// Returns what a recipe makes of what the store has.
fn made(seen: &Seen, recipe: &[u8]) -> Bytes {
    struct Shelf<'a>(&'a Seen);
    impl Bases for Shelf<'_> {
        fn read_at(&mut self, base: &Sha256, offset: u64, buffer: &mut [u8]) -> std::io::Result<()> {
            let hex = base.to_hex();
            let old = self.0.old.iter().find(|it| crate::stub::hex(it) == hex).map(|it| &it[..]);
            let bytes = old.or_else(|| self.0.stored.get(&hex).map(|it| &it[..]));
            let bytes = bytes.ok_or(std::io::ErrorKind::NotFound)?;
            let at = usize::try_from(offset).unwrap();
            buffer.copy_from_slice(&bytes[at..at + buffer.len()]);
            Ok(())
        }
    }
    let mut target = Vec::new();
    assemble(recipe, Limits::for_target(SIZE as u64), &mut Shelf(seen), &mut target).unwrap();
    target.into()
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
