//! The audit tells who did what, or tried to, and to whom it is told.

use serde_json::{Value, json};

use crate::charm::Charm;
use crate::test_store::{ADMIN_PASSWORD, TestStore, User};

async fn entries(store: &TestStore, query: &str) -> Vec<Value> {
    let answer = store.get(&format!("/v4/audit?{query}")).with_basic("admin", ADMIN_PASSWORD).await;
    answer.json()["entries"].as_array().unwrap().clone()
}

async fn store() -> (TestStore, User, User) {
    let store = TestStore::new().await;
    let (alice, eve) = (store.user("alice").await, store.user("eve").await);
    store.publish_openly(&alice, &Charm::named("mysql")).await;
    (store, alice, eve)
}

#[tokio::test]
async fn every_event_is_in_it_with_the_token_and_what_changed() {
    let (store, alice, _) = store().await;
    let found = entries(&store, "object=~alice/mysql").await;
    let actions: Vec<_> = found.iter().map(|it| it["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["rights", "released", "published"]);
    for entry in &found {
        assert_eq!((&entry["actor"], &entry["allowed"]), (&json!("alice"), &json!(true)));
        assert_eq!(entry["token"], json!(alice.token_id));
    }
    assert_eq!(found[0]["detail"]["from"]["matrix"]["everybody"], json!([]));
    assert_eq!(found[0]["detail"]["to"]["matrix"]["everybody"], json!(["metadata", "content", "deploy"]));
}

#[tokio::test]
async fn what_is_refused_is_in_it_with_the_reason() {
    let (store, _, eve) = store().await;
    store.put("/v4/~alice/mysql/rights", &json!({ "preset": "closed" })).by(&eve).await;
    let found = entries(&store, "refused=true").await;
    let [entry] = &found[..] else { panic!("{found:?}") };
    assert_eq!((&entry["actor"], &entry["token"]), (&json!("eve"), &json!(eve.token_id)));
    assert_eq!((&entry["action"], &entry["object"]), (&json!("PUT"), &json!("~alice/mysql/rights")));
    assert_eq!(entry["reason"], "access denied for user \"eve\": `publish` on ~alice/mysql is needed");
}

#[tokio::test]
async fn nobody_fills_it_without_an_account() {
    let (store, ..) = store().await;
    let before = entries(&store, "").await.len();
    store.put("/v4/~alice/mysql/rights", &json!({ "preset": "closed" })).await;
    store.get("/v4/whoami").header("authorization", "Bearer cst_x_00000000").await;
    store.get("/v4/whoami").with_basic("eve", "guess").await;
    assert_eq!(entries(&store, "").await.len(), before);
}

#[tokio::test]
async fn tokens_and_groups_are_in_it_and_secrets_are_not() {
    let (store, alice, _) = store().await;
    let made = store.post("/v4/tokens", &json!({ "scope": ["deploy"] })).by(&alice).await.json();
    store.delete(&format!("/v4/tokens/{}", made["id"].as_str().unwrap())).by(&alice).await;
    let found = entries(&store, &format!("object={}", made["id"].as_str().unwrap())).await;
    let actions: Vec<_> = found.iter().map(|it| it["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["token-revoked", "token-made"]);
    let all = json!(entries(&store, "limit=1000").await).to_string();
    assert!(!all.contains("cst_") && !all.contains(&alice.token), "{all}");
}

#[tokio::test]
async fn it_is_for_auditors_and_for_maintainers_of_what_they_maintain() {
    let (store, alice, eve) = store().await;
    let auditor = store.user_in("carol", &["auditors"]).await;
    assert_eq!(store.get("/v4/audit").by(&auditor).await.status, 200);
    assert_eq!(store.get("/v4/audit").by(&alice).await.status, 401);
    assert_eq!(store.get("/v4/audit").await.status, 401);
    assert_eq!(store.get("/v4/audit?object=~alice/mysql").by(&alice).await.status, 200);
    assert_eq!(store.get("/v4/audit?object=~alice/mysql").by(&eve).await.status, 401);
    assert_eq!(store.get("/v4/audit?object=@dba").by(&alice).await.status, 401);
    let narrow = store.token("carol", &["publish"]).await;
    assert_eq!(store.get("/v4/audit").by(&narrow).await.status, 401);
}

#[tokio::test]
async fn it_is_read_page_by_page() {
    let (store, ..) = store().await;
    let all = entries(&store, "").await;
    let first = store.get("/v4/audit?limit=2").with_basic("admin", ADMIN_PASSWORD).await.json();
    let rest = entries(&store, &format!("before={}", first["before"])).await;
    assert_eq!([first["entries"].as_array().unwrap().clone(), rest].concat(), all);
}
