//! Names and passwords.

use test_case::test_case;

use crate::test_store::{ADMIN_PASSWORD, TestStore};

const WRONG: &str = "401 invalid user name or password";

#[test_case("admin", ADMIN_PASSWORD => "403 admin credentials used"; "the operator")]
#[test_case("admin", "wrong" => WRONG; "the operator with a wrong password")]
#[test_case("admin", "" => WRONG; "the operator without a password")]
#[test_case("alice", "open sesame" => "200"; "a user")]
#[test_case("alice", "wrong" => WRONG; "a user with a wrong password")]
#[test_case("bob", "open sesame" => WRONG; "a user who has no password")]
#[test_case("bob", "" => WRONG; "a user who has none, and gives none")]
#[test_case("nobody", "open sesame" => WRONG; "an unknown user")]
#[test_case("no body", "open sesame" => WRONG; "a name that nobody can have")]
#[tokio::test]
async fn a_password_is_for(user: &str, password: &str) -> String {
    let store = TestStore::new().await;
    store.user("alice").await;
    store.user("bob").await;
    store.store.set_password(&"alice".parse().unwrap(), &"open sesame".into()).await.unwrap();
    store.get("/v4/whoami").with_basic(user, password).await.outcome()
}

#[tokio::test]
async fn a_store_without_an_operators_password_has_no_operator() {
    let store = TestStore::with(|options| options.admin_password = None).await;
    assert_eq!(store.get("/v4/whoami").with_basic("admin", "").await.outcome(), WRONG);
}

#[tokio::test]
async fn a_token_is_taken_for_a_password_of_its_user() {
    let store = TestStore::new().await;
    let alice = store.user_in("alice", &["dba", "admins"]).await;
    let answer = store.get("/v4/whoami").with_basic("alice", &alice.token).await;
    insta::assert_snapshot!(answer, @r#"
    200 OK
    content-type: application/json
    {"Groups":["admins","dba"],"User":"alice"}
    "#);
    assert_eq!(store.get("/v4/whoami").with_basic("bob", &alice.token).await.outcome(), WRONG);
}

#[test_case("Basic" => "401 authentication failed: invalid HTTP auth header"; "nothing behind")]
#[test_case("Basic !!!" => "401 authentication failed: invalid HTTP auth encoding"; "no base64")]
#[test_case("Basic YWxpY2U=" => "401 authentication failed: invalid HTTP auth contents"; "no colon")]
#[test_case("Basic /w==" => "401 authentication failed: invalid HTTP auth encoding"; "no text")]
#[test_case("Digest abc" => "401 authentication failed: invalid HTTP auth header"; "another scheme")]
#[test_case("Bearer" => "401 authentication failed: invalid HTTP auth header"; "no token")]
#[test_case("bearer abc" => "401 authentication failed: the token is malformed"; "no token of ours")]
#[tokio::test]
async fn a_header_that_cannot_be_read_is_refused_even_where_none_is_needed(header: &str) -> String {
    let store = TestStore::new().await;
    store.get("/v4/changes").header("authorization", header).await.outcome()
}

#[tokio::test]
async fn who_says_nothing_is_nobody() {
    let store = TestStore::new().await;
    assert_eq!(
        store.get("/v4/whoami").await.outcome(),
        "401 authentication failed: missing HTTP auth header"
    );
    assert_eq!(store.get("/v4/changes").await.status, 200);
}
