//! Moving pointers, where they stand, and where they stood.

use insta::assert_snapshot;
use serde_json::{Value, json};
use test_case::test_case;

use crate::charm::Charm;
use crate::test_store::{TestStore, User};

fn mysql() -> Charm {
    Charm::named("mysql").with_stream("stable", &[("common/app", "app 1")])
}

/// Three charm revisions: 0 and 1 declare `app`, 2 declares `server`. Resources: 0 and 1 are `app`, 2 is `server`.
async fn store() -> (TestStore, User) {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    store.publish(&alice, &mysql()).await;
    store
        .publish(&alice, &mysql().with_file("README", "1").having("stable", &[("common/app", "app 2")]))
        .await;
    store
        .publish(&alice, &Charm::named("mysql").with_stream("stable", &[("common/server", "server 1")]))
        .await;
    (store, alice)
}

async fn release(store: &TestStore, user: &User, id: &str, request: Value) -> crate::answer::Answer {
    store.post(&format!("/v4/{id}/release"), &request).by(user).await
}

async fn current(store: &TestStore, user: &User) -> String {
    let status = store.get("/v4/~alice/mysql/status").by(user).await.json();
    let ids = status["heads"].as_array().unwrap().iter().map(|head| head["id"].as_str().unwrap());
    let mut ids: Vec<_> = ids.collect();
    ids.dedup();
    ids.join(" ")
}

#[tokio::test]
async fn a_series_that_is_named_twice_is_released_once() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let metadata = "name: mysql\nsummary: s\ndescription: d\nseries: [jammy, noble, jammy]\n";
    let published = store.publish(&alice, &Charm::named("mysql").with_file("metadata.yaml", metadata)).await;
    let answer = store.release(&alice, &published).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer}");
}

#[tokio::test]
async fn publishing_moves_no_pointer() {
    let (store, alice) = store().await;
    assert_eq!(current(&store, &alice).await, "");
    release(&store, &alice, "~alice/mysql-0.stable.0", json!({})).await.read::<Value>();
    store.publish(&alice, &mysql().with_file("README", "9")).await;
    assert_eq!(current(&store, &alice).await, "~alice/mysql-0.stable.0");
}

#[tokio::test]
async fn a_release_says_from_where_to_where() {
    let (store, alice) = store().await;
    release(&store, &alice, "~alice/mysql-0.stable.0", json!({})).await.read::<Value>();
    assert_snapshot!(release(&store, &alice, "~alice/mysql-1.stable.1", json!({ "reason": "tested" })).await, @r#"
    200 OK
    content-type: application/json
    {
      "at": "2026-11-21T10:00:00Z",
      "by": "alice",
      "channel": "stable",
      "event": 5,
      "from": "~alice/mysql-0.stable.0",
      "moved": true,
      "reason": "tested",
      "series": [
        "jammy",
        "noble"
      ],
      "streams": {
        "stable": {
          "from": 0,
          "to": 1
        }
      },
      "to": "~alice/mysql-1.stable.1"
    }
    "#);
}

#[tokio::test]
async fn moving_back_is_a_release_too() {
    let (store, alice) = store().await;
    for id in ["~alice/mysql-0.stable.0", "~alice/mysql-1.stable.1", "~alice/mysql-0.stable.0"] {
        assert_eq!(release(&store, &alice, id, json!({})).await.json()["moved"], json!(true));
    }
    assert_eq!(current(&store, &alice).await, "~alice/mysql-0.stable.0");
}

#[tokio::test]
async fn releasing_what_is_current_makes_no_event() {
    let (store, alice) = store().await;
    release(&store, &alice, "~alice/mysql-0.stable.0", json!({})).await.read::<Value>();
    let before = store.get("/v4/changes").by(&alice).await.json();
    let again = release(&store, &alice, "~alice/mysql-0.stable.0", json!({})).await.json();
    assert_eq!(again["moved"], json!(false));
    assert_eq!(store.get("/v4/changes").by(&alice).await.json(), before);
}

#[tokio::test]
async fn resources_that_do_not_fit_are_named_with_some_that_do() {
    let (store, alice) = store().await;
    let refused = store.post("/v4/~alice/mysql-2/release", &json!({ "streams": { "stable": 1 } }));
    assert_snapshot!(refused.by(&alice).header("accept", "application/problem+json").await.without_instance(), @r#"
    409 Conflict
    content-type: application/problem+json
    {
      "detail": "revision 1 of stream `stable` does not fit ~alice/mysql-2: missing: `common/server`; not declared: `common/app`",
      "hint": "`--stream stable=2` fits",
      "instance": null,
      "status": 409,
      "title": "Conflict",
      "type": "urn:charm-store:E-RELEASE-STREAM"
    }
    "#);
    assert_eq!(current(&store, &alice).await, "");
}

#[test_case("~alice/mysql-1.stable.2" => "404 revision 2 of stream `stable` does not fit ~alice/mysql-1: missing: `common/app`; not declared: `common/server`"; "a reference whose halves do not fit")]
#[test_case("~alice/mysql-9" => "404 ~alice/mysql has no revision 9: the newest is 2"; "no such charm")]
#[test_case("~alice/mysql-0.stable.9" => "404 stream `stable` of ~alice/mysql has no revision 9: the newest is 2"; "no such resources")]
#[test_case("~alice/mysql-0.nightly" => "404 ~alice/mysql-0 has no stream `nightly`: it declares `stable`"; "no such stream")]
#[test_case("~alice/mysql" => "400 `~alice/mysql` names no revision to release: write `~alice/mysql-REVISION`, or `~alice/mysql@latest`"; "no revision")]
#[tokio::test]
async fn what_cannot_be_released(id: &str) -> String {
    let (store, alice) = store().await;
    release(&store, &alice, id, json!({})).await.outcome()
}

#[tokio::test]
async fn the_default_stream_needs_resources() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    store.publish(&alice, &Charm::named("mysql").declaring("stable", &["common/app"])).await;
    let refused = release(&store, &alice, "~alice/mysql-0", json!({})).await;
    assert_snapshot!(refused, @r#"
    409 Conflict
    content-type: application/json
    {
      "Code": "conflict",
      "Message": "~alice/mysql-0 declares `stable` as its default stream, and no revision of it is published or named"
    }
    "#);
}

#[tokio::test]
async fn a_stream_can_be_dropped_and_the_default_one_cannot() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    store.publish(&alice, &mysql().with_stream("devel", &[("common/app", "devel 1")])).await;
    let moved = release(&store, &alice, "~alice/mysql-0", json!({})).await.json();
    assert_eq!(moved["streams"], json!({ "stable": { "to": 0 }, "devel": { "to": 0 } }));
    let dropped = release(&store, &alice, "~alice/mysql-0", json!({ "drop": ["devel"] })).await.json();
    assert_eq!(dropped["streams"], json!({ "stable": { "from": 0, "to": 0 }, "devel": { "from": 0 } }));
    assert_eq!(release(&store, &alice, "~alice/mysql-0", json!({ "drop": ["stable"] })).await.status, 409);
}

#[test_case(json!("none"), "412 expected none to be current, and ~alice/mysql-0.stable.0 is"; "nothing, and there is something")]
#[test_case(json!("~alice/mysql-1"), "412 expected ~alice/mysql-1 to be current, and ~alice/mysql-0.stable.0 is"; "another charm")]
#[test_case(json!("~alice/mysql-0.stable.1"), "412 expected ~alice/mysql-0.stable.1 to be current, and ~alice/mysql-0.stable.0 is"; "other resources")]
#[test_case(json!("~bob/mysql-0"), "412 expected ~bob/mysql-0 to be current, and ~alice/mysql-0.stable.0 is"; "another base")]
#[test_case(json!("~alice/mysql-0"), "200"; "the charm")]
#[test_case(json!("cs:~alice/mysql-0.stable.0"), "200"; "charm and resources")]
#[tokio::test]
async fn a_release_can_depend_on_what_is_current(expected: Value, outcome: &str) {
    let (store, alice) = store().await;
    release(&store, &alice, "~alice/mysql-0.stable.0", json!({})).await.read::<Value>();
    let answer = release(&store, &alice, "~alice/mysql-1.stable.1", json!({ "if_current": expected })).await;
    assert_eq!(answer.outcome(), outcome);
    let is_moved = current(&store, &alice).await == "~alice/mysql-1.stable.1";
    assert_eq!(is_moved, outcome == "200");
}

#[tokio::test]
async fn nothing_is_current_of_what_was_never_released() {
    let (store, alice) = store().await;
    let answer = release(&store, &alice, "~alice/mysql-0.stable.0", json!({ "if_current": "none" })).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn channels_are_pointers_of_their_own() {
    let (store, alice) = store().await;
    release(&store, &alice, "~alice/mysql-0.stable.0", json!({})).await.read::<Value>();
    release(&store, &alice, "~alice/mysql-1.stable.1", json!({ "channel": "edge" })).await.read::<Value>();
    let by_query =
        store.post("/v4/~alice/mysql-2.stable.2/release?channel=beta", &json!({})).by(&alice).await;
    assert_eq!(by_query.json()["channel"], "beta");
    for (channel, id) in [("stable", "0.stable.0"), ("edge", "1.stable.1"), ("beta", "2.stable.2")] {
        let resolved = store.get(&format!("/v4/resolve?id=~alice/mysql&channel={channel}")).by(&alice).await;
        assert_eq!(resolved.json()["id"], json!(format!("~alice/mysql-{id}")));
    }
}

#[tokio::test]
async fn the_status_shows_every_pointer() {
    let (store, alice) = store().await;
    release(&store, &alice, "~alice/mysql-0.stable.0", json!({})).await.read::<Value>();
    assert_snapshot!(store.get("/v4/~alice/mysql/status").by(&alice).await, @r#"
    200 OK
    content-type: application/json
    {
      "base": "~alice/mysql",
      "event": 4,
      "heads": [
        {
          "channel": "stable",
          "id": "~alice/mysql-0.stable.0",
          "series": "jammy",
          "streams": {
            "stable": 0
          }
        },
        {
          "channel": "stable",
          "id": "~alice/mysql-0.stable.0",
          "series": "noble",
          "streams": {
            "stable": 0
          }
        }
      ],
      "newest": {
        "-": 2
      },
      "streams": {
        "stable": 2
      },
      "withdrawn": []
    }
    "#);
}

#[tokio::test]
async fn the_history_is_read_page_by_page() {
    let (store, alice) = store().await;
    for id in ["0.stable.0", "1.stable.1", "2.stable.2"] {
        release(&store, &alice, &format!("~alice/mysql-{id}"), json!({})).await.read::<Value>();
    }
    let mut seen = Vec::new();
    let mut next = "/v4/~alice/mysql/history?limit=1".to_owned();
    loop {
        let page = store.get(&next).by(&alice).await.json();
        seen.extend(page["moves"].as_array().unwrap().iter().map(|it| it["to"].as_str().unwrap().to_owned()));
        let Some(before) = page["before"].as_u64() else { break };
        next = format!("/v4/~alice/mysql/history?limit=1&before={before}");
    }
    assert_eq!(seen, ["~alice/mysql-2.stable.2", "~alice/mysql-1.stable.1", "~alice/mysql-0.stable.0"]);
}

#[tokio::test]
async fn the_history_says_who_when_and_why() {
    let (store, alice) = store().await;
    release(&store, &alice, "~alice/mysql-0.stable.0", json!({ "reason": "first" })).await.read::<Value>();
    assert_snapshot!(store.get("/v4/~alice/mysql/history").by(&alice).await, @r#"
    200 OK
    content-type: application/json
    {
      "moves": [
        {
          "at": "2026-11-21T10:00:00Z",
          "by": "alice",
          "channel": "stable",
          "event": 4,
          "moved": true,
          "reason": "first",
          "series": [
            "jammy",
            "noble"
          ],
          "streams": {
            "stable": {
              "to": 0
            }
          },
          "to": "~alice/mysql-0.stable.0"
        }
      ]
    }
    "#);
    let none = store.get("/v4/~alice/mysql/history?channel=edge").by(&alice).await;
    assert_eq!(none.json(), json!({ "moves": [] }));
}
