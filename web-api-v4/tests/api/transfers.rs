//! Giving a base to another owner.

use serde_json::{Value, json};
use test_case::test_case;

use crate::charm::Charm;
use crate::test_store::{TestStore, User};

/// A store where alice, who is in `ops`, has a public charm.
async fn store() -> (TestStore, User) {
    let store = TestStore::new().await;
    let alice = store.user_in("alice", &["ops"]).await;
    let charm = Charm::named("mysql").with_stream("stable", &[("common/app", "app 1")]);
    store.publish_openly(&alice, &charm).await;
    (store, alice)
}

async fn transfer(store: &TestStore, by: &User, base: &str, owner: &str) -> String {
    store.post(&format!("/v4/{base}/transfer"), &json!({ "owner": owner })).by(by).await.outcome()
}

#[tokio::test]
async fn what_was_transferred_means_the_same_by_both_names() {
    let (store, alice) = store().await;
    let fetch = |id: &str| store.get(&format!("/v4/{id}/resources/common/app"));
    let before = fetch("~alice/mysql-0.stable.0").await;
    let request = json!({ "owner": "ops" });
    let moved = store.post("/v4/~alice/mysql/transfer", &request).by(&alice).await.json();
    assert_eq!((&moved["from"], &moved["base"]), (&json!("~alice/mysql"), &json!("~ops/mysql")));
    for name in ["~alice/mysql-0.stable.0", "~ops/mysql-0.stable.0"] {
        let after = fetch(name).await;
        assert_eq!((after.status, &after.body), (before.status, &before.body), "{name}");
        let resolved = store.get(&format!("/v4/resolve?id={name}")).await.json();
        assert_eq!(resolved["id"], "~ops/mysql-0.stable.0");
    }
    let event = store.get("/v4/changes?since=0").await.json()["events"].as_array().unwrap().last().cloned();
    let event = event.unwrap();
    assert_eq!(event["body"], json!({ "from": "~alice/mysql", "to": "~ops/mysql" }));
    let again = store.post("/v4/~alice/mysql/transfer", &request).by(&alice).await.json();
    assert_eq!(again["event"], Value::Null);
}

#[tokio::test]
async fn a_publish_by_the_former_name_goes_on() {
    let (store, alice) = store().await;
    transfer(&store, &alice, "~alice/mysql", "ops").await;
    let charm = Charm::named("mysql").with_stream("stable", &[("common/app", "app 2")]);
    let published = store.publish(&alice, &charm).await;
    assert_eq!(published.ids[0].to_string(), "~ops/mysql-0.stable.1");
}

#[tokio::test]
async fn nobody_comes_by_a_former_name_but_the_base_itself() {
    let (store, alice) = store().await;
    let other = store.user_in("bob", &["ops"]).await;
    transfer(&store, &alice, "~alice/mysql", "ops").await;
    store.publish(&other, &Charm::named("mysql")).await;
    assert_eq!(
        transfer(&store, &other, "~bob/mysql", "ops").await,
        "400 ~ops/mysql is or was another charm or bundle"
    );
    transfer(&store, &alice, "~ops/mysql", "alice").await;
    assert_eq!(
        transfer(&store, &other, "~bob/mysql", "ops").await,
        "400 ~ops/mysql is or was another charm or bundle"
    );
    let resolved = store.get("/v4/resolve?id=~ops/mysql").await.json();
    assert_eq!(resolved["id"], "~alice/mysql-0.stable.0");
}

#[test_case("bob", &[], "bob" => "401 access denied for user \"bob\": `publish` on ~alice/mysql is needed"; "who may not change it")]
#[test_case("alice", &[], "bob" => "401 `bob` has to take it: let them publish to ~alice/mysql, and transfer it as `bob` or a member of `@bob`"; "to somebody who does not take it")]
#[test_case("alice", &["~alice/*:publish"], "ops" => "401 `ops` has to take it: let them publish to ~alice/mysql, and transfer it as `ops` or a member of `@ops`"; "with a token that makes none of ops")]
#[test_case("alice", &["~*/mysql:publish@edge"], "ops" => "401 this token is not good for that: it is bound to another channel"; "with a token for a channel")]
#[tokio::test]
async fn refuses_to_transfer(user: &str, scope: &[&str], owner: &str) -> String {
    let (store, _) = store().await;
    store.user("bob").await;
    let by = store.token(user, scope).await;
    transfer(&store, &by, "~alice/mysql", owner).await
}

#[tokio::test]
async fn the_operator_transfers_to_who_exists() {
    let (store, _) = store().await;
    let ask = |owner: &str| {
        let ask = store.post("/v4/~alice/mysql/transfer", &json!({ "owner": owner }));
        ask.with_basic("admin", crate::test_store::ADMIN_PASSWORD)
    };
    assert_eq!(ask("nobody").await.outcome(), "400 there is no user `nobody`: add it first");
    assert_eq!(ask("ops").await.status, 200);
}

#[tokio::test]
async fn search_finds_it_by_its_present_name_alone_and_hides_it_with_it() {
    let (store, alice) = store().await;
    let found = async |user: Option<&User>| {
        let answer = store.get("/v4/search?text=mysql").by_any(user).await.json();
        let ids = answer["Results"].as_array().unwrap().iter().map(|it| it["Id"].to_string());
        ids.collect::<Vec<_>>().join(" ")
    };
    assert!(found(None).await.contains("~alice/"));
    transfer(&store, &alice, "~alice/mysql", "ops").await;
    let moved = found(None).await;
    assert!(moved.contains("~ops/") && !moved.contains("~alice/"), "{moved}");
    store.preset(&alice, "~alice/mysql", "under-test").await;
    assert_eq!(found(None).await, "");
    assert!(found(Some(&alice)).await.contains("~ops/"));
    // A token that is good for the beginning of its name finds it, and one for another does not.
    for (scope, is_found) in
        [("~ops/my*:metadata", true), ("~o*/*:deploy", true), ("~ops/mysql-*:metadata", false)]
    {
        let narrow = store.token("alice", &[scope]).await;
        assert_eq!(!found(Some(&narrow)).await.is_empty(), is_found, "{scope}");
    }
}
