//! Chunk maps: what they say, who sees them, and that none vouches for damaged bytes.

use std::fmt::Write as _;

use blob_store::Derived;
use catalog::blob::Blob;
use charm_model::digest::Content;
use charm_model::name::Channel;
use charm_model::rights::Caller;
use charm_model::shape::Place;
use delta::{ChunkMap, ChunkerId};
use store_core::{Store, StoreError, StoreOptions, What};
use v4_wire::publish::Session;

use crate::charm::Charm;
use crate::test_store::TestStore;

const CHUNKS: &str = "/v4/~alice/mysql-0.stable.0/chunks/resources/common/app";

/// Returns text that is cut into several chunks: another for each word.
pub(crate) fn text(word: &str) -> String {
    let mut text = String::new();
    for n in 0..5000 {
        write!(text, "{}", blake3::hash(format!("{word} {n}").as_bytes())).unwrap();
    }
    text
}

fn charm(app: &str) -> Charm {
    Charm::named("mysql").with_stream("stable", &[("common/app", app)])
}

pub(crate) async fn blob(store: &TestStore, bytes: impl AsRef<[u8]>) -> Blob {
    let mut tx = store.place.database.read().await.unwrap();
    tx.blob(&Content::of(bytes.as_ref())).await.unwrap().unwrap()
}

/// Asks a server that has just been started beside the others.
async fn map_from_another_server(store: &TestStore) -> Result<(), StoreError> {
    let other = Store::new(StoreOptions::new(store.place.database.clone(), store.place.blobs.clone()));
    let what = What::Resource(Place { tree: "common".parse().unwrap(), path: "app".parse().unwrap() });
    let reference = "~alice/mysql-0.stable.0".parse().unwrap();
    let opened = other.open(&Caller::Admin, &reference, Channel::Stable, &what).await?;
    opened.chunk_map().await.map(drop)
}

#[tokio::test]
async fn a_chunk_map_is_served_like_the_bytes_that_it_is_of() {
    let store = TestStore::new().await;
    let (alice, app) = (store.user("alice").await, text("app"));
    store.publish_openly(&alice, &charm(&app)).await;
    let map = ChunkMap::of(ChunkerId::FastCdc32K, app.as_bytes());
    let answer = store.get(CHUNKS).await;
    assert_eq!(ChunkMap::decode(&answer.body).unwrap(), map);
    assert_eq!(answer.header("content-type"), Some(v4_wire::CHUNK_MAP));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
    let etag = answer.header("etag").unwrap().to_owned();
    assert_eq!(store.get(CHUNKS).header("if-none-match", &etag).await.status, 304);
    let head = store.get(CHUNKS).header("range", "bytes=0-7").await;
    assert_eq!((head.status.as_u16(), head.text()), (206, "CHUNKMAP"));
    let archive = store.get("/v4/~alice/mysql/archive").await.body;
    let of_archive = store.get("/v4/~alice/mysql/chunks/archive").await.body;
    assert_eq!(ChunkMap::decode(&of_archive).unwrap().content(), &Content::of(&archive));
    assert_eq!(store.get("/v4/~alice/mysql/chunks/resources/common/nothing").await.status, 404);
}

#[tokio::test]
async fn a_publish_has_its_maps_made_beside_the_objects() {
    let store = TestStore::new().await;
    let (alice, app) = (store.user("alice").await, text("app"));
    store.publish(&alice, &charm(&app)).await;
    store.store.work_wanted().await;
    assert_eq!(store.store.make_chunk_maps().await, 1, "the archive is too small for one");
    let key = blob(&store, &app).await.object_key.parse().unwrap();
    assert!(store.place.blobs.derived(key, Derived::ChunkMap).await.unwrap().is_some());
    assert_eq!(store.store.make_chunk_maps().await, 0);
}

#[tokio::test]
async fn a_map_that_is_damaged_is_made_again() {
    let store = TestStore::new().await;
    let (alice, app) = (store.user("alice").await, text("app"));
    store.publish(&alice, &charm(&app)).await;
    store.store.make_chunk_maps().await;
    let key = blob(&store, &app).await.object_key.parse().unwrap();
    let sound = store.place.blobs.derived(key, Derived::ChunkMap).await.unwrap().unwrap();
    let mut flipped = sound.to_vec();
    flipped[100] ^= 1;
    for damaged in [flipped, Vec::new(), b"CHUNKMAP".to_vec(), sound[..sound.len() / 2].to_vec()] {
        store.place.blobs.put_derived(key, Derived::ChunkMap, damaged.into()).await.unwrap();
        map_from_another_server(&store).await.unwrap();
        assert_eq!(store.place.blobs.derived(key, Derived::ChunkMap).await.unwrap().unwrap(), sound);
    }
}

#[tokio::test]
async fn no_map_vouches_for_a_damaged_blob() {
    let store = TestStore::new().await;
    let (alice, app) = (store.user("alice").await, text("app"));
    store.publish(&alice, &charm(&app)).await;
    store.place.damage(&blob(&store, &app).await.object_key, 200_000);
    let refused = map_from_another_server(&store).await;
    assert!(matches!(refused, Err(StoreError::Damaged { .. })), "{refused:?}");
    assert_eq!(store.get(CHUNKS).by(&alice).await.status, 500);
}

#[tokio::test]
async fn a_session_shows_the_maps_of_what_its_publisher_may_read_and_of_what_it_sent() {
    let store = TestStore::new().await;
    let (alice, old, new) = (store.user("alice").await, text("old"), text("new"));
    store.publish(&alice, &charm(&old)).await;
    let narrow = store.token("alice", &["~alice/mysql:publish"]).await;
    let plan = charm(&new).resources_alone().plan("alice");
    let (session, _) = store.begin(&alice, &plan).await;
    let digest = |bytes: &str| Content::of(bytes.as_bytes()).digests.sha256;
    let chunks = |session: &Session, bytes: &str| {
        store.get(&format!("/v4/publish/{}/chunks/{}", session.id, digest(bytes)))
    };
    let shown = chunks(&session, &old).by(&alice).await;
    assert_eq!(ChunkMap::decode(&shown.body).unwrap(), ChunkMap::of(ChunkerId::FastCdc32K, old.as_bytes()));
    let (hidden, unknown) =
        (chunks(&session, &old).by(&narrow).await, chunks(&session, "x").by(&narrow).await);
    assert_eq!(hidden.status, 404);
    let as_unknown = hidden.to_string().replace(&digest(&old).to_string(), &digest("x").to_string());
    assert_eq!(as_unknown, unknown.to_string());
    assert_eq!(chunks(&session, &new).by(&narrow).await.status, 404, "not sent yet");
    store.send(&session, &digest(&new), 0, new.as_bytes()).by(&narrow).await;
    assert_eq!(chunks(&session, &new).by(&narrow).await.status, 200);
}
