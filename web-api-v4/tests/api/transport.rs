//! What holds for every request.

use std::time::Duration;

use http::Method;
use insta::assert_snapshot;

use crate::answer::Answer;
use crate::test_store::TestStore;

fn cross_origin(answer: &Answer) -> String {
    let shown = answer
        .headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("access-control") || *name == "allow");
    let mut lines: Vec<_> =
        shown.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    lines.join("\n")
}

#[tokio::test]
async fn pages_of_any_origin_may_read_every_answer() {
    let store = TestStore::new().await;
    let answer = store.get("/health").header("origin", "https://example.com").await;
    assert_snapshot!(cross_origin(&answer), @"
    access-control-allow-credentials: true
    access-control-allow-headers: Bakery-Protocol-Version, Macaroons, X-Requested-With
    access-control-allow-methods: DELETE,GET,HEAD,PUT,POST,OPTIONS
    access-control-allow-origin: *
    access-control-cache-max-age: 600
    access-control-expose-headers: WWW-Authenticate
    ");
    let refusal = store.get("/v4/nowhere").header("origin", "https://example.com").await;
    assert_eq!(cross_origin(&refusal), cross_origin(&answer));
    let wrong_method = store.delete("/health").header("origin", "https://example.com").await;
    assert_eq!(wrong_method.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn options_is_answered_alike_everywhere() {
    let store = TestStore::new().await;
    let ask = |path: &str| store.ask(Method::OPTIONS, path).header("origin", "https://example.com");
    let answer = ask("/v4/publish").await;
    assert_snapshot!(cross_origin(&answer), @"
    access-control-allow-credentials: true
    access-control-allow-headers: Bakery-Protocol-Version, Macaroons, X-Requested-With
    access-control-allow-methods: DELETE,GET,HEAD,PUT,POST,OPTIONS
    access-control-allow-origin: https://example.com
    access-control-cache-max-age: 600
    access-control-expose-headers: WWW-Authenticate
    allow: DELETE,GET,HEAD,PUT,POST
    ");
    assert!(answer.body.is_empty());
    for path in ["/v4/~alice/mysql/archive", "/nowhere", "/v4/%FF"] {
        assert_eq!(ask(path).await.without_request_id(), answer.clone().without_request_id());
    }
}

#[tokio::test]
async fn every_request_has_a_name_that_tells_nothing() {
    let store = TestStore::new().await;
    let mut names = Vec::new();
    for path in ["/health", "/health", "/v4/nowhere", "/v4/~alice/mysql/archive"] {
        names.push(store.get(path).await.header("x-request-id").unwrap().to_owned());
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 4);
    assert!(names.iter().all(|name| name.len() == 16));
}

#[tokio::test]
async fn health_is_alive_and_ready() {
    let store = TestStore::new().await;
    assert_snapshot!(store.get("/health").await, @r#"
    200 OK
    content-type: application/json
    {"status":"alive"}
    "#);
    assert_snapshot!(store.get("/ready").await, @r#"
    200 OK
    content-type: application/json
    {"status":"ready"}
    "#);
}

#[tokio::test]
async fn being_ready_costs_a_probe_twice_a_minute_at_most() {
    let store = TestStore::new().await;
    assert_eq!(store.get("/ready").await.status, 200);
    store.place.lose_objects();
    assert_eq!(store.get("/ready").await.status, 200);
    store.clock.pass(Duration::from_secs(31));
    assert_eq!(store.get("/ready").await.status, 503);
}

#[tokio::test]
async fn a_store_without_its_database_is_alive_and_not_ready() {
    let store = TestStore::new().await;
    store.place.database.close().await;
    assert_eq!(store.get("/health").await.status, 200);
    assert_snapshot!(store.get("/ready").await, @r#"
    503 Service Unavailable
    content-type: application/json
    {"Code":"service unavailable","Message":"the store cannot do this now: try again in a moment"}
    "#);
}
