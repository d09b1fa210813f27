//! Parts that come as recipes: what they may be made of, and that lies get nowhere.

use std::convert::Infallible;
use std::future::IntoFuture as _;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use charm_model::digest::{Content, Sha256};
use delta::RecipeWriter;
use delta::recipe::{Frame, Header};
use futures::future::{join_all, pending};
use futures::{StreamExt as _, stream};
use http::header::CONTENT_TYPE;
use serde_json::json;
use tokio::sync::Semaphore;
use v4_wire::publish::{BlobPlan, CommitAnswer, CommitRequest, Session};

use crate::charm::Charm;
use crate::chunks::text;
use crate::test_store::{Ask, TestStore, User};

fn charm(app: &str) -> Charm {
    Charm::named("mysql").with_stream("stable", &[("common/app", app)])
}

fn digest(bytes: &str) -> Sha256 {
    Content::of(bytes.as_bytes()).digests.sha256
}

/// Returns a recipe of copies and literals: a base's range for each `Ok`, these bytes for each `Err`.
fn recipe(offset: u64, bases: &[Sha256], parts: &[Result<(u8, u64, u64), &str>]) -> Vec<u8> {
    let length = |part: &Result<(u8, u64, u64), &str>| part.map_or_else(|it| it.len() as u64, |it| it.2);
    let target = offset..offset + parts.iter().map(length).sum::<u64>();
    let mut bytes = Vec::new();
    let mut writer = RecipeWriter::new(&mut bytes, Header { target, bases: bases.to_vec() }).unwrap();
    for part in parts {
        match part {
            Ok((base, offset, length)) => writer.copy(*base, *offset, *length).unwrap(),
            Err(new) => {
                let length = u32::try_from(new.len()).unwrap();
                writer.add(Frame::Literal { length }, new.as_bytes()).unwrap();
            }
        }
    }
    writer.finish().unwrap();
    bytes
}

/// A store with a published file, and a session that waits for the next version of it.
struct Waiting {
    store: TestStore,
    alice: User,
    session: Session,
    old: String,
    new: String,
}

impl Waiting {
    async fn new() -> Self {
        let store = TestStore::new().await;
        let (alice, old) = (store.user("alice").await, text("old"));
        store.publish(&alice, &charm(&old)).await;
        let new = format!("{}, changed, {}", &old[..200_000], &old[200_000..]);
        let (session, _) = store.begin(&alice, &charm(&new).resources_alone().plan("alice")).await;
        Self { store, alice, session, old, new }
    }

    fn send(&self, offset: u64, recipe: &[u8]) -> Ask<'_> {
        let ask = self.store.send(&self.session, &digest(&self.new), offset, recipe);
        ask.header(CONTENT_TYPE.as_str(), v4_wire::RECIPE)
    }

    /// Returns the recipe of the new version.
    fn right(&self) -> Vec<u8> {
        let rest = self.old.len() as u64 - 200_000;
        recipe(0, &[digest(&self.old)], &[Ok((0, 0, 200_000)), Err(", changed, "), Ok((0, 200_000, rest))])
    }
}

#[tokio::test]
async fn a_recipe_makes_a_blob_of_what_is_there_and_what_travelled_is_told() {
    let at = Waiting::new().await;
    let sent = at.send(0, &at.right()).by(&at.alice).await;
    assert_eq!(sent.json(), json!({ "offset": at.new.len(), "complete": true }));
    let committed = at.store.commit(&at.session, &CommitRequest::default()).by(&at.alice).await;
    let CommitAnswer::Committed(published) = committed.read() else { panic!("{committed}") };
    assert_eq!(published.logical_bytes, at.new.len() as u64);
    assert_eq!(published.received_bytes, at.right().len() as u64);
    let read = at.store.get("/v4/~alice/mysql-0.stable.1/resources/common/app").by(&at.alice).await;
    assert_eq!(read.text(), at.new);
}

#[tokio::test]
async fn a_plan_proposes_what_stood_at_the_same_place_to_whoever_may_read_it() {
    let at = Waiting::new().await;
    let plan = charm(&at.new).resources_alone().plan("alice");
    let bases = |plan: BlobPlan| match plan {
        BlobPlan::Send { bases, .. } => bases,
        other => panic!("{other:?}"),
    };
    let answer = at.store.plan(&at.alice, &plan).await;
    assert_eq!(bases(answer.blobs[&digest(&at.new)].clone()), [Content::of(at.old.as_bytes())]);
    let narrow = at.store.token("alice", &["~alice/mysql:publish"]).await;
    let answer = at.store.plan(&narrow, &plan).await;
    assert_eq!(bases(answer.blobs[&digest(&at.new)].clone()), []);
}

#[tokio::test]
async fn a_base_that_the_publisher_may_not_read_is_like_one_that_is_not_there() {
    let at = Waiting::new().await;
    let narrow = at.store.token("alice", &["~alice/mysql:publish"]).await;
    let refused = at.send(0, &at.right()).by(&narrow).await;
    assert_eq!(refused.status, 400);
    let unknown = recipe(0, &[digest("nothing")], &[Ok((0, 0, 200_000))]);
    let as_unknown = refused.outcome().replace(&digest(&at.old).to_string(), &digest("nothing").to_string());
    assert_eq!(at.send(0, &unknown).by(&narrow).await.outcome(), as_unknown);
}

#[tokio::test]
async fn a_recipe_that_lies_is_refused_and_the_bytes_themselves_are_taken_afterwards() {
    let at = Waiting::new().await;
    let (n_old, n_new) = (at.old.len() as u64, at.new.len() as u64);
    let old = [digest(&at.old)];
    let beyond = recipe(0, &old, &[Ok((0, n_old - 10, 20))]);
    let too_long = recipe(0, &old, &[Ok((0, 0, n_old)), Ok((0, 0, n_old))]);
    let elsewhere = recipe(5, &old, &[Ok((0, 5, 10))]);
    for lie in [beyond, too_long, elsewhere, b"no recipe at all".to_vec(), at.right()[..60].to_vec()] {
        let refused = at.send(0, &lie).by(&at.alice).header("accept", "application/problem+json").await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json()["type"]),
            (400, &json!("urn:charm-store:E-RECIPE"))
        );
    }
    let other = recipe(0, &old, &[Ok((0, 0, n_old)), Ok((0, 0, n_new - n_old))]);
    let refused = at.send(0, &other).by(&at.alice).header("accept", "application/problem+json").await;
    assert_eq!(refused.json()["type"], "urn:charm-store:E-DIGEST");
    let sent = at.store.send(&at.session, &digest(&at.new), 0, at.new.as_bytes()).by(&at.alice).await;
    assert_eq!(sent.json(), json!({ "offset": n_new, "complete": true }));
}

#[tokio::test]
async fn what_a_recipe_made_before_it_broke_off_is_kept_and_the_next_goes_on_there() {
    let at = Waiting::new().await;
    let whole = at.right();
    let broken = at.send(0, &whole[..whole.len() - 3]).by(&at.alice).await;
    assert_eq!(broken.status, 400);
    let n_kept = 200_000 + ", changed, ".len() as u64;
    let rest = recipe(n_kept, &[digest(&at.old)], &[Ok((0, 200_000, at.old.len() as u64 - 200_000))]);
    let sent = at.send(n_kept, &rest).by(&at.alice).await;
    assert_eq!(sent.json(), json!({ "offset": at.new.len(), "complete": true }));
}

#[tokio::test]
async fn however_many_trickle_nobody_waits_for_their_turn() {
    let (at, n_trickling) = (Waiting::new().await, Arc::new(Semaphore::new(0)));
    let trickle = || {
        let (begin, n_trickling) = (Bytes::from(at.right()[..60].to_vec()), n_trickling.clone());
        let never = async move {
            n_trickling.add_permits(1);
            pending::<Result<Bytes, Infallible>>().await
        };
        let body = Body::from_stream(stream::iter([Ok(begin)]).chain(stream::once(Box::pin(never))));
        at.send(0, &at.right()).by(&at.alice).body(body).into_future()
    };
    // Twice as many as are followed at a time.
    let trickling = join_all((0..4).map(|_| trickle()));
    let quick = async {
        let _all = n_trickling.acquire_many(4).await.unwrap();
        at.send(0, &at.right()).by(&at.alice).await
    };
    let sent = tokio::select! {
        _ = trickling => panic!("they have not sent all"),
        sent = quick => sent,
    };
    assert_eq!(sent.json(), json!({ "offset": at.new.len(), "complete": true }));
}
