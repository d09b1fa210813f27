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
    let what = (&entry["action"], &entry["object"]);
    assert_eq!(what, (&json!("PUT ~alice/mysql/rights"), &json!("~alice/mysql")));
    assert_eq!(entry["reason"], "access denied for user \"eve\": `publish` on ~alice/mysql is needed");
}

#[tokio::test]
async fn a_maintainer_is_told_who_tried_what() {
    let (store, alice, eve) = store().await;
    let ci = store.token("alice", &["~alice/mysql:publish@edge"]).await;
    store.get("/v4/~alice/xenial/mysql-0/rights").by(&eve).await;
    store.put("/v4/~alice/mysql-0/withdrawn", &json!({ "reason": "x" })).by(&ci).await;
    let told = store.get("/v4/audit?object=~alice/mysql&refused=true").by(&alice).await.json();
    let told = told["entries"].as_array().unwrap();
    let told: Vec<_> =
        told.iter().map(|it| [&it["actor"], &it["action"]].map(|it| it.as_str().unwrap())).collect();
    let tried = [["alice", "PUT ~alice/mysql-0/withdrawn"], ["eve", "GET ~alice/xenial/mysql-0/rights"]];
    assert_eq!(told, tried);
}

#[tokio::test]
async fn a_refusal_that_is_about_no_base_is_noted_by_its_path() {
    let (store, ..) = store().await;
    let narrow = store.token("alice", &["publish"]).await;
    store.post("/v4/tokens", &json!({})).by(&narrow).await;
    let found = entries(&store, "refused=true").await;
    let [entry] = &found[..] else { panic!("{found:?}") };
    assert_eq!((&entry["action"], &entry["object"]), (&json!("POST"), &json!("/v4/tokens")));
}

#[tokio::test]
async fn what_no_right_would_open_is_not_in_it() {
    let (store, alice, _) = store().await;
    let files = store.get("/v4/~alice/mysql/archive/hooks").by(&alice).await;
    assert_eq!(files.status, 403, "{files}");
    assert_eq!(entries(&store, "refused=true").await.len(), 0);
}

#[tokio::test]
async fn an_account_fills_it_with_no_more_than_a_person_would() {
    let (store, _, eve) = store().await;
    let n_noted = async || entries(&store, "refused=true&limit=1000").await.len();
    let try_it = || store.get("/v4/~alice/mysql/rights").by(&eve);
    for _ in 0..40 {
        assert_eq!(try_it().await.status, 401);
    }
    assert_eq!(n_noted().await, 30);
    store.clock.pass(std::time::Duration::from_secs(2));
    for _ in 0..5 {
        assert_eq!(try_it().await.status, 401);
    }
    assert_eq!(n_noted().await, 31);
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
