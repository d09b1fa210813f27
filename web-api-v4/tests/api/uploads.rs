//! Sending the bytes of a publish.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use charm_model::digest::{Content, Sha256};
use futures::{StreamExt as _, stream};
use insta::assert_snapshot;
use serde_json::json;
use v4_wire::publish::{CommitRequest, Session};

use crate::charm::Charm;
use crate::test_store::{TestStore, User};

const BYTES: &str = "the bytes of a resource";

/// A session that waits for one blob.
async fn waiting(store: &TestStore) -> (User, Session, Sha256) {
    let alice = store.user("alice").await;
    store.publish(&alice, &Charm::named("mysql").declaring("stable", &["common/app"])).await;
    let (session, _) = store.begin(&alice, &resources().plan("alice")).await;
    (alice, session, Content::of(BYTES.as_bytes()).digests.sha256)
}

fn resources() -> Charm {
    Charm::named("mysql").having("stable", &[("common/app", BYTES)]).resources_alone()
}

#[tokio::test]
async fn a_blob_may_come_in_parts() {
    let store = TestStore::new().await;
    let (alice, session, blob) = waiting(&store).await;
    let (first, rest) = BYTES.as_bytes().split_at(9);
    let progress = format!("/v4/publish/{}/blobs/{}", session.id, blob.to_hex());
    assert_snapshot!(store.get(&progress).by(&alice).await, @r#"
    200 OK
    content-type: application/json
    upload-offset: 0
    {"complete":false,"offset":0}
    "#);
    assert_snapshot!(store.send(&session, &blob, 0, first).by(&alice).await, @r#"
    200 OK
    content-type: application/json
    upload-offset: 9
    {"complete":false,"offset":9}
    "#);
    assert_snapshot!(store.get(&progress).by(&alice).await, @r#"
    200 OK
    content-type: application/json
    upload-offset: 9
    {"complete":false,"offset":9}
    "#);
    assert_snapshot!(store.send(&session, &blob, 9, rest).by(&alice).await, @r#"
    200 OK
    content-type: application/json
    upload-offset: 23
    {"complete":true,"offset":23}
    "#);
    assert_snapshot!(store.send(&session, &blob, 0, first).by(&alice).await, @r#"
    200 OK
    content-type: application/json
    upload-offset: 23
    {"complete":true,"offset":23}
    "#);
}

#[tokio::test]
async fn a_part_begins_where_the_stores_bytes_end() {
    let store = TestStore::new().await;
    let (alice, session, blob) = waiting(&store).await;
    let refused = store.send(&session, &blob, 5, b"x").by(&alice).await;
    assert_snapshot!(refused, @r#"
    409 Conflict
    content-type: application/json
    {"Code":"conflict","Message":"the part begins at 5, the store has 0 bytes"}
    "#);
}

#[tokio::test]
async fn other_bytes_than_announced_are_dropped_altogether() {
    let store = TestStore::new().await;
    let (alice, session, blob) = waiting(&store).await;
    let other = "x".repeat(BYTES.len());
    let refused = store.send(&session, &blob, 0, other.as_bytes()).by(&alice).await;
    assert_eq!(refused.status, 400);
    let progress = store.get(&format!("/v4/publish/{}/blobs/{blob}", session.id)).by(&alice).await;
    assert_eq!(progress.json(), json!({ "offset": 0, "complete": false }));
    let sent = store.send(&session, &blob, 0, BYTES.as_bytes()).by(&alice).await;
    assert_eq!(sent.json(), json!({ "offset": BYTES.len(), "complete": true }));
}

#[tokio::test]
async fn more_bytes_than_announced_are_refused() {
    let store = TestStore::new().await;
    let (alice, session, blob) = waiting(&store).await;
    let refused = store.send(&session, &blob, 0, format!("{BYTES} and more").as_bytes()).by(&alice).await;
    assert_snapshot!(refused, @r#"
    400 Bad Request
    content-type: application/json
    {"Code":"bad request","Message":"more than the announced `23` bytes came"}
    "#);
}

#[tokio::test]
async fn a_part_has_a_length_and_a_limit() {
    let store = TestStore::with(|options| options.limits.part_bytes = 10).await;
    let alice = store.user("alice").await;
    let (session, _) = store.begin(&alice, &resources().plan("alice")).await;
    assert_eq!(session.max_part, 10);
    let blob = Content::of(BYTES.as_bytes()).digests.sha256;
    assert_snapshot!(store.send(&session, &blob, 0, BYTES.as_bytes()).by(&alice).await, @r#"
    413 Payload Too Large
    content-type: application/json
    {"Code":"bad request","Message":"the part has 23 bytes; the store takes at most 10 in one request"}
    "#);
    let path = format!("/v4/publish/{}/blobs/{blob}", session.id);
    assert_snapshot!(store.ask(http::Method::PUT, &path).by(&alice).body(Body::from("x")).await, @r#"
    400 Bad Request
    content-type: application/json
    {"Code":"bad request","Message":"Content-Length not specified"}
    "#);
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_what_was_flushed_of_it() {
    let store = TestStore::new().await;
    let (alice, session, blob) = waiting(&store).await;
    let broken = stream::iter([Ok(Bytes::from_static(b"the bytes")), Err(std::io::Error::other("cable"))]);
    let part =
        store.send(&session, &blob, 0, BYTES.as_bytes()).by(&alice).body(Body::from_stream(broken)).await;
    assert_eq!(part.status, 400);
    let progress = store.get(&format!("/v4/publish/{}/blobs/{blob}", session.id)).by(&alice).await;
    assert_eq!(progress.json(), json!({ "offset": 9, "complete": false }));
}

#[tokio::test]
async fn nobody_can_tell_a_foreign_session_from_one_that_never_was() {
    let store = TestStore::new().await;
    let (alice, session, blob) = waiting(&store).await;
    let eve = store.user("eve").await;
    let never = Session { id: "0".repeat(32), ..session.clone() };
    let requests = |session: &Session, user: &User| {
        let path = format!("/v4/publish/{}", session.id);
        [
            store.send(session, &blob, 0, b"x").by(user),
            store.get(&format!("{path}/blobs/{blob}")).by(user),
            store.commit(session, &CommitRequest::default()).by(user),
            store.delete(&path).by(user),
        ]
    };
    let foreign = requests(&session, &eve);
    let unknown = requests(&never, &eve);
    for (foreign, unknown) in foreign.into_iter().zip(unknown) {
        let (foreign, unknown) = (foreign.await, unknown.await);
        assert_eq!(foreign.status, 404);
        assert_eq!(foreign.to_string().replace(&session.id, &never.id), unknown.to_string());
    }
    store.clock.pass(store.store.limits().session_ttl);
    for expired in requests(&session, &alice) {
        let expired = expired.await;
        assert_eq!(
            expired.outcome(),
            format!("404 there is no open publish session `{}` of yours", session.id)
        );
    }
}

#[tokio::test]
async fn a_blob_that_is_not_planned_is_not_taken() {
    let store = TestStore::new().await;
    let (alice, session, _) = waiting(&store).await;
    let other = Content::of(b"x").digests.sha256;
    let refused = store.send(&session, &other, 0, b"x").by(&alice).await;
    assert_eq!(refused.outcome(), format!("404 {other} is not part of this publish: plan again with it"));
}

#[tokio::test]
async fn an_empty_file_is_sent_as_any_other() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let published =
        store.publish(&alice, &Charm::named("mysql").with_stream("stable", &[("common/empty", "")])).await;
    store.release(&alice, &published).await.read::<serde_json::Value>();
    let answer = store.get("/v4/~alice/mysql/resources/common/empty").by(&alice).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
}

/// A body of so many pieces that counts those that were taken.
fn counted(n_pieces: usize) -> (Body, Arc<AtomicUsize>) {
    let n_taken = Arc::new(AtomicUsize::new(0));
    let counter = n_taken.clone();
    let pieces = stream::iter(0..n_pieces).map(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        Ok::<_, std::io::Error>(Bytes::from_static(b"x"))
    });
    (Body::from_stream(pieces), n_taken)
}

#[tokio::test]
async fn a_refused_body_is_read_to_its_end() {
    let store = TestStore::new().await;
    let (alice, session, blob) = waiting(&store).await;
    let refusals = [
        store.send(&session, &blob, 7, BYTES.as_bytes()).by(&alice),
        store.send(&session, &blob, 0, BYTES.as_bytes()),
        store.post("/v4/~alice/nothing/release", &json!({})),
        store.ask(http::Method::PUT, "/v4/nowhere"),
    ];
    for refusal in refusals {
        let (body, n_taken) = counted(20);
        assert!(refusal.body(body).await.status.is_client_error());
        assert_eq!(n_taken.load(Ordering::Relaxed), 20);
    }
}

#[tokio::test]
async fn a_body_that_waits_to_be_asked_for_is_not_asked_for_in_vain() {
    let store = TestStore::new().await;
    let (_, session, blob) = waiting(&store).await;
    let (body, n_taken) = counted(20);
    let refused =
        store.send(&session, &blob, 0, BYTES.as_bytes()).header("expect", "100-continue").body(body).await;
    assert_eq!(refused.status, 401);
    assert_eq!(n_taken.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_refused_body_that_never_ends_is_not_waited_for() {
    let store = TestStore::new().await;
    tokio::time::pause();
    let endless = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let refused = store.ask(http::Method::PUT, "/v4/nowhere").body(endless);
    assert_eq!(tokio::time::timeout(Duration::from_mins(1), refused).await.unwrap().status, 404);
}
