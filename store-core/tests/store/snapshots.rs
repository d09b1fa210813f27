//! Snapshots are kept in memory, and never tell what is not true any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use catalog::charm::NewCharm;
use catalog::event::{EventKind, NewEvent};
use charm_model::name::Channel;
use store_core::{Store, StoreError};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use v4_wire::release::{ReleaseRequest, WithdrawRequest};
use v4_wire::rights::RightsRequest;

use crate::place::{Place, everywhere};
use crate::publisher::publish;
use crate::sample::{Sample, reference, user};

everywhere! {
    what_another_server_writes_holds_for_the_next_request,
}

/// Counts how often the catalog reads a snapshot.
#[derive(Clone, Default)]
struct SnapshotsRead(Arc<AtomicUsize>);

impl<S: tracing::Subscriber> Layer<S> for SnapshotsRead {
    fn on_new_span(&self, span: &tracing::span::Attributes<'_>, _: &tracing::Id, _: Context<'_, S>) {
        let metadata = span.metadata();
        if metadata.name() == "snapshot" && metadata.target().starts_with("catalog") {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Adds revisions past the publish conversation, which would take its time over so many.
async fn add_revisions(store: &Store, n_revisions: usize) {
    let mut tx = store.database().write().await.unwrap();
    let base = tx.base(&"~alice/one".parse().unwrap()).await.unwrap().unwrap();
    let charm = tx.newest_charm(base.id, None).await.unwrap().unwrap();
    let new = NewCharm {
        base: base.id,
        series: None,
        kind: charm.kind,
        archive: charm.archive.id,
        tree_digest: charm.tree_digest,
        entity: &charm.entity,
        supported: &charm.supported,
        default_stream: None,
        shapes: &[].into(),
        by: &charm.published_by,
        at: charm.published_at,
    };
    for _ in 0..n_revisions {
        tx.add_charm(new).await.unwrap();
    }
    let kind = EventKind::Published;
    let (actor, at, body) = (&charm.published_by, charm.published_at, &charm.entity);
    tx.append_event(NewEvent { base: Some(base.id), kind, actor, token: None, at, body }).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_base_of_5000_revisions_is_read_once_for_many_requests() {
    let place = Place::embedded().await;
    let (store, alice) = (place.server().await, user("alice"));
    publish(&store, &alice, &Sample::new("~alice/one", "one")).await.unwrap();
    add_revisions(&store, 4_999).await;
    let read = SnapshotsRead::default();
    let subscriber = tracing_subscriber::registry().with(read.clone());
    let _counting = tracing::subscriber::set_default(subscriber);
    for revision in 4_900..5_000 {
        let id = reference(&format!("~alice/one-{revision}"));
        assert_eq!(store.resolve(&alice, &id, Channel::Stable, None).await.unwrap().id, id);
    }
    assert_eq!(read.0.load(Ordering::Relaxed), 1);
}

async fn what_another_server_writes_holds_for_the_next_request(place: Place) {
    let (store, other, alice) = (place.server().await, place.server().await, user("alice"));
    let base = reference("~alice/one");
    let current = async || {
        let resolved = store.resolve(&alice, &base, Channel::Stable, None).await;
        resolved.map(|it| it.id.version.revision().unwrap().number()).ok()
    };
    assert_eq!(current().await, None);
    for revision in 0_u32..5 {
        let sample = Sample::new("~alice/one", &format!("word {revision}"));
        let published = publish(&other, &alice, &sample).await.unwrap();
        assert_eq!(current().await, revision.checked_sub(1));
        other.release(&alice, &published.ids[0], &ReleaseRequest::default()).await.unwrap();
        assert_eq!(current().await, Some(revision));
    }
    let request = WithdrawRequest { reason: "broken".to_owned(), move_to: Some(reference("~alice/one-1")) };
    other.withdraw(&alice, &reference("~alice/one-4"), &request).await.unwrap();
    assert_eq!(current().await, Some(1));
    let latest = store.resolve(&alice, &reference("~alice/one@latest"), Channel::Stable, None).await.unwrap();
    assert_eq!(latest.id, reference("~alice/one-3"));
    rights_hold(&store, &other).await;
}

async fn rights_hold(store: &Store, other: &Store) {
    let (alice, bob, base) = (user("alice"), user("bob"), reference("~alice/one"));
    for (preset, is_shown) in [("public", true), ("under-test", false), ("gated", true), ("closed", false)] {
        let request = RightsRequest { preset: Some(preset.to_owned()), ..RightsRequest::default() };
        other.set_rights(&alice, &base, request).await.unwrap();
        let resolved = store.resolve(&bob, &base, Channel::Stable, None).await;
        assert_eq!(resolved.is_ok(), is_shown, "{preset}");
        assert!(is_shown || matches!(resolved, Err(StoreError::NoEntity(_))));
    }
}
