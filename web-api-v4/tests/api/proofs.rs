//! Proof of possession: seeing a digest is not having the content.

use std::time::Duration;

use charm_model::digest::{Blake3, Content, Sha256};
use serde_json::{Value, json};
use test_case::test_case;
use v4_wire::publish::{BlobPlan, CommitAnswer, CommitRequest, PlanAnswer, Session};

use crate::charm::Charm;
use crate::test_store::{TestStore, User, prove};

const SECRET: &str = "bytes that are worth money";

fn secret() -> Sha256 {
    Content::of(SECRET.as_bytes()).digests.sha256
}

/// A charm of this name that has the secret, and nothing else that others have.
fn charm(name: &str) -> Charm {
    Charm::named(name).with_stream("stable", &[("common/app", SECRET)])
}

/// A store in which everybody sees alice's digest, and nobody may have the bytes.
async fn store() -> TestStore {
    store_with(|_| ()).await
}

async fn store_with(change: impl FnOnce(&mut store_core::StoreOptions)) -> TestStore {
    let store = TestStore::with(change).await;
    let alice = store.user("alice").await;
    store.publish(&alice, &charm("paid")).await;
    store.preset(&alice, "~alice/paid", "gated").await;
    store
}

fn salt(plan: &PlanAnswer) -> Option<Blake3> {
    match plan.blobs[&secret()] {
        BlobPlan::Prove { salt } => Some(salt),
        BlobPlan::Have | BlobPlan::Send { .. } => None,
    }
}

/// Begins a publish of the secret, sends everything else, and returns the session and its salt.
async fn challenged(store: &TestStore, user: &User, name: &str) -> (Session, Blake3) {
    let charm = charm(name);
    let (session, plan) = store.begin(user, &charm.plan(&user.name)).await;
    for (blob, bytes) in charm.blobs().into_iter().filter(|(blob, _)| *blob != secret()) {
        store.send(&session, &blob, 0, &bytes).by(user).await.read::<Value>();
    }
    (session, salt(&plan).unwrap())
}

/// Commits with this proof of the secret, and says whether it was enough.
async fn is_taken(store: &TestStore, user: &User, session: &Session, proof: Blake3) -> bool {
    let request = CommitRequest { proofs: [(secret(), proof)].into() };
    match store.commit(session, &request).by(user).await.read() {
        CommitAnswer::Committed(_) => true,
        CommitAnswer::Incomplete { send } => {
            assert_eq!(
                serde_json::to_value(&send).unwrap(),
                json!({ secret().to_string(): { "offset": 0, "complete": false } })
            );
            false
        }
    }
}

#[tokio::test]
async fn who_has_the_bytes_proves_it_and_sends_none() {
    let store = store().await;
    let bob = store.user("bob").await;
    let (session, salt) = challenged(&store, &bob, "mine").await;
    assert!(is_taken(&store, &bob, &session, prove(&session, salt, SECRET.as_bytes())).await);
    let published = store.get("/v4/~bob/mine-0.stable.0/resources/common/app").by(&bob).await;
    assert_eq!(published.text(), SECRET);
}

#[test_case(|_, _| Blake3([0; 32]); "a guess")]
#[test_case(|_, _| Content::of(SECRET.as_bytes()).digests.blake3; "the digest itself")]
#[test_case(|_, salt| salt; "the salt")]
#[test_case(|session, salt| prove(session, salt, &SECRET.as_bytes()[1..]); "most of the content")]
#[tokio::test]
async fn a_wrong_proof_is_answered_with_send(wrong: fn(&Session, Blake3) -> Blake3) {
    let store = store().await;
    let eve = store.user("eve").await;
    let (session, salt) = challenged(&store, &eve, "mine").await;
    assert!(!is_taken(&store, &eve, &session, wrong(&session, salt)).await);
    assert_eq!(store.get("/v4/~eve/mine/status").by(&eve).await.status, 404);
    store.send(&session, &secret(), 0, SECRET.as_bytes()).by(&eve).await.read::<Value>();
    assert!(is_taken(&store, &eve, &session, Blake3([0; 32])).await);
}

#[tokio::test]
async fn a_salt_is_good_for_one_attempt() {
    let store = store().await;
    let bob = store.user("bob").await;
    let (session, salt) = challenged(&store, &bob, "mine").await;
    assert!(!is_taken(&store, &bob, &session, Blake3([0; 32])).await);
    assert!(!is_taken(&store, &bob, &session, prove(&session, salt, SECRET.as_bytes())).await);
    let again = store.plan(&bob, &charm("mine").plan("bob")).await;
    assert!(matches!(again.blobs[&secret()], BlobPlan::Send { offset: 0, .. }), "{again:?}");
}

#[tokio::test]
async fn a_salt_is_good_for_a_short_time() {
    let store = store().await;
    let bob = store.user("bob").await;
    let (session, salt) = challenged(&store, &bob, "mine").await;
    store.clock.pass(store.store.limits().proof_ttl + Duration::from_secs(1));
    assert!(!is_taken(&store, &bob, &session, prove(&session, salt, SECRET.as_bytes())).await);
}

#[tokio::test]
async fn a_proof_is_good_for_one_session() {
    let store = store().await;
    let bob = store.user("bob").await;
    let (first, salt) = challenged(&store, &bob, "mine").await;
    let (second, _) = challenged(&store, &bob, "other").await;
    let proof = prove(&first, salt, SECRET.as_bytes());
    assert!(!is_taken(&store, &bob, &second, proof).await);
    assert!(is_taken(&store, &bob, &first, proof).await);
}

#[tokio::test]
async fn a_proof_is_good_for_one_user() {
    let store = store().await;
    let (bob, eve) = (store.user("bob").await, store.user("eve").await);
    let (bobs, salt) = challenged(&store, &bob, "mine").await;
    let (eves, eves_salt) = challenged(&store, &eve, "mine").await;
    let made_by_bob = Session { id: eves.id.clone(), ..bobs.clone() };
    assert!(!is_taken(&store, &eve, &eves, prove(&bobs, salt, SECRET.as_bytes())).await);
    let (again, _) = challenged(&store, &eve, "another").await;
    assert!(!is_taken(&store, &eve, &again, prove(&made_by_bob, eves_salt, SECRET.as_bytes())).await);
    let refused = store.commit(&bobs, &CommitRequest::default()).by(&eve).await;
    assert_eq!(refused.status, 404);
}

#[tokio::test]
async fn beyond_its_budget_an_account_sends() {
    let store = store_with(|options| options.limits.proof_bytes_per_hour = SECRET.len() as u64).await;
    let bob = store.user("bob").await;
    let (first, salt) = challenged(&store, &bob, "one").await;
    assert!(is_taken(&store, &bob, &first, prove(&first, salt, SECRET.as_bytes())).await);
    let (second, salt) = challenged(&store, &bob, "two").await;
    assert!(!is_taken(&store, &bob, &second, prove(&second, salt, SECRET.as_bytes())).await);
    store.clock.pass(Duration::from_hours(1));
    let (third, salt) = challenged(&store, &bob, "three").await;
    assert!(is_taken(&store, &bob, &third, prove(&third, salt, SECRET.as_bytes())).await);
}

#[tokio::test]
async fn bytes_that_exist_out_of_sight_are_asked_for_like_bytes_that_do_not() {
    let (with, without) = (TestStore::new().await, TestStore::new().await);
    let alice = with.user("alice").await;
    with.publish(&alice, &charm("hidden")).await;
    let mut seen = Vec::new();
    for store in [&with, &without] {
        let eve = store.user("eve").await;
        let (session, plan) = store.begin(&eve, &charm("mine").plan("eve")).await;
        let mut answers = vec![serde_json::to_string(&(plan.blobs, plan.streams, plan.charm)).unwrap()];
        let missing = store.commit(&session, &CommitRequest::default()).by(&eve).await;
        answers.push(missing.to_string());
        for (blob, bytes) in charm("mine").blobs() {
            answers.push(store.send(&session, &blob, 0, &bytes).by(&eve).await.to_string());
        }
        let committed = store.commit(&session, &CommitRequest::default()).by(&eve).await;
        let CommitAnswer::Committed(published) = committed.read() else { panic!("{committed}") };
        answers.push(published.received_bytes.to_string());
        seen.push(answers);
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn digests_with_another_size_are_nobodys() {
    let store = store().await;
    let eve = store.user("eve").await;
    let mut plan = charm("mine").plan("eve");
    for file in plan.streams.values_mut().flatten() {
        file.file.content.size += 1;
    }
    let answer = store.plan(&eve, &plan).await;
    assert_eq!(salt(&answer), None);
}

#[tokio::test]
async fn a_dry_run_shows_that_a_proof_would_be_asked_for_and_takes_none() {
    let store = store().await;
    let bob = store.user("bob").await;
    let mut plan = charm("mine").plan("bob");
    plan.dry_run = true;
    let answer = store.plan(&bob, &plan).await;
    assert!(salt(&answer).is_some() && answer.session.is_none());
}

#[tokio::test]
async fn a_visible_digest_opens_no_bytes() {
    let store = store().await;
    let eve = store.user("eve").await;
    let digests = store.get("/v4/resolve?id=~alice/paid@latest").by(&eve).await;
    assert_eq!(digests.json()["resources"]["files"][0]["sha256"], json!(secret().to_string()));
    for path in ["archive", "resources/common/app", "resources", "archive/metadata.yaml"] {
        let refused = store.get(&format!("/v4/~alice/paid-0.stable.0/{path}")).by(&eve).await;
        assert_eq!(refused.status, 401, "{refused}");
    }
}
