//! The event feed.

use insta::assert_snapshot;
use serde_json::{Value, json};
use test_case::test_case;

use crate::charm::Charm;
use crate::test_store::{TestStore, User};

/// Alice's charm is everybody's, bob's is his own.
async fn store() -> (TestStore, User, User) {
    let store = TestStore::new().await;
    let (alice, bob) = (store.user("alice").await, store.user("bob").await);
    store.publish(&bob, &Charm::named("hidden")).await;
    store.publish_openly(&alice, &Charm::named("mysql")).await;
    store.publish(&bob, &Charm::named("secret")).await;
    store.publish(&alice, &Charm::named("mysql").with_file("README", "1")).await;
    (store, alice, bob)
}

fn told(page: &Value) -> Vec<String> {
    let events = page["events"].as_array().unwrap().iter();
    events.map(|it| format!("{} {}", it["kind"].as_str().unwrap(), it["base"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn an_event_says_what_happened_when_and_to_which_base() {
    let (store, ..) = store().await;
    assert_snapshot!(store.get("/v4/changes?since=1&limit=2").await, @r#"
    200 OK
    content-type: application/json
    {
      "events": [
        {
          "at": "2026-11-21T10:00:00Z",
          "base": "~alice/mysql",
          "body": {
            "charm": {
              "new": true,
              "revision": 0
            },
            "ids": [
              "~alice/mysql-0"
            ],
            "streams": {}
          },
          "kind": "published",
          "seq": 2
        },
        {
          "at": "2026-11-21T10:00:00Z",
          "base": "~alice/mysql",
          "body": {
            "channel": "stable",
            "from": null,
            "reason": null,
            "series": [
              "jammy",
              "noble"
            ],
            "streams": {},
            "to": "~alice/mysql-0"
          },
          "kind": "released",
          "seq": 3
        }
      ],
      "more": true,
      "next": 3
    }
    "#);
}

#[tokio::test]
async fn everybody_is_told_what_is_theirs_to_know() {
    let (store, alice, bob) = store().await;
    let mysql = "~alice/mysql";
    assert_eq!(
        told(&store.get("/v4/changes").await.json()),
        [format!("published {mysql}"), format!("released {mysql}"), format!("published {mysql}")]
    );
    assert_eq!(
        told(&store.get("/v4/changes").by(&alice).await.json()).len(),
        4,
        "rights are told to maintainers"
    );
    assert_eq!(told(&store.get("/v4/changes").by(&bob).await.json()).len(), 5);
}

#[tokio::test]
async fn who_goes_on_from_the_cursor_sees_every_event_once() {
    let (store, alice, _) = store().await;
    let all = store.get("/v4/changes").by(&alice).await.json();
    let (mut seen, mut since) = (Vec::new(), 0);
    loop {
        let page = store.get(&format!("/v4/changes?since={since}&limit=1")).by(&alice).await.json();
        seen.extend(page["events"].as_array().unwrap().clone());
        since = page["next"].as_u64().unwrap();
        if page["more"] == json!(false) {
            break;
        }
    }
    assert_eq!(json!(seen), all["events"]);
    assert_eq!(json!(since), all["next"]);
    store.publish(&alice, &Charm::named("other")).await;
    let page = store.get(&format!("/v4/changes?since={since}")).by(&alice).await.json();
    assert_eq!(told(&page), ["published ~alice/other"]);
}

#[test_case("since=9223372036854775808" => "400 `9223372036854775808` is too large for the catalog"; "beyond every number")]
#[test_case("since=-1" => "400 Failed to deserialize query string: since: invalid digit found in string"; "negative")]
#[test_case("since=99" => "200"; "beyond the end")]
#[test_case("limit=0" => "200"; "nothing at a time")]
#[tokio::test]
async fn a_cursor(query: &str) -> String {
    let (store, ..) = store().await;
    store.get(&format!("/v4/changes?{query}")).await.outcome()
}
