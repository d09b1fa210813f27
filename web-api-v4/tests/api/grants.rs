//! Granting and revoking.

use serde_json::{Value, json};
use test_case::test_case;

use crate::charm::Charm;
use crate::test_store::{TestStore, User};

async fn store() -> (TestStore, User, User) {
    let store = TestStore::new().await;
    let (alice, bob) = (store.user("alice").await, store.user("bob").await);
    let charm = Charm::named("mysql").with_stream("paid", &[("common/app", "gold")]);
    store.publish(&alice, &charm).await;
    (store, alice, bob)
}

#[tokio::test]
async fn a_grant_holds_until_it_is_revoked() {
    let (store, alice, bob) = store().await;
    let grant = json!({ "who": "bob", "rights": ["deploy"] });
    let archive = || store.get("/v4/~alice/mysql-0/archive").by(&bob);
    assert_eq!(archive().await.status, 404);
    let granted = store.post("/v4/~alice/mysql/rights/grant", &grant).by(&alice).await.json();
    assert_eq!(granted["effective"], json!(["metadata", "content", "deploy"]));
    assert_eq!(archive().await.status, 200);
    let revoked = store.post("/v4/~alice/mysql/rights/revoke", &grant).by(&alice).await.json();
    assert_eq!(revoked["effective"], json!([]));
    assert_eq!(archive().await.status, 404);
}

#[tokio::test]
async fn a_stream_is_for_those_who_are_admitted_to_it() {
    let (store, alice, bob) = store().await;
    store.preset(&alice, "~alice/mysql", "public").await;
    let resource = || store.get("/v4/~alice/mysql-0.paid.0/resources/common/app").by(&bob);
    let grant = |who: &str| json!({ "who": who, "rights": ["deploy"], "stream": "paid" });
    store.post("/v4/~alice/mysql/rights/grant", &grant("alice")).by(&alice).await.read::<Value>();
    assert_eq!(resource().await.status, 401);
    store.post("/v4/~alice/mysql/rights/grant", &grant("bob")).by(&alice).await.read::<Value>();
    assert_eq!(resource().await.status, 200);
    for who in ["bob", "alice"] {
        store.post("/v4/~alice/mysql/rights/revoke", &grant(who)).by(&alice).await.read::<Value>();
    }
    assert_eq!(resource().await.status, 401, "nobody is left, and it is still narrowed");
}

#[test_case("grant", json!({ "who": "nobody", "rights": ["deploy"] }) => "400 there is no user `nobody`: add it first")]
#[test_case("grant", json!({ "who": "@nobody", "rights": ["deploy"] }) => "400 there is no group `@nobody`")]
#[test_case("grant", json!({ "who": "bob", "rights": [] }) => "400 no right is named: say which")]
#[test_case("grant", json!({ "who": "bob", "rights": ["publish"], "stream": "paid" }) => "400 a stream narrows `deploy` alone, not `publish`")]
#[test_case("revoke", json!({ "who": "alice", "rights": ["publish"] }) => "400 nobody could publish or change these rights any more: keep a maintainer")]
#[tokio::test]
async fn refuses_to(verb: &str, request: Value) -> String {
    let (store, alice, _) = store().await;
    store.post(&format!("/v4/~alice/mysql/rights/{verb}"), &request).by(&alice).await.outcome()
}

#[test_case(json!({ "maintainers": ["alice", "nobody"] }) => "400 there is no user `nobody`: add it first")]
#[test_case(json!({ "installers": ["@nobody"] }) => "400 there is no group `@nobody`")]
#[test_case(json!({ "streams": { "paid": ["typo"] } }) => "400 there is no user `typo`: add it first")]
#[tokio::test]
async fn refuses_to_set(request: Value) -> String {
    let (store, alice, _) = store().await;
    store.put("/v4/~alice/mysql/rights", &request).by(&alice).await.outcome()
}

#[tokio::test]
async fn grants_of_many_at_once_are_all_kept() {
    let (store, alice, _) = store().await;
    let names: Vec<_> = (0..8).map(|n| format!("user{n}")).collect();
    for name in &names {
        store.user(name).await;
    }
    let grants = names.iter().map(|name| {
        let grant = json!({ "who": name, "rights": ["deploy"] });
        std::future::IntoFuture::into_future(store.post("/v4/~alice/mysql/rights/grant", &grant).by(&alice))
    });
    for answer in futures::future::join_all(grants).await {
        assert_eq!(answer.status, 200, "{answer}");
    }
    let rights = store.get("/v4/~alice/mysql/rights").by(&alice).await.json();
    assert_eq!(rights["installers"], json!(names));
}

#[tokio::test]
async fn rights_that_somebody_else_has_changed_are_not_written_over() {
    let (store, alice, _) = store().await;
    let rights = || store.get("/v4/~alice/mysql/rights").by(&alice);
    let seen = rights().await.json();
    let grant = json!({ "who": "bob", "rights": ["deploy"] });
    store.post("/v4/~alice/mysql/rights/grant", &grant).by(&alice).await.read::<Value>();
    let set = |seen: &Value| {
        let request = json!({ "installers": [], "matrix": seen["matrix"], "maintainers": ["alice", "bob"], "if": seen });
        store.put("/v4/~alice/mysql/rights", &request).by(&alice)
    };
    let refused = set(&seen).header("accept", "application/problem+json").await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["type"]),
        (412, &json!("urn:charm-store:E-NOT-CURRENT"))
    );
    let seen = rights().await.json();
    assert_eq!(seen["installers"], json!(["bob"]), "nothing was changed");
    assert_eq!(set(&seen).await.status, 200);
    assert_eq!(set(&seen).await.status, 200, "what is there already, after an answer that was lost");
    assert_eq!(rights().await.json()["maintainers"], json!(["alice", "bob"]));
}
