//! Attacks on tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use charm_model::rights::Caller;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use test_case::test_case;

use crate::answer::Answer;
use crate::charm::Charm;
use crate::test_store::{TestStore, User};

/// A token in its parts, to be put together differently.
struct Parts {
    header: Value,
    claims: Value,
    signature: String,
}

impl Parts {
    fn of(user: &User) -> Self {
        let jwt = user.token.strip_prefix("cst_").unwrap().rsplit_once('_').unwrap().0;
        let parts: Vec<_> = jwt.split('.').collect();
        let json = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
        Self { header: json(parts[0]), claims: json(parts[1]), signature: parts[2].to_owned() }
    }

    fn jwt(&self) -> String {
        let text = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        format!("{}.{}.{}", text(&self.header), text(&self.claims), self.signature)
    }
}

/// Wraps a JWT as the store does: whoever forges one can do that as well.
fn wrapped(jwt: &str) -> String {
    format!("cst_{jwt}_{:08x}", crc32fast::hash(jwt.as_bytes()))
}

async fn with_token(store: &TestStore, token: &str) -> Answer {
    store.get("/v4/whoami").header("authorization", &format!("Bearer {token}")).await
}

#[tokio::test]
async fn a_token_says_who_it_is() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    assert_eq!(with_token(&store, &alice.token).await.json(), json!({ "User": "alice", "Groups": [] }));
}

const SIGNATURE: &str = "401 authentication failed: the token's signature or claims are not valid";
const MALFORMED: &str = "401 authentication failed: the token is malformed";

fn unsigned(parts: &mut Parts) {
    parts.header["alg"] = json!("none");
    parts.signature.clear();
}

fn of_another(parts: &mut Parts) {
    parts.claims["sub"] = json!("bob");
}

fn of_longer_life(parts: &mut Parts) {
    parts.claims["exp"] = json!(4_000_000_000_u64);
}

fn of_an_unknown_key(parts: &mut Parts) {
    parts.header["kid"] = json!("0000000000000000");
}

fn of_a_key_that_is_a_statement(parts: &mut Parts) {
    parts.header["kid"] = json!("' OR 1=1 --");
}

fn of_no_key(parts: &mut Parts) {
    parts.header.as_object_mut().unwrap().remove("kid");
}

fn of_another_algorithm(parts: &mut Parts) {
    parts.header["alg"] = json!("ES256");
}

fn without_signature(parts: &mut Parts) {
    parts.signature.clear();
}

#[test_case(unsigned => MALFORMED; "no algorithm")]
#[test_case(of_another => SIGNATURE; "another user")]
#[test_case(of_longer_life => SIGNATURE; "a longer life")]
#[test_case(of_an_unknown_key => "401 authentication failed: the token's key is not known"; "an unknown key")]
#[test_case(of_a_key_that_is_a_statement => "401 authentication failed: the token's key is not known"; "a key that is a statement")]
#[test_case(of_no_key => "401 authentication failed: the token names no key"; "no key")]
#[test_case(of_another_algorithm => SIGNATURE; "another algorithm")]
#[test_case(without_signature => SIGNATURE; "no signature")]
#[tokio::test]
async fn a_token_that_was_tampered_with_is_refused(tamper: fn(&mut Parts)) -> String {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let mut parts = Parts::of(&alice);
    tamper(&mut parts);
    with_token(&store, &wrapped(&parts.jwt())).await.outcome()
}

#[tokio::test]
async fn the_public_key_is_no_secret_to_sign_with() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let parts = Parts::of(&alice);
    let mut tx = store.place.database.read().await.unwrap();
    let key = tx.current_signing_key().await.unwrap().unwrap();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(key.id);
    let forged =
        jsonwebtoken::encode(&header, &parts.claims, &EncodingKey::from_secret(&key.public_key)).unwrap();
    assert_eq!(with_token(&store, &wrapped(&forged)).await.outcome(), SIGNATURE);
}

#[tokio::test]
async fn a_key_of_ones_own_signs_nothing() {
    let (store, other) = (TestStore::new().await, TestStore::new().await);
    let alice = store.user("alice").await;
    other.user("alice").await;
    let mut tx = other.place.database.read().await.unwrap();
    let key = tx.current_signing_key().await.unwrap().unwrap();
    let parts = Parts::of(&alice);
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = parts.header["kid"].as_str().map(str::to_owned);
    let key = EncodingKey::from_ed_der(&key.private_key);
    let forged = jsonwebtoken::encode(&header, &parts.claims, &key).unwrap();
    assert_eq!(with_token(&store, &wrapped(&forged)).await.outcome(), SIGNATURE);
}

#[tokio::test]
async fn a_wrong_checksum_is_refused_before_anything_is_looked_up() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let (token, _) = alice.token.rsplit_once('_').unwrap();
    for forged in
        [format!("{token}_00000000"), token.to_owned(), alice.token.to_uppercase(), String::from("cst_")]
    {
        assert_eq!(with_token(&store, &forged).await.outcome(), MALFORMED);
    }
}

#[tokio::test]
async fn a_token_ends_with_its_time() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    store.clock.pass(store.store.limits().token_ttl);
    assert_eq!(
        with_token(&store, &alice.token).await.outcome(),
        "401 authentication failed: the token has expired"
    );
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    assert_eq!(with_token(&store, &alice.token).await.status, 200);
    store.store.end_token(&Caller::Admin, &alice.token_id).await.unwrap();
    let refused = with_token(&store, &alice.token).await;
    assert_eq!(refused.outcome(), "401 authentication failed: the token is expired or revoked");
}

#[tokio::test]
async fn a_bad_token_is_refused_even_where_none_is_needed() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    store.publish_openly(&alice, &Charm::named("mysql")).await;
    store.store.end_token(&Caller::Admin, &alice.token_id).await.unwrap();
    assert_eq!(store.get("/v4/~alice/mysql/archive").by(&alice).await.status, 401);
    assert_eq!(store.get("/v4/~alice/mysql/archive").await.status, 200);
}

#[tokio::test]
async fn a_user_makes_lists_and_ends_tokens() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let request = json!({ "scope": ["~alice/mysql:publish@edge"], "ttl_secs": 60, "description": "ci" });
    let made = store.post("/v4/tokens", &request).by(&alice).await.json();
    let (token, id) = (made["token"].as_str().unwrap(), made["id"].as_str().unwrap());
    assert_eq!(with_token(&store, token).await.status, 200);
    let listed = store.get("/v4/tokens").by(&alice).await.json();
    let found = listed["tokens"].as_array().unwrap().iter().find(|it| it["id"] == id).unwrap();
    assert_eq!((&found["scope"], &found["description"]), (&made["scope"], &json!("ci")));
    assert!(found["last_used"].is_string() && found["token"].is_null(), "{found}");
    store.clock.pass(std::time::Duration::from_secs(61));
    assert_eq!(with_token(&store, token).await.outcome(), "401 authentication failed: the token has expired");
    assert_eq!(store.delete(&format!("/v4/tokens/{id}")).by(&alice).await.status, 200);
    assert_eq!(store.delete(&format!("/v4/tokens/{id}")).by(&alice).await.status, 404);
}

#[tokio::test]
async fn a_narrow_token_makes_no_other_and_ends_itself_alone() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let narrow = store.token("alice", &["publish"]).await;
    let refused = store.post("/v4/tokens", &json!({})).by(&narrow).await;
    let message = "401 this token is not good for that: tokens are made with one that has no restrictions";
    assert_eq!(refused.outcome(), message);
    let end = |id: &str| store.delete(&format!("/v4/tokens/{id}"));
    assert_eq!(end(&alice.token_id).by(&narrow).await.status, 404);
    assert_eq!(end(&narrow.token_id).by(&narrow).await.status, 200);
    assert_eq!(end(&alice.token_id).by(&narrow).await.status, 401, "it is dead");
}

#[tokio::test]
async fn what_was_made_by_a_token_ends_with_it() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let child = store.post("/v4/tokens", &json!({})).by(&alice).await.json();
    let child = child["token"].as_str().unwrap();
    assert_eq!(with_token(&store, child).await.status, 200);
    assert_eq!(store.delete(&format!("/v4/tokens/{}", alice.token_id)).by(&alice).await.status, 200);
    let refused = with_token(&store, child).await.outcome();
    assert_eq!(refused, "401 authentication failed: the token is expired or revoked");
}

#[tokio::test]
async fn a_narrow_token_tells_of_itself_alone() {
    let store = TestStore::new().await;
    store.user_in("alice", &["dba"]).await;
    let narrow = store.token("alice", &["publish"]).await;
    let listed = store.get("/v4/tokens").by(&narrow).await.json();
    let ids: Vec<_> = listed["tokens"].as_array().unwrap().iter().map(|token| token["id"].clone()).collect();
    assert_eq!(ids, [json!(narrow.token_id)]);
    let said = "401 this token is not good for that: groups are for one that has no restrictions";
    assert_eq!(store.get("/v4/groups").by(&narrow).await.outcome(), said);
    assert_eq!(store.get("/v4/groups/dba").by(&narrow).await.outcome(), said);
}

#[tokio::test]
async fn a_user_who_is_disabled_does_nothing_more() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let name = "alice".parse().unwrap();
    store.store.set_disabled(&name, true).await.unwrap();
    assert_eq!(with_token(&store, &alice.token).await.status, 401);
    store.store.set_disabled(&name, false).await.unwrap();
    assert_eq!(with_token(&store, &alice.token).await.status, 401, "it has ended for good");
    let newer = store.token("alice", &[]).await;
    assert_eq!(with_token(&store, &newer.token).await.status, 200);
}

#[tokio::test]
async fn a_key_that_signs_nothing_more_signs_no_other_claims() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let bob = store.user("bob").await;
    let stolen = store.place.database.read().await.unwrap().current_signing_key().await.unwrap().unwrap();
    let sign = |key: &catalog::signing_key::SigningKey, claims: &Value| {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(key.id.clone());
        wrapped(&jsonwebtoken::encode(&header, claims, &EncodingKey::from_ed_der(&key.private_key)).unwrap())
    };
    let mut claims = serde_json::to_value(&Parts::of(&alice).claims).unwrap();
    claims["jti"] = json!(bob.token_id);
    let said = "401 authentication failed: the token's claims are not those that it was made with";
    assert_eq!(with_token(&store, &sign(&stolen, &claims)).await.outcome(), said, "another's name");
    store.clock.pass(std::time::Duration::from_secs(5));
    store.store.rotate_key().await.unwrap();
    store.clock.pass(std::time::Duration::from_secs(5));
    let newer = store.token("alice", &[]).await;
    let claims = serde_json::to_value(&Parts::of(&newer).claims).unwrap();
    let said = "401 authentication failed: the token's key signed nothing more by then";
    assert_eq!(with_token(&store, &sign(&stolen, &claims)).await.outcome(), said);
}

#[tokio::test]
async fn a_token_of_somebody_else_is_one_that_there_is_not() {
    let store = TestStore::new().await;
    let (alice, eve) = (store.user("alice").await, store.user("eve").await);
    let there = store.delete(&format!("/v4/tokens/{}", alice.token_id)).by(&eve).await.outcome();
    let not_there = store.delete("/v4/tokens/0123").by(&eve).await.outcome();
    assert_eq!(there.replace(&alice.token_id, "0123"), not_there);
    assert_eq!(with_token(&store, &alice.token).await.status, 200);
}

#[test_case(json!({ "ttl_secs": 0 }); "no time")]
#[test_case(json!({ "ttl_secs": 32_000_000 }); "more than a year")]
#[test_case(json!({ "scope": ["~alice/mysql.paid:publish"] }); "a stream for publishing")]
#[test_case(json!({ "user": "bob" }); "somebody else's")]
#[test_case(json!({ "description": "x".repeat(201) }); "a story")]
#[test_case(json!({ "description": "two\nlines" }); "two lines")]
#[test_case(json!({ "scope": vec!["publish"; 51] }); "more rules than anybody needs")]
#[tokio::test]
async fn a_token_is_not_made(request: Value) {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    assert!(store.post("/v4/tokens", &request).by(&alice).await.status.is_client_error());
}

#[tokio::test]
async fn what_an_old_key_has_signed_stays_good_until_it_ends() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let key = store.store.rotate_key().await.unwrap();
    let newer = store.token("alice", &[]).await;
    assert_eq!(Parts::of(&newer).header["kid"], json!(key));
    assert_ne!(Parts::of(&alice).header["kid"], json!(key));
    assert_eq!(with_token(&store, &alice.token).await.status, 200);
    assert_eq!(with_token(&store, &newer.token).await.status, 200);
}

#[tokio::test]
async fn a_token_for_a_channel_releases_to_it_and_governs_nothing() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let published = store.publish(&alice, &Charm::named("mysql")).await;
    let ci = store.token("alice", &["~alice/mysql:publish@edge"]).await;
    let release = |channel: &str| {
        store.post(&format!("/v4/{}/release", published.ids[0]), &json!({ "channel": channel })).by(&ci)
    };
    assert_eq!(release("edge").await.status, 200);
    let refused = "401 this token is not good for that: it is bound to another channel";
    assert_eq!(release("stable").await.outcome(), refused);
    let rights = store.put("/v4/~alice/mysql/rights", &json!({ "preset": "public" })).by(&ci).await;
    assert_eq!(rights.outcome(), refused);
    let yank = store.put("/v4/~alice/mysql-0/withdrawn", &json!({ "reason": "x" })).by(&ci).await;
    assert_eq!(yank.outcome(), refused);
}

#[tokio::test]
async fn a_token_for_a_stream_deploys_that_stream_alone() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let files: &[(&str, &str)] = &[("common/app", "app")];
    store
        .publish(&alice, &Charm::named("mysql").with_stream("stable", files).with_stream("paid", files))
        .await;
    let unit = store.token("alice", &["~alice/mysql.paid:deploy"]).await;
    let fetch = |path: &str| store.get(&format!("/v4/~alice/mysql-0.{path}")).by(&unit);
    assert_eq!(fetch("paid.0/resources/common/app").await.status, 200);
    assert_eq!(fetch("paid.0/archive").await.status, 200);
    assert_eq!(fetch("stable.0/resources/common/app").await.status, 401);
}
