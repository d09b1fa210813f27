//! How much one caller may ask.

use std::future::IntoFuture as _;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::stream;
use http::Method;
use insta::assert_snapshot;
use serde_json::json;
use web_api_v4::RequestLimits;

use crate::charm::Charm;
use crate::test_store::{ADMIN_PASSWORD, Ask, TestStore};

const FEW: RequestLimits =
    RequestLimits { requests_per_minute: 6, failed_logins_per_minute: 3, upload_bytes: 1_000 };

async fn store() -> TestStore {
    TestStore::new().await.throttled(FEW)
}

fn ask(store: &TestStore) -> Ask<'_> {
    store.get("/v4/changes")
}

#[tokio::test]
async fn whoever_asks_too_often_is_told_when_to_ask_again() {
    let store = store().await;
    for _ in 0..6 {
        assert_eq!(ask(&store).await.status, 200);
    }
    let refused = ask(&store).await;
    assert_eq!(refused.header("retry-after"), Some("10"));
    assert_eq!(refused.outcome(), "429 more than 6 requests in a minute: wait 10 seconds");
    store.clock.pass(Duration::from_secs(9));
    assert_eq!(ask(&store).await.status, 429);
    store.clock.pass(Duration::from_secs(1));
    assert_eq!(ask(&store).await.status, 200);
    assert_eq!(ask(&store).await.status, 429);
}

#[tokio::test]
async fn everybody_is_counted_apart() {
    let store = store().await;
    let (alice, bob) = (store.user("alice").await, store.user("bob").await);
    for _ in 0..7 {
        ask(&store).by(&alice).coming_from("10.0.0.1").await;
        ask(&store).coming_from("2001:db8::1").await;
    }
    assert_eq!(ask(&store).by(&alice).coming_from("10.0.0.2").await.status, 429, "wherever she is");
    assert_eq!(ask(&store).by(&bob).coming_from("10.0.0.1").await.status, 200);
    assert_eq!(ask(&store).coming_from("10.0.0.1").await.status, 200);
    assert_eq!(ask(&store).coming_from("2001:db8::2").await.status, 429, "of the same network");
    assert_eq!(ask(&store).coming_from("2001:db8:0:1::1").await.status, 200);
}

#[tokio::test]
async fn a_refusal_tells_nothing_of_what_was_asked_about() {
    let store = store().await;
    let alice = store.user("alice").await;
    store.publish(&alice, &Charm::named("secret")).await;
    for _ in 0..6 {
        ask(&store).await;
    }
    let there = store.get("/v4/~alice/secret/archive").await.without_request_id();
    let not_there = store.get("/v4/~alice/nobody/archive").await.without_request_id();
    assert_eq!(there.0, 429);
    assert_eq!(there, not_there);
}

#[tokio::test]
async fn a_narrow_token_that_leaked_does_not_lock_out_its_owner() {
    let store = store().await;
    let alice = store.user("alice").await;
    let narrow = store.token("alice", &["deploy"]).await;
    for _ in 0..6 {
        assert_eq!(ask(&store).by(&narrow).await.status, 200);
    }
    assert_eq!(ask(&store).by(&narrow).await.status, 429);
    let another = store.token("alice", &["publish"]).await;
    assert_eq!(ask(&store).by(&another).await.status, 429, "narrow ones are counted together");
    assert_eq!(ask(&store).by(&alice).await.status, 200);
}

/// A store where only guesses are counted strictly, and alice has a password.
async fn store_with_a_password() -> TestStore {
    let limits = RequestLimits { requests_per_minute: 1_000, ..FEW };
    let store = TestStore::new().await.throttled(limits);
    store.user("alice").await;
    store.store.set_password(&"alice".parse().unwrap(), &"right".into()).await.unwrap();
    store
}

fn log_in<'a>(store: &'a TestStore, password: &str) -> Ask<'a> {
    store.get("/v4/whoami").with_basic("alice", password)
}

#[tokio::test]
async fn whoever_guesses_passwords_is_not_listened_to() {
    let store = store_with_a_password().await;
    for n in 0..3 {
        let guess = log_in(&store, &format!("guess {n}")).coming_from("10.0.0.1").await;
        assert_eq!(guess.status, 401);
    }
    let refused = log_in(&store, "right").coming_from("10.0.0.1").await;
    assert_snapshot!(refused.outcome(), @"429 more than 3 bad passwords in a minute: wait 20 seconds");
    assert_eq!(log_in(&store, "right").coming_from("10.0.0.2").await.status, 200);
    store.clock.pass(Duration::from_secs(20));
    assert_eq!(log_in(&store, "right").coming_from("10.0.0.1").await.status, 200);
}

#[tokio::test]
async fn the_operator_s_password_is_guessed_no_faster() {
    let store = store_with_a_password().await;
    let log_in = |password: &str| store.get("/v4/audit").with_basic("admin", password);
    for n in 0..3 {
        assert_eq!(log_in(&format!("guess {n}")).await.status, 401);
    }
    assert_eq!(log_in(ADMIN_PASSWORD).await.status, 429);
}

#[tokio::test]
async fn guesses_at_once_are_no_fewer_than_guesses_one_after_the_other() {
    let store = store_with_a_password().await;
    let guesses = (0..20).map(|n| log_in(&store, &format!("guess {n}")).into_future());
    let answers = futures::future::join_all(guesses).await;
    let n_looked_at = answers.iter().filter(|answer| answer.status == 401).count();
    let n_refused = answers.iter().filter(|answer| answer.status == 429).count();
    assert_eq!((n_looked_at, n_refused), (3, 17));
}

#[tokio::test]
async fn a_good_password_is_no_guess() {
    let store = store_with_a_password().await;
    for _ in 0..10 {
        assert_eq!(log_in(&store, "right").await.status, 200);
    }
}

#[tokio::test]
async fn a_password_that_nobody_could_look_at_is_no_guess() {
    let store = store_with_a_password().await;
    store.place.database.close().await;
    for _ in 0..10 {
        assert_eq!(log_in(&store, "right").await.status, 503);
    }
}

#[tokio::test]
async fn whoever_comes_with_bad_tokens_is_nobody_and_shuts_nobody_out() {
    let store = store().await;
    let alice = store.user("alice").await;
    store.store.set_password(&"alice".parse().unwrap(), &"right".into()).await.unwrap();
    let bad = |header: &str| ask(&store).header("authorization", header);
    for _ in 0..3 {
        assert_eq!(bad("Bearer cst_x_00000000").await.status, 401);
        assert_eq!(bad("Nonsense").await.status, 401);
    }
    assert_eq!(bad("Bearer cst_x_00000000").await.status, 429);
    assert_eq!(bad("Nonsense").await.status, 429);
    assert_eq!(ask(&store).await.status, 429, "as is nobody of that address");
    assert_eq!(ask(&store).by(&alice).await.status, 200);
    assert_eq!(log_in(&store, "right").await.status, 200);
}

/// A body that is announced, and does not come.
fn pending(ask: Ask<'_>) -> Ask<'_> {
    // Whoever waits to be told to go on is not read to the end once it is answered.
    let ask = ask.header("expect", "100-continue").header("content-type", "application/json");
    ask.body(Body::from_stream(stream::pending::<io::Result<Bytes>>()))
}

async fn at_once(ask: Ask<'_>) -> String {
    tokio::time::timeout(Duration::from_secs(20), ask.into_future()).await.unwrap().outcome()
}

#[tokio::test]
async fn logins_are_counted_before_they_are_read() {
    let store = store().await;
    for _ in 0..6 {
        assert_eq!(store.post("/v4/login", &json!({ "token": "a.b.c" })).await.status, 401);
    }
    for path in ["/v4/login", "/v4/login/job"] {
        let refused = at_once(pending(store.ask(Method::POST, path))).await;
        assert!(refused.starts_with("429 more than 6 requests"), "{refused}");
    }
}

#[tokio::test]
async fn what_nobody_writes_is_not_read() {
    let store = TestStore::new().await;
    for (method, path) in [
        (Method::POST, "/v4/publish"),
        (Method::PUT, "/v4/~alice/mysql/rights"),
        (Method::POST, "/v4/~alice/mysql/release"),
        (Method::POST, "/v4/tokens"),
    ] {
        let refused = at_once(pending(store.ask(method, path))).await;
        assert_eq!(refused, "401 authentication failed: missing HTTP auth header", "{path}");
    }
}

#[tokio::test]
async fn a_plan_alone_may_be_large() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let large = json!({ "description": "x".repeat(70 << 10) });
    assert_eq!(store.post("/v4/tokens", &large).by(&alice).await.status, 413);
    assert_eq!(store.post("/v4/login", &large).await.status, 413);
    assert_eq!(store.put("/v4/~alice/mysql/rights", &large).by(&alice).await.status, 413);
    assert_eq!(store.post("/v4/publish", &large).by(&alice).await.status, 400, "it is read");
    assert_eq!(store.post("/v4/publish/none/commit", &large).by(&alice).await.status, 400, "it is read");
}

#[tokio::test]
async fn no_more_bytes_of_an_account_are_on_their_way_than_allowed() {
    let store = store().await;
    let alice = store.user("alice").await;
    let files = [("common/a", "a".repeat(600)), ("common/b", "b".repeat(600))];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let charm = Charm::named("mysql").with_stream("stable", &files);
    let (session, _) = store.begin(&alice, &charm.plan("alice")).await;
    let blobs = charm.blobs();
    let mut large = blobs.iter().filter(|(_, bytes)| bytes.len() == 600);
    let ((first, _), (second, bytes)) = (large.next().unwrap(), large.next().unwrap());
    // It is announced, and does not come.
    let path = format!("/v4/publish/{}/blobs/{first}?offset=0", session.id);
    let waiting = store.ask(http::Method::PUT, &path).by(&alice).header("content-length", "600");
    let waiting = waiting.body(Body::from_stream(stream::pending::<io::Result<Bytes>>()));
    let send = || store.send(&session, second, 0, bytes).by(&alice);
    let mut waiting = std::future::IntoFuture::into_future(waiting);
    assert!(futures::poll!(&mut waiting).is_pending());
    tokio::time::timeout(Duration::from_millis(500), &mut waiting).await.unwrap_err();
    let refused = send().await;
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.outcome(), "429 more than 1000 bytes of yours would be on their way here at a time");
    drop(waiting);
    assert_eq!(send().await.status, 200);
}

#[tokio::test]
async fn an_owner_has_no_more_bytes_than_allowed_whoever_else_has_the_content() {
    let store = TestStore::with(|options| options.limits.owner_bytes = Some(6_000)).await;
    let (alice, bob) = (store.user("alice").await, store.user("bob").await);
    let content = "x".repeat(3_500);
    let charm = |version: &str| {
        let files = [("common/a", content.as_str()), ("common/b", version)];
        Charm::named("mysql").with_stream("stable", &files)
    };
    store.publish(&alice, &charm("1")).await;
    // Bob pays in full for what alice has: else the price would tell him of it.
    store.publish(&bob, &charm("1")).await;
    let refused = store.try_publish(&bob, &charm("2")).await;
    assert_eq!(refused.outcome(), "413 ~bob would have more than the 6000 bytes here that it may have");
    let other = charm("1").plan("bob");
    let large = Charm::named("other").with_stream("stable", &[("common/c", &"y".repeat(4_000))]);
    let refused = store.post("/v4/publish", &large.plan("bob")).by(&bob).await;
    assert_eq!(refused.status, 413, "before anything is sent: {refused}");
    assert_eq!(store.post("/v4/publish", &other).by(&bob).await.status, 200, "what is there already");
}

#[tokio::test]
async fn an_owner_who_is_given_bases_has_no_more_bytes_than_allowed() {
    let store = TestStore::with(|options| options.limits.owner_bytes = Some(6_000)).await;
    let alice = store.user_in("alice", &["ops"]).await;
    let content = "x".repeat(3_500);
    for name in ["mysql", "other"] {
        store.publish(&alice, &Charm::named(name).with_stream("stable", &[("common/a", &content)])).await;
        let moved = store.post(&format!("/v4/~alice/{name}/transfer"), &json!({ "owner": "ops" })).by(&alice);
        let moved = moved.await.outcome();
        match name {
            "mysql" => assert!(moved.starts_with("200"), "{moved}"),
            _ => assert_eq!(moved, "413 ~ops would have more than the 6000 bytes here that it may have"),
        }
    }
    assert_eq!(store.get("/v4/~alice/other/status").by(&alice).await.json()["base"], "~alice/other");
}
