//! What a caller may not know of does not exist, whatever is asked about it.

use serde_json::json;
use test_case::test_case;

use crate::charm::Charm;
use crate::test_store::{Ask, TestStore};

const OTHER: &str = "~alice/mysql-0.stable.0";

/// Everything that can be asked of a base, and of a revision.
fn questions<'a>(store: &'a TestStore, id: &str) -> Vec<Ask<'a>> {
    let path = |endpoint: &str| format!("/v4/{id}/{endpoint}");
    vec![
        store.get(&format!("/v4/resolve?id={id}")),
        store.get(&format!("/v4/resolve?id={id}&channel=edge&arch=amd64")),
        store.get(&path("archive")),
        store.head(&path("archive")),
        store.get(&path("archive")).header("range", "bytes=0-3"),
        store.get(&path("archive")).header("range", "bytes=99999999-"),
        store.get(&path("archive")).header("if-none-match", "*"),
        store.get(&path("archive/metadata.yaml")),
        store.get(&path("archive/hooks")),
        store.get(&path("archive/nothing")),
        store.get(&path("chunks/archive")),
        store.head(&path("chunks/archive")),
        store.get(&path("chunks/archive")).header("range", "bytes=99999999-"),
        store.get(&path("chunks/archive")).header("if-none-match", "*"),
        store.get(&path("chunks/resources/common/app")),
        store.get(&path("patches/archive")),
        store.get(&path(&format!("patches/archive?from={}", "0".repeat(64)))),
        store.get(&path(&format!("patches/resources/common/app?from={}", "0".repeat(64)))),
        store.get(&path("chunks/resources/common/nothing")),
        store.get(&path("resources")),
        store.get(&path("resources/common/app")),
        store.get(&path("resources/common/nothing")),
        store.get(&path("resources/nowhere/app")),
        store.get(&path("status")),
        store.get(&path("history")),
        store.get(&path("history?channel=stable&before=5&limit=1")),
        store.get(&path("rights")),
        store.put(&path("rights"), &json!({ "preset": "public" })),
        store.put(&path("rights"), &json!({ "preset": "nonsense" })),
        store.post(&path("rights/grant"), &json!({ "who": "eve", "rights": ["deploy"] })),
        store.post(&path("rights/revoke"), &json!({ "who": "alice", "rights": ["publish"] })),
        store.post(&path("transfer"), &json!({ "owner": "eve" })),
        store.get(&path("trust")),
        store.post(&path("trust"), &json!({ "issuer": "i", "repository": "r", "workflow": "w" })),
        store.delete(&path("trust/0123")),
        store.get("/v4/audit?object=~alice/mysql"),
        store.post(&path("release"), &json!({})),
        store.post(&path("release"), &json!({ "streams": { "stable": 0 }, "if_current": "none" })),
        store.put(&path("withdrawn"), &json!({ "reason": "x" })),
        store.put(&path("withdrawn"), &json!({ "reason": "x", "move_to": OTHER })),
        store.delete(&path("withdrawn")),
        store.post("/v4/publish", &Charm::named("mysql").plan("alice")),
        store.get("/v4/changes"),
        store.get("/v4/search?text=mysql&facets=1&snippets=1"),
        store.get("/v5/search?owner=alice"),
        store.get("/v4/search/complete?text=my"),
    ]
}

#[test_case("~alice/mysql", true; "a base, to a stranger")]
#[test_case("~alice/mysql", false; "a base, to nobody")]
#[test_case("~alice/mysql-0", true; "a revision")]
#[test_case("~alice/mysql-7", true; "a revision that is not there")]
#[test_case("~alice/mysql-0.stable.0", true; "a revision with resources")]
#[test_case("~alice/mysql.nightly", true; "a stream that is not there")]
#[test_case("~alice/jammy/mysql@latest", false; "the latest of a series")]
#[tokio::test]
async fn a_private_base_is_answered_like_a_name_that_nobody_has(id: &str, is_known: bool) {
    let store = TestStore::new().await;
    let (alice, eve) = (store.user("alice").await, store.user("eve").await);
    let asker = is_known.then_some(&eve);
    let mut before = Vec::new();
    for ask in questions(&store, id) {
        before.push(ask.by_any(asker).await);
    }
    let charm = Charm::named("mysql").with_stream("stable", &[("common/app", "app 1")]);
    let published = store.publish(&alice, &charm).await;
    store.release(&alice, &published).await.read::<serde_json::Value>();
    for (ask, before) in questions(&store, id).into_iter().zip(before) {
        let after = ask.by_any(asker).await;
        let is_feed = before.headers.contains_key("content-type") && before.text().starts_with("{\"events\"");
        if is_feed {
            assert_eq!(
                (before.json()["events"].clone(), json!([])),
                (after.json()["events"].clone(), json!([]))
            );
            continue;
        }
        assert_eq!(before.clone().without_request_id(), after.without_request_id(), "{before}");
    }
}

#[tokio::test]
async fn a_problem_about_a_private_base_is_that_of_an_unknown_name() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let ask = || store.get("/v4/~alice/mysql/status").header("accept", "application/problem+json");
    let before = ask().await.json();
    store.publish(&alice, &Charm::named("mysql")).await;
    let mut after = ask().await.json();
    after["instance"] = before["instance"].clone();
    assert_eq!(before, after);
}

#[tokio::test]
async fn rights_hold_from_the_next_request_on() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    store.publish_openly(&alice, &Charm::named("mysql")).await;
    assert_eq!(store.get("/v4/~alice/mysql/archive").await.status, 200);
    store.preset(&alice, "~alice/mysql", "under-test").await;
    assert_eq!(store.get("/v4/~alice/mysql/archive").await.status, 404);
}
