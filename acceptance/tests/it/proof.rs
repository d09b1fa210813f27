//! Knowing a digest is not having the bytes; and what one may not see looks like what is not there.

use std::collections::BTreeMap;

use acceptance::{Server, Tree, User, noise};
use charm_model::digest::{Blake3, Content, Sha256};
use charm_model::proof::ProofKey;
use charm_model::reference::Reference;
use charm_model::shape::ManifestFile;
use serde_json::{Value, json};
use store_client::{ClientError, Credentials, Options, Store};
use v4_wire::publish::{BlobPlan, CommitAnswer, CommitRequest, PlanAnswer, PlanRequest, StreamFile};
use v4_wire::rights::RightsRequest;

const PATH: &str = "common/a.bin";
const N_BYTES: usize = 100_000;

/// Makes a client of that user's own.
fn client(server: &Server, user: &User) -> Store {
    Store::new(&server.url(), Credentials::parse(user.token()).unwrap(), Options::default()).unwrap()
}

/// Publishes a charm of that user's that has those bytes.
fn publish(user: &User, name: &str, bytes: &[u8]) -> Value {
    let _tree = Tree::charm(user.dir(), name).declaring(&["stable"], &[PATH]).resource(PATH, bytes);
    user.publish_json(&[name])
}

/// Plans resources of these bytes for a charm of that user's, which is there; only their digests are told.
fn plan_request(user: &User, name: &str, content: Content) -> PlanRequest {
    let (tree, path) = PATH.split_once('/').unwrap();
    let file = ManifestFile { content, executable: false };
    let place = charm_model::shape::Place { tree: tree.parse().unwrap(), path: path.parse().unwrap() };
    PlanRequest {
        base: format!("~{}/{name}", user.name()).parse::<Reference>().unwrap().base().unwrap(),
        series: None,
        archive: None,
        streams: BTreeMap::from([("stable".parse().unwrap(), vec![StreamFile { place, file }])]),
        dry_run: false,
    }
}

fn salt(answer: &PlanAnswer, content: &Content) -> Blake3 {
    match &answer.blobs[&content.digests.sha256] {
        BlobPlan::Prove { salt } => *salt,
        other => panic!("a proof should be asked for, not {other:?}"),
    }
}

/// A store where Ann's charm shows its digests to everybody and its bytes to nobody, and Eve has a charm of her own.
struct Gated {
    server: Server,
    ann: User,
    eve: User,
    bytes: Vec<u8>,
    content: Content,
}

impl Gated {
    async fn new() -> Self {
        let server = Server::start();
        let (ann, eve) = (server.user("ann", &[]), server.user("eve", &[]));
        let bytes = noise(1, N_BYTES);
        publish(&ann, "secret", &bytes);
        publish(&eve, "app", b"eve's own");
        set_preset(&client(&server, &ann), "~ann/secret", "gated").await;
        Self { server, ann, eve, content: Content::of(&bytes), bytes }
    }

    /// Plans the secret's digest as a resource of that user's `app`.
    async fn plan(&self, user: &User) -> (Store, PlanAnswer) {
        self.plan_for(user, "app").await
    }

    /// Plans the secret's digest as a resource of that user's charm.
    async fn plan_for(&self, user: &User, name: &str) -> (Store, PlanAnswer) {
        let store = client(&self.server, user);
        let answer = store.plan(&plan_request(user, name, self.content)).await.unwrap();
        (store, answer)
    }

    /// Answers a salt of that user's session as somebody does who has the bytes.
    fn right_answer(&self, user: &User, answer: &PlanAnswer) -> Blake3 {
        let session = &answer.session.as_ref().unwrap().id;
        let salt = salt(answer, &self.content);
        ProofKey::derive(&salt.0, session, user.name(), &self.content).answer(&self.bytes[..]).unwrap()
    }

    /// Commits a session with that proof, and says whether the proof was accepted.
    async fn is_accepted(&self, store: &Store, answer: &PlanAnswer, proof: Blake3) -> bool {
        let proofs = BTreeMap::from([(self.content.digests.sha256, proof)]);
        match store.commit(answer.session.as_ref().unwrap(), &CommitRequest { proofs }).await.unwrap() {
            CommitAnswer::Committed(_) => true,
            CommitAnswer::Incomplete { send } => {
                assert_eq!(send[&self.content.digests.sha256].offset, 0);
                false
            }
        }
    }
}

async fn set_preset(store: &Store, id: &str, preset: &str) {
    let request = RightsRequest { preset: Some(preset.to_owned()), ..RightsRequest::default() };
    store.set_rights(&id.parse().unwrap(), &request).await.unwrap();
}

#[tokio::test]
async fn whoever_sees_a_digest_and_has_no_bytes_gets_nothing() {
    let gated = Gated::new().await;
    let seen = gated.eve.publish_json(&["resolve", "~ann/secret@latest"]);
    assert_eq!(seen["resources"]["files"][0]["sha256"], json!(gated.content.digests.sha256));
    assert_eq!(gated.eve.publish(&["pull", "~ann/secret@latest", "loot"]).code, Some(4));
    let (store, answer) = gated.plan(&gated.eve).await;
    let guess = gated.content.digests.blake3;
    assert!(!gated.is_accepted(&store, &answer, guess).await);
    assert_eq!(gated.eve.resolve("~eve/app@latest"), "~eve/app-0.stable.0");
}

#[tokio::test]
async fn whoever_has_the_bytes_sends_none_of_them() {
    let gated = Gated::new().await;
    let published = publish(&gated.eve, "copy", &gated.bytes);
    let sent = published["sent"].as_u64().unwrap();
    assert!(sent < 2_000, "the archive alone is sent: {published}");
    assert_eq!(published["logical"].as_u64().unwrap() - sent, N_BYTES as u64);
}

#[tokio::test]
async fn the_right_answer_is_accepted_and_the_bytes_are_there() {
    let gated = Gated::new().await;
    let (store, answer) = gated.plan(&gated.eve).await;
    assert!(gated.is_accepted(&store, &answer, gated.right_answer(&gated.eve, &answer)).await);
    gated.eve.publish_json(&["pull", "~eve/app@latest", "copy"]);
    assert_eq!(std::fs::read(gated.eve.dir().join("copy/resources").join(PATH)).unwrap(), gated.bytes);
}

#[tokio::test]
async fn an_answer_of_another_session_is_not_accepted() {
    let gated = Gated::new().await;
    publish(&gated.eve, "other", b"eve's own");
    let (_, first) = gated.plan_for(&gated.eve, "other").await;
    let (store, second) = gated.plan(&gated.eve).await;
    assert_ne!(salt(&first, &gated.content), salt(&second, &gated.content));
    assert!(!gated.is_accepted(&store, &second, gated.right_answer(&gated.eve, &first)).await);
}

#[tokio::test]
async fn an_answer_of_another_user_is_not_accepted() {
    let gated = Gated::new().await;
    let bob = gated.server.user("bob", &[]);
    publish(&bob, "app", b"bob's own");
    let (_, of_bob) = gated.plan(&bob).await;
    let (store, of_eve) = gated.plan(&gated.eve).await;
    assert!(!gated.is_accepted(&store, &of_eve, gated.right_answer(&bob, &of_bob)).await);
    // Bob's answer to Eve's salt, too, is Bob's.
    let session = &of_eve.session.as_ref().unwrap().id;
    let key = ProofKey::derive(&salt(&of_eve, &gated.content).0, session, bob.name(), &gated.content);
    assert!(!gated.is_accepted(&store, &of_eve, key.answer(&gated.bytes[..]).unwrap()).await);
}

#[tokio::test]
async fn a_session_is_nobody_else_s() {
    let gated = Gated::new().await;
    let (_, answer) = gated.plan(&gated.eve).await;
    let ann = client(&gated.server, &gated.ann);
    let commit = ann.commit(answer.session.as_ref().unwrap(), &CommitRequest::default()).await;
    assert!(matches!(commit, Err(ClientError::NotFound(_) | ClientError::Conflict(_))), "{commit:?}");
}

#[tokio::test]
async fn a_wrong_answer_uses_the_salt_up() {
    let gated = Gated::new().await;
    let (store, answer) = gated.plan(&gated.eve).await;
    assert!(!gated.is_accepted(&store, &answer, Blake3([0; 32])).await);
    assert!(!gated.is_accepted(&store, &answer, gated.right_answer(&gated.eve, &answer)).await);
}

/// What a raw conversation about a digest looks like, random names taken out.
async fn conversation(server: &Server, eve: &User, bytes: &[u8]) -> Vec<String> {
    let content = Content::of(bytes);
    let http = reqwest::Client::new();
    let (url, token) = (server.url(), eve.token());
    let plan =
        http.post(format!("{url}/v4/publish")).bearer_auth(token).json(&plan_request(eve, "app", content));
    let (planned, told) = answer(plan, &content.digests.sha256, "").await;
    let session = told["session"]["id"].as_str().unwrap().to_owned();
    let session_url = format!("{url}/v4/publish/{session}");
    let progress = http.get(format!("{session_url}/blobs/{}", content.digests.sha256)).bearer_auth(token);
    let mut texts = vec![planned, answer(progress, &content.digests.sha256, &session).await.0];
    for proof in [None, Some(Blake3([7; 32]))] {
        let proofs = proof.map(|proof| (content.digests.sha256, proof)).into_iter().collect();
        let commit =
            http.post(format!("{session_url}/commit")).bearer_auth(token).json(&CommitRequest { proofs });
        texts.push(answer(commit, &content.digests.sha256, &session).await.0);
    }
    texts
}

/// Returns an answer's status, headers and body without what is random, and its body as JSON.
async fn answer(request: reqwest::RequestBuilder, digest: &Sha256, session: &str) -> (String, Value) {
    let response = request.send().await.unwrap();
    let mut headers: Vec<_> = response.headers().keys().map(ToString::to_string).collect();
    headers.sort();
    let status = response.status();
    let body = response.text().await.unwrap();
    let told: Value = serde_json::from_str(&body).unwrap();
    let session = told["session"]["id"].as_str().unwrap_or(session);
    let expires = told["session"]["expires"].as_str().unwrap_or_default();
    let shape = told["streams"]["stable"]["shape"].as_str().unwrap_or_default();
    let body =
        [(session, "SESSION"), (expires, "EXPIRES"), (shape, "SHAPE"), (&digest.to_string(), "DIGEST")]
            .iter()
            .filter(|(text, _)| !text.is_empty())
            .fold(body, |body, (text, name)| body.replace(text, name));
    (format!("{status} {headers:?} {body}"), told)
}

#[tokio::test]
async fn bytes_that_the_caller_may_not_see_are_answered_like_bytes_that_are_not_there() {
    let server = Server::start();
    let (ann, eve) = (server.user("ann", &[]), server.user("eve", &[]));
    let (private, absent) = (noise(1, N_BYTES), noise(2, N_BYTES));
    publish(&ann, "secret", &private);
    publish(&eve, "app", b"eve's own");
    let of_private = conversation(&server, &eve, &private).await;
    let of_absent = conversation(&server, &eve, &absent).await;
    assert!(of_absent[0].contains(r#""action":"send""#), "{of_absent:?}");
    assert_eq!(of_private, of_absent);
}

#[tokio::test]
async fn bytes_that_the_caller_may_not_see_are_sent_whole_like_those_that_are_not_there() {
    let server = Server::start();
    let (ann, eve) = (server.user("ann", &[]), server.user("eve", &[]));
    let (private, absent) = (noise(1, N_BYTES), noise(2, N_BYTES));
    publish(&ann, "secret", &private);
    for (name, bytes) in [("copy", private), ("news", absent)] {
        let published = publish(&eve, name, &bytes);
        assert_eq!(published["sent"], published["logical"], "{published}");
    }
}

#[tokio::test]
async fn a_charm_that_one_may_not_know_of_is_answered_like_one_that_does_not_exist() {
    let server = Server::start();
    let (ann, eve) = (server.user("ann", &[]), server.user("eve", &[]));
    publish(&ann, "secret", b"x");
    let http = reqwest::Client::new();
    for route in [
        "status",
        "history",
        "rights",
        "archive",
        "resources",
        "archive/metadata.yaml",
        "resources/common/a.bin",
    ] {
        let ask = |name: &str| {
            http.get(format!("{}/v4/~ann/{name}/{route}", server.url())).bearer_auth(eve.token())
        };
        let mut texts = Vec::new();
        for name in ["secret", "secreu"] {
            let response = ask(name).send().await.unwrap();
            let status = response.status();
            texts.push(format!("{status} {}", response.text().await.unwrap().replace(name, "NAME")));
        }
        assert_eq!(texts[0], texts[1], "{route}");
        assert!(texts[0].starts_with("404"), "{route}: {}", texts[0]);
    }
}
