//! Damage on a disk: what it touches is refused before the answer has begun, and the rest is served.

use serde_json::json;

use crate::charm::Charm;
use crate::chunks::{blob, text};
use crate::test_store::TestStore;

const RESOURCE: &str = "/v4/~alice/mysql/resources/common/app";
const FILE: &str = "/v4/~alice/mysql/archive/words.txt";

async fn store(charm: &Charm) -> TestStore {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    store.publish_openly(&alice, charm).await;
    store.store.make_chunk_maps().await;
    store
}

async fn is_refused(store: &TestStore, path: &str, range: &str) -> bool {
    let refused = store.get(path).header("range", range).header("accept", "application/problem+json").await;
    let kind = refused.json()["type"].clone();
    (refused.status.as_u16(), kind) == (500, json!("urn:charm-store:E-DAMAGED"))
}

#[tokio::test]
async fn a_range_is_refused_where_its_chunks_are_damaged_and_served_elsewhere() {
    let app = text("app");
    let store = store(&Charm::named("mysql").with_stream("stable", &[("common/app", &app)])).await;
    store.place.damage(&blob(&store, &app).await.object_key, 200_000);
    assert!(is_refused(&store, RESOURCE, "bytes=200000-200009").await);
    // The damaged byte is not asked for, but a chunk is verified as a whole.
    assert!(is_refused(&store, RESOURCE, "bytes=200001-200010").await);
    let head = store.get(RESOURCE).header("range", "bytes=0-9").await;
    assert_eq!((head.status.as_u16(), head.text()), (206, &app[..10]));
}

#[tokio::test]
async fn a_file_in_an_archive_that_is_damaged_is_refused_before_the_answer_has_begun() {
    let charm = Charm::named("mysql").with_file("words.txt", &text("words"));
    let store = store(&charm).await;
    let archive = charm.archive();
    store.place.damage(&blob(&store, &archive).await.object_key, archive.len() / 2);
    assert!(is_refused(&store, FILE, "bytes=0-").await);
}
