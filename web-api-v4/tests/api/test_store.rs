//! A store behind its router, and requests to it.

use std::collections::BTreeSet;
use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use charm_model::digest::{Blake3, Content, Sha256};
use charm_model::proof::ProofKey;
use charm_model::rights::Scope;
use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{Method, Request};
use http_body_util::BodyExt as _;
use serde::Serialize;
use store_core::{Limits, Store, StoreOptions};
use tower::ServiceExt as _;
use v4_wire::publish::{
    BlobPlan, CommitAnswer, CommitRequest, PlanAnswer, PlanRequest, Published, Session, UploadProgress,
};
use web_api_v4::{App, ClientAddress, RequestLimits, Throttle, router};

use crate::answer::Answer;
use crate::charm::Charm;
use crate::clock::FakeClock;
use crate::contract::CONTRACT;
use crate::place::Place;

/// The operator's password.
pub(crate) const ADMIN_PASSWORD: &str = "correct horse";

/// Somebody with a token.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) token: String,
    pub(crate) token_id: String,
}

pub(crate) struct TestStore {
    pub(crate) store: Store,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) place: Place,
    router: Router,
}

impl TestStore {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// Makes a store with other options than the usual ones.
    pub(crate) async fn with(change: impl FnOnce(&mut StoreOptions)) -> Self {
        Self::at(Place::embedded().await, change)
    }

    pub(crate) fn at(place: Place, change: impl FnOnce(&mut StoreOptions)) -> Self {
        let clock = Arc::new(FakeClock::new());
        let mut options = StoreOptions::new(place.database.clone(), place.blobs.clone());
        options.clock = clock.clone();
        options.admin_password = Some(ADMIN_PASSWORD.into());
        // A search waits for whatever just happened, however slow the machine is.
        let minute = Duration::from_mins(1);
        options.limits = Limits { search_wait: minute, first_search_wait: minute, ..options.limits };
        change(&mut options);
        let store = Store::new(options);
        let router = router(App { store: store.clone(), read_only: false, throttle: Throttle::default() });
        Self { store, clock, place, router }
    }

    /// Answers from here on as a store that takes no writes.
    pub(crate) fn read_only(self) -> Self {
        self.with_app(true, Throttle::default())
    }

    /// Answers from here on no more requests than that.
    pub(crate) fn throttled(self, limits: RequestLimits) -> Self {
        self.with_app(false, Throttle::new(limits))
    }

    fn with_app(self, read_only: bool, throttle: Throttle) -> Self {
        Self { router: router(App { store: self.store.clone(), read_only, throttle }), ..self }
    }

    /// Listens on a port of this machine, until the runtime ends.
    pub(crate) async fn listen(&self) -> std::net::SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, self.router.clone()).into_future());
        address
    }

    pub(crate) async fn user(&self, name: &str) -> User {
        self.user_in(name, &[]).await
    }

    pub(crate) async fn user_in(&self, name: &str, groups: &[&str]) -> User {
        let groups: BTreeSet<_> = groups.iter().map(|group| group.parse().unwrap()).collect();
        self.store.add_user(&name.parse().unwrap(), &groups).await.unwrap();
        self.token(name, &[]).await
    }

    /// Gives a user another token, for this and no more.
    pub(crate) async fn token(&self, name: &str, scope: &[&str]) -> User {
        let scope = Scope::parse(&scope.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        let token = self.store.create_token(&name.parse().unwrap(), scope, None, None).await.unwrap();
        User { name: name.to_owned(), token: token.token, token_id: token.id }
    }

    pub(crate) fn get(&self, path: &str) -> Ask<'_> {
        self.ask(Method::GET, path)
    }

    pub(crate) fn head(&self, path: &str) -> Ask<'_> {
        self.ask(Method::HEAD, path)
    }

    pub(crate) fn delete(&self, path: &str) -> Ask<'_> {
        self.ask(Method::DELETE, path)
    }

    pub(crate) fn post(&self, path: &str, body: &impl Serialize) -> Ask<'_> {
        self.ask(Method::POST, path).json(body)
    }

    pub(crate) fn put(&self, path: &str, body: &impl Serialize) -> Ask<'_> {
        self.ask(Method::PUT, path).json(body)
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        Ask { store: self, request }
    }

    pub(crate) async fn plan(&self, user: &User, plan: &PlanRequest) -> PlanAnswer {
        self.post("/v4/publish", plan).by(user).await.read()
    }

    /// Opens a session for a plan.
    pub(crate) async fn begin(&self, user: &User, plan: &PlanRequest) -> (Session, PlanAnswer) {
        let answer = self.plan(user, plan).await;
        (answer.session.clone().unwrap(), answer)
    }

    pub(crate) fn send(&self, session: &Session, blob: &Sha256, offset: u64, part: &[u8]) -> Ask<'_> {
        let path = format!("/v4/publish/{}/blobs/{blob}?offset={offset}", session.id);
        self.ask(Method::PUT, &path).bytes(part)
    }

    pub(crate) fn commit(&self, session: &Session, proofs: &CommitRequest) -> Ask<'_> {
        self.post(&format!("/v4/publish/{}/commit", session.id), proofs)
    }

    /// Has the whole conversation, and proves and sends whatever the store asks for.
    pub(crate) async fn publish(&self, user: &User, charm: &Charm) -> Published {
        match self.try_publish(user, charm).await.read() {
            CommitAnswer::Committed(published) => published,
            CommitAnswer::Incomplete { send } => panic!("still to be sent: {send:?}"),
        }
    }

    pub(crate) async fn try_publish(&self, user: &User, charm: &Charm) -> Answer {
        let (session, answer) = self.begin(user, &charm.plan(&user.name)).await;
        let mut request = CommitRequest::default();
        let bytes = charm.blobs();
        for (blob, plan) in answer.blobs {
            match plan {
                BlobPlan::Have => {}
                BlobPlan::Prove { salt } => {
                    request.proofs.insert(blob, prove(&session, salt, &bytes[&blob]));
                }
                BlobPlan::Send { offset, .. } => {
                    let rest = &bytes[&blob][usize::try_from(offset).unwrap()..];
                    let sent: UploadProgress = self.send(&session, &blob, offset, rest).by(user).await.read();
                    assert!(sent.complete);
                }
            }
        }
        self.commit(&session, &request).by(user).await
    }

    /// Releases what a publish made.
    pub(crate) async fn release(&self, user: &User, published: &Published) -> Answer {
        let path = format!("/v4/{}/release", published.ids[0]);
        let streams: serde_json::Map<_, _> = published
            .streams
            .iter()
            .map(|(stream, it)| (stream.to_string(), it.revision.number().into()))
            .collect();
        self.post(&path, &serde_json::json!({ "streams": streams })).by(user).await
    }

    /// Publishes, releases and opens to everybody.
    pub(crate) async fn publish_openly(&self, user: &User, charm: &Charm) -> Published {
        let published = self.publish(user, charm).await;
        self.release(user, &published).await.read::<serde_json::Value>();
        self.preset(user, &format!("~{}/{}", user.name, charm.name()), "public").await;
        published
    }

    pub(crate) async fn preset(&self, user: &User, base: &str, preset: &str) {
        let answer =
            self.put(&format!("/v4/{base}/rights"), &serde_json::json!({ "preset": preset })).by(user).await;
        answer.read::<serde_json::Value>();
    }
}

/// Answers a salt as a client does that has the bytes.
pub(crate) fn prove(session: &Session, salt: Blake3, bytes: &[u8]) -> Blake3 {
    ProofKey::derive(&salt.0, &session.id, session.account.as_str(), &Content::of(bytes))
        .answer(bytes)
        .unwrap()
}

/// A request that is sent when it is awaited.
pub(crate) struct Ask<'a> {
    store: &'a TestStore,
    request: Request<Body>,
}

impl Ask<'_> {
    pub(crate) fn by(self, user: &User) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {}", user.token))
    }

    /// Asks as somebody, or as nobody.
    pub(crate) fn by_any(self, user: Option<&User>) -> Self {
        if let Some(user) = user { self.by(user) } else { self }
    }

    pub(crate) fn with_basic(self, user: &str, password: &str) -> Self {
        let credentials = STANDARD.encode(format!("{user}:{password}"));
        self.header(AUTHORIZATION.as_str(), &format!("Basic {credentials}"))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request.headers_mut().insert(http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        self
    }

    /// Asks from another address.
    pub(crate) fn coming_from(mut self, address: &str) -> Self {
        self.request.extensions_mut().insert(ClientAddress(address.parse().unwrap()));
        self
    }

    pub(crate) fn json(self, body: &impl Serialize) -> Self {
        let mut ask = self.header(CONTENT_TYPE.as_str(), "application/json");
        *ask.request.body_mut() = serde_json::to_vec(body).unwrap().into();
        ask
    }

    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        let mut ask = self.header(CONTENT_LENGTH.as_str(), &bytes.len().to_string());
        *ask.request.body_mut() = bytes.to_vec().into();
        ask
    }

    /// Sends this body as it comes.
    pub(crate) fn body(mut self, body: Body) -> Self {
        *self.request.body_mut() = body;
        self
    }

    async fn answer(self) -> Answer {
        let (method, path) = (self.request.method().clone(), self.request.uri().path().to_owned());
        let response = self.store.router.clone().oneshot(self.request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let answer = Answer { status: parts.status, headers: parts.headers, body };
        CONTRACT.check(&method, &path, &answer);
        answer
    }
}

impl<'a> IntoFuture for Ask<'a> {
    type Output = Answer;
    type IntoFuture = BoxFuture<'a, Answer>;

    fn into_future(self) -> BoxFuture<'a, Answer> {
        Box::pin(self.answer())
    }
}
