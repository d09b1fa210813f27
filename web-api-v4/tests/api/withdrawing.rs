//! Withdrawing: passed over by every choice, and served when named in full.

use insta::assert_snapshot;
use serde_json::{Value, json};
use test_case::test_case;

use crate::answer::Answer;
use crate::charm::Charm;
use crate::test_store::{TestStore, User};

/// Charm revisions 0 and 1 with resources 0 and 1; 1 is current.
async fn store() -> (TestStore, User) {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let charm = Charm::named("mysql").with_stream("stable", &[("common/app", "app 1")]);
    store.publish(&alice, &charm).await;
    let newer = charm.with_file("README", "1").having("stable", &[("common/app", "app 2")]);
    store.publish_openly(&alice, &newer).await;
    (store, alice)
}

async fn withdraw(store: &TestStore, user: &User, id: &str, request: Value) -> Answer {
    store.put(&format!("/v4/{id}/withdrawn"), &request).by(user).await
}

async fn resolved(store: &TestStore, id: &str) -> String {
    let answer = store.get(&format!("/v4/resolve?id={id}")).await;
    answer.json()["id"].as_str().map_or_else(|| answer.outcome(), str::to_owned)
}

#[tokio::test]
async fn what_is_withdrawn_is_passed_over_and_served_when_named() {
    let (store, alice) = store().await;
    let request = json!({ "reason": "loses data", "move_to": "~alice/mysql-0.stable.0" });
    assert_snapshot!(withdraw(&store, &alice, "~alice/mysql-1", request).await, @r#"
    200 OK
    content-type: application/json
    {
      "event": 6,
      "id": "~alice/mysql-1",
      "moves": [
        {
          "at": "2026-11-21T10:00:00Z",
          "by": "alice",
          "channel": "stable",
          "event": 5,
          "from": "~alice/mysql-1.stable.1",
          "moved": true,
          "reason": "loses data",
          "series": [
            "jammy",
            "noble"
          ],
          "streams": {
            "stable": {
              "from": 1,
              "to": 0
            }
          },
          "to": "~alice/mysql-0.stable.0"
        }
      ],
      "withdrawn": true
    }
    "#);
    assert_eq!(resolved(&store, "~alice/mysql").await, "~alice/mysql-0.stable.0");
    assert_eq!(resolved(&store, "~alice/mysql@latest").await, "~alice/mysql-0.stable.1");
    let named = store.get("/v4/resolve?id=~alice/mysql-1.stable.1").await.json();
    assert_eq!(named["withdrawn"], "loses data");
    assert_eq!(store.get("/v4/~alice/mysql-1/archive").await.status, 200);
}

#[tokio::test]
async fn what_is_current_is_not_withdrawn_without_something_in_its_place() {
    let (store, alice) = store().await;
    assert_snapshot!(withdraw(&store, &alice, "~alice/mysql-1", json!({ "reason": "x" })).await, @r#"
    409 Conflict
    content-type: application/json
    {"Code":"conflict","Message":"~alice/mysql-1 is current in stable (jammy), stable (noble)"}
    "#);
    assert_eq!(
        withdraw(&store, &alice, "~alice/mysql-1.stable.1", json!({ "reason": "x" })).await.status,
        409
    );
    assert_eq!(resolved(&store, "~alice/mysql@latest").await, "~alice/mysql-1.stable.1");
}

#[tokio::test]
async fn resources_are_withdrawn_by_their_own_number() {
    let (store, alice) = store().await;
    withdraw(&store, &alice, "~alice/mysql-0.stable.0", json!({ "reason": "broken" })).await.read::<Value>();
    assert_eq!(resolved(&store, "~alice/mysql-0").await, "~alice/mysql-0.stable.1");
    assert_eq!(resolved(&store, "~alice/mysql-0.stable.0").await, "~alice/mysql-0.stable.0");
    let status = store.get("/v4/~alice/mysql/status").await.json();
    assert_eq!(status["withdrawn"], json!(["~alice/mysql-1.stable.0"]));
}

#[tokio::test]
async fn a_withdrawal_can_be_taken_back() {
    let (store, alice) = store().await;
    withdraw(&store, &alice, "~alice/mysql-0", json!({ "reason": "x" })).await.read::<Value>();
    let refused =
        store.post("/v4/~alice/mysql-0/release", &json!({ "streams": { "stable": 0 } })).by(&alice).await;
    assert_eq!(
        refused.outcome(),
        "409 ~alice/mysql-0 is withdrawn: take the withdrawal back before releasing it"
    );
    let restored = store.delete("/v4/~alice/mysql-0/withdrawn").by(&alice).await;
    assert_eq!(restored.json()["withdrawn"], json!(false));
    let released =
        store.post("/v4/~alice/mysql-0/release", &json!({ "streams": { "stable": 0 } })).by(&alice).await;
    assert_eq!(released.status, 200);
}

#[tokio::test]
async fn what_is_withdrawn_already_makes_no_event() {
    let (store, alice) = store().await;
    withdraw(&store, &alice, "~alice/mysql-0", json!({ "reason": "x" })).await.read::<Value>();
    let again = withdraw(&store, &alice, "~alice/mysql-0", json!({ "reason": "y" })).await;
    assert_eq!(again.json(), json!({ "id": "~alice/mysql-0", "withdrawn": true }));
    store.delete("/v4/~alice/mysql-0/withdrawn").by(&alice).await.read::<Value>();
    let again = store.delete("/v4/~alice/mysql-0/withdrawn").by(&alice).await;
    assert_eq!(again.json(), json!({ "id": "~alice/mysql-0", "withdrawn": false }));
}

#[test_case("~alice/mysql-1", "~bob/mysql-0" => "400 `move_to` names `~bob/mysql-0`, which is no revision of ~alice/mysql"; "another owners charm")]
#[test_case("~alice/mysql-1", "~alice/other-0" => "400 `move_to` names `~alice/other-0`, which is no revision of ~alice/mysql"; "another charm")]
#[test_case("~alice/mysql-1", "~alice/mysql-9" => "404 ~alice/mysql has no revision 9: the newest is 1"; "nothing")]
#[test_case("~alice/mysql-1", "~alice/mysql-1" => "409 ~alice/mysql-1 is current in stable (jammy), stable (noble)"; "itself")]
#[test_case("~alice/mysql", "~alice/mysql-0" => "400 `~alice/mysql` does not say which revision: name the charm's (`NAME-REVISION`) or the resources' (`NAME-REVISION.STREAM.REVISION`)"; "in place of no revision")]
#[tokio::test]
async fn what_cannot_take_the_place(id: &str, instead: &str) -> String {
    let (store, alice) = store().await;
    let refused = withdraw(&store, &alice, id, json!({ "reason": "x", "move_to": instead })).await.outcome();
    assert_eq!(resolved(&store, "~alice/mysql").await, "~alice/mysql-1.stable.1");
    refused
}
