//! How a refusal looks.

use insta::assert_snapshot;
use serde_json::json;
use test_case::test_case;

use crate::charm::Charm;
use crate::test_store::TestStore;

#[tokio::test]
async fn a_refusal_is_json_of_exactly_that_type() {
    let store = TestStore::new().await;
    let refused = store.get("/v4/~alice/mysql/archive").await;
    assert_eq!(refused.headers["content-type"].as_bytes(), b"application/json");
    assert_snapshot!(refused, @r#"
    404 Not Found
    content-type: application/json
    {"Code":"not found","Message":"no matching charm or bundle for cs:~alice/mysql"}
    "#);
}

#[tokio::test]
async fn a_refusal_is_a_problem_for_those_who_accept_one() {
    let store = TestStore::new().await;
    let ask = |accept: &str| store.get("/v4/~alice/mysql/archive").header("accept", accept);
    let refused = ask("application/problem+json").await;
    assert_eq!(refused.json()["instance"].as_str(), refused.header("x-request-id"));
    let among_others = ask("text/html, application/problem+json;q=0.9, */*;q=0.1").await;
    assert_eq!(among_others.without_instance().json(), refused.clone().without_instance().json());
    assert_snapshot!(refused.without_instance(), @r#"
    404 Not Found
    content-type: application/problem+json
    {
      "detail": "no matching charm or bundle for cs:~alice/mysql",
      "instance": null,
      "status": 404,
      "title": "Not Found",
      "type": "urn:charm-store:E-NOT-FOUND"
    }
    "#);
}

#[tokio::test]
async fn a_problem_lists_every_finding() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let charm = Charm::named("mysql")
        .declaring("stable", &["common/a"])
        .having("stable", &[("common/b", "b")])
        .having("beta", &[]);
    let (session, _) = store.begin(&alice, &charm.plan("alice")).await;
    for (blob, bytes) in charm.blobs() {
        store.send(&session, &blob, 0, &bytes).by(&alice).await.read::<serde_json::Value>();
    }
    let commit = store.commit(&session, &v4_wire::publish::CommitRequest::default()).by(&alice);
    let refused = commit.header("accept", "application/problem+json").await;
    assert_snapshot!(refused.without_instance(), @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "detail": "stream `stable` is not what the charm declares: missing: `common/a`; not declared: `common/b` (and 1 more)",
      "errors": [
        {
          "code": "E-SHAPE-MISMATCH",
          "file": "resources.yaml",
          "message": "stream `stable` is not what the charm declares: missing: `common/a`; not declared: `common/b`",
          "severity": "error"
        },
        {
          "code": "E-STREAM-UNKNOWN",
          "file": "resources.yaml",
          "message": "the charm does not declare stream `beta`: it declares `stable`",
          "severity": "error"
        }
      ],
      "instance": null,
      "status": 400,
      "title": "Bad Request",
      "type": "urn:charm-store:E-INVALID"
    }
    "#);
}

#[tokio::test]
async fn an_answer_is_never_a_problem() {
    let store = TestStore::new().await;
    let answer = store.get("/health").header("accept", "application/problem+json").await;
    assert_snapshot!(answer, @r#"
    200 OK
    content-type: application/json
    {"status":"alive"}
    "#);
}

#[test_case("{" => "400 Failed to parse the request body as JSON: EOF while parsing an object at line 1 column 1"; "half")]
#[test_case("{}" => "400 Failed to deserialize the JSON body into the target type: missing field `base` at line 1 column 2"; "too little")]
#[test_case(r#"{"base":"~alice/mysql","bse":1}"# => "400 Failed to deserialize the JSON body into the target type: bse: unknown field `bse`, expected one of `base`, `series`, `archive`, `streams`, `dry_run` at line 1 column 28"; "unknown fields")]
#[test_case(r#"{"base":"mysql"}"# => "400 Failed to deserialize the JSON body into the target type: base: `mysql` is not of the form `~owner/name` at line 1 column 16"; "no base")]
#[test_case(r#"{"base":"~alice/mysql","streams":{"stable":[{"tree":"common","path":"../x"}]}}"# => "400 Failed to deserialize the JSON body into the target type: streams.stable[0]: the path leaves its directory with `..` at line 1 column 75"; "a path that leads out")]
#[tokio::test]
async fn a_body_that_cannot_be_read(body: &str) -> String {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let ask = store.post("/v4/publish", &()).by(&alice).body(body.to_owned().into());
    ask.await.outcome()
}

#[tokio::test]
async fn a_body_without_its_type_is_refused() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let refused = store.ask(http::Method::POST, "/v4/publish").by(&alice).body("{}".into()).await;
    assert_eq!(refused.outcome(), "400 Expected request with `Content-Type: application/json`");
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let body = format!("{{\"base\":\"{}\"}}", "a".repeat(17 << 20));
    let refused = store.post("/v4/publish", &()).by(&alice).body(body.into()).await;
    assert_eq!(refused.status, 413);
}

#[tokio::test]
async fn a_method_that_an_address_does_not_take_is_refused() {
    let store = TestStore::new().await;
    assert_snapshot!(store.put("/v4/~alice/mysql/archive", &json!({})).await, @r#"
    405 Method Not Allowed
    content-type: application/json
    {"Code":"method not allowed","Message":"PUT not allowed"}
    "#);
}

#[tokio::test]
async fn an_address_that_nothing_answers_is_refused() {
    let store = TestStore::new().await;
    assert_snapshot!(store.get("/nowhere?x=1").await, @r#"
    404 Not Found
    content-type: application/json
    {"Code":"not found","Message":"no handler for \"/nowhere\""}
    "#);
    assert_snapshot!(store.get("/v4/nowhere").await, @r#"
    404 Not Found
    content-type: application/json
    {"Code":"not found","Message":"not found"}
    "#);
    assert_snapshot!(store.get("/v4/").await, @r#"
    404 Not Found
    content-type: application/json
    {"Code":"not found","Message":"not found"}
    "#);
}

#[tokio::test]
async fn a_store_that_takes_no_writes_reads_on() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    store.publish_openly(&alice, &Charm::named("mysql")).await;
    let store = store.read_only();
    assert_snapshot!(store.post("/v4/publish", &Charm::named("mysql").plan("alice")).by(&alice).await, @r#"
    403 Forbidden
    content-type: application/json
    {"Code":"charmstore is in read-only mode","Message":"charmstore is in read-only mode"}
    "#);
    assert_eq!(store.delete("/v4/~alice/mysql-0/withdrawn").by(&alice).await.status, 403);
    assert_eq!(store.get("/v4/~alice/mysql/archive").await.status, 200);
    assert_eq!(store.ask(http::Method::OPTIONS, "/v4/publish").await.status, 200);
}
