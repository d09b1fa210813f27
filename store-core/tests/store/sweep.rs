use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use charm_model::digest::{Content, Sha384};
use charm_model::name::Channel;
use charm_model::rights::Caller;
use sha2::Digest as _;
use store_core::{Store, StoreError, Swept, What};
use tokio::task::JoinSet;
use v4_wire::publish::{BlobPlan, CommitRequest};
use v4_wire::rights::RightsRequest;

use crate::audit::{audit, n_blobs};
use crate::place::{Place, everywhere};
use crate::publisher::{check, prove, publish, send, send_all};
use crate::sample::{Sample, bytes, reference, user};

everywhere! {
    what_an_expired_session_brought_is_swept_and_what_a_live_one_brought_is_not,
    an_abandoned_publish_leaves_nothing,
    an_abandoned_session_takes_no_commit,
    a_closed_session_leaves_the_parts_of_what_never_became_whole,
    the_same_bytes_in_two_sessions_are_stored_once,
    a_session_that_proved_a_blob_does_not_take_it_along,
    what_was_sent_before_a_proof_is_dropped,
    sweeping_beside_publishing_takes_nothing_that_is_published,
    a_large_blob_gets_its_sha384_from_housekeeping,
    one_lost_object_keeps_housekeeping_from_nothing_else,
    of_two_housekeepers_one_works,
}

fn with_resource(base: &str, word: &str) -> Sample {
    let sample = Sample::declaring(base, word, &[("stable", &["common/a"])]);
    sample.with("stable", "common/a", bytes(word, 100_000))
}

async fn what_an_expired_session_brought_is_swept_and_what_a_live_one_brought_is_not(place: Place) {
    let (store, alice) = (place.server().await, user("alice"));
    let (given_up, live) = (with_resource("~alice/one", "one"), with_resource("~alice/two", "two"));
    send_all(&store, &alice, &given_up).await.unwrap();
    place.clock.advance(Duration::from_hours(71));
    let session = send_all(&store, &alice, &live).await.unwrap();
    assert_eq!(place.objects().await.len(), 4);

    place.clock.advance(Duration::from_hours(2));
    assert_eq!(store.keep_house("h").await.unwrap().sessions, 1);
    assert_eq!(
        n_blobs(&place).await,
        4,
        "a blob that just came is kept for a while, whatever became of its session"
    );

    place.clock.advance(Duration::from_hours(26));
    store.keep_house("h").await.unwrap();
    place.clock.advance(Duration::from_hours(2));
    assert_eq!(store.keep_house("h").await.unwrap().objects, 2);
    assert_eq!(place.objects().await.len(), 2);
    store.commit(&alice, &session, &CommitRequest::default()).await.unwrap();
    audit(&place).await;
    assert_eq!(n_blobs(&place).await, 2);
}

async fn an_abandoned_publish_leaves_nothing(place: Place) {
    let (store, alice) = (place.server().await, user("alice"));
    let session = send_all(&store, &alice, &with_resource("~alice/one", "one")).await.unwrap();
    store.abandon(&alice, &session).await.unwrap();
    let resolved = store.resolve(&Caller::Admin, &reference("~alice/one-0"), Channel::Stable, None).await;
    assert!(matches!(resolved, Err(StoreError::NoEntity(_))), "{resolved:?}");
    assert_eq!(store.changes(&Caller::Admin, 0, None).await.unwrap().events, []);
    audit(&place).await;
    assert_eq!(n_blobs(&place).await, 0);
}

async fn an_abandoned_session_takes_no_commit(place: Place) {
    let (store, alice) = (place.server().await, user("alice"));
    for round in 0..8 {
        let sample = with_resource("~alice/one", &format!("round {round}"));
        let session = send_all(&store, &alice, &sample).await.unwrap();
        let nothing = CommitRequest::default();
        let (committed, abandoned) =
            tokio::join!(store.commit(&alice, &session, &nothing), store.abandon(&alice, &session));
        abandoned.unwrap();
        let events = store.changes(&Caller::Admin, 0, None).await.unwrap().events.len();
        match committed {
            Ok(_) => assert!(store.commit(&alice, &session, &nothing).await.is_ok()),
            Err(StoreError::NoSession(_)) => assert!(events <= round),
            Err(error) => panic!("{error}"),
        }
    }
    audit(&place).await;
}

async fn a_closed_session_leaves_the_parts_of_what_never_became_whole(place: Place) {
    let (store, alice) = (place.server().await, user("alice"));
    let large = bytes("large", 20 << 20);
    let sample = Sample::declaring("~alice/one", "one", &[("stable", &["common/a"])])
        .with("stable", "common/a", large);
    let session = store.plan(&alice, &sample.plan()).await.unwrap().session.unwrap().id;
    let half = sample.blobs().into_values().max_by_key(bytes::Bytes::len).unwrap();
    let sha256 = Content::of(&half).digests.sha256;
    let body = crate::publisher::body(half.slice(..17 << 20));
    let progress = store.receive(&alice, &session, &sha256, 0, body).await.unwrap();
    assert!(progress.offset >= 16 << 20 && !progress.complete, "{progress:?}");
    place.let_time_go_by(&store).await;
    assert_eq!(place.objects().await.len(), 0);
    audit(&place).await;
}

async fn the_same_bytes_in_two_sessions_are_stored_once(place: Place) {
    let (store, other) = (place.server().await, place.server().await);
    let (alice, bob) = (user("alice"), user("bob"));
    let (one, two) = (with_resource("~alice/one", "same"), with_resource("~bob/one", "same"));
    let (first, second) = tokio::join!(publish(&store, &alice, &one), publish(&other, &bob, &two));
    check(&other, &alice, &one, &first.unwrap()).await;
    check(&store, &bob, &two, &second.unwrap()).await;
    audit(&place).await;
    assert_eq!(n_blobs(&place).await, 2);
}

/// Publishes a charm that everybody may see, and returns what its own publisher and another one publish.
async fn shown_to_everybody(store: &Store) -> (Sample, Sample) {
    let (sample, alice) = (with_resource("~alice/one", "same"), user("alice"));
    publish(store, &alice, &sample).await.unwrap();
    let public = RightsRequest { preset: Some("public".to_owned()), ..RightsRequest::default() };
    store.set_rights(&alice, &reference("~alice/one"), public).await.unwrap();
    let same = Sample { base: "~bob/one".to_owned(), ..sample.clone() };
    (sample, same)
}

async fn a_session_that_proved_a_blob_does_not_take_it_along(place: Place) {
    let (store, bob) = (place.server().await, user("bob"));
    let (sample, same) = shown_to_everybody(&store).await;
    let extra = same.with("stable", "common/b", bytes("missing", 100));
    let answer = store.plan(&bob, &extra.plan()).await.unwrap();
    assert_eq!(answer.blobs.values().filter(|plan| matches!(plan, BlobPlan::Prove { .. })).count(), 2);
    let session = answer.session.as_ref().unwrap().id.clone();
    store.commit(&bob, &session, &prove(&answer, &extra)).await.unwrap();
    place.let_time_go_by(&store).await;
    let again = publish(&store, &user("alice"), &sample).await.unwrap();
    assert!(!again.charm.new);
    check(&store, &bob, &sample, &again).await;
    audit(&place).await;
}

async fn what_was_sent_before_a_proof_is_dropped(place: Place) {
    let (store, bob) = (place.server().await, user("bob"));
    let (_, same) = shown_to_everybody(&store).await;
    let answer = store.plan(&bob, &same.plan()).await.unwrap();
    let session = answer.session.as_ref().unwrap().id.clone();
    for (sha256, bytes) in same.blobs() {
        let broken_off = crate::publisher::body(bytes.slice(..bytes.len() / 2));
        store.receive(&bob, &session, &sha256, 0, broken_off).await.unwrap();
    }
    store.commit(&bob, &session, &prove(&answer, &same)).await.unwrap();
    check(&store, &bob, &same, &publish(&store, &bob, &same).await.unwrap()).await;
    audit(&place).await;
    assert_eq!(n_blobs(&place).await, 2);
}

async fn sweeping_beside_publishing_takes_nothing_that_is_published(mut place: Place) {
    place.limits.blob_grace = Duration::ZERO;
    place.limits.object_grace = Duration::ZERO;
    let is_over = Arc::new(AtomicBool::new(false));
    let (sweeper, stop) = (place.server().await, is_over.clone());
    let sweeps = tokio::spawn(async move {
        while !stop.load(Ordering::Relaxed) {
            sweeper.keep_house("h").await.unwrap();
        }
    });
    let mut publishers = JoinSet::new();
    for publisher in 0..4 {
        let store = place.server().await;
        publishers.spawn(async move { publish_and_abandon(&store, publisher).await });
    }
    publishers.join_all().await;
    is_over.store(true, Ordering::Relaxed);
    sweeps.await.unwrap();
    audit(&place).await;
}

/// Publishes and abandons the same few contents as the other publishers do at the same time, in another order.
async fn publish_and_abandon(store: &Store, number: usize) {
    let caller = user(&format!("user{number}"));
    for round in 0..20 {
        let word = format!("word {}", (round * (number + 1) + number) % 5);
        let sample = with_resource(&format!("~user{number}/one"), &word);
        if round % 3 == number % 3 {
            let session = send_all(store, &caller, &sample).await.unwrap();
            store.abandon(&caller, &session).await.unwrap();
        } else {
            let published = publish(store, &caller, &sample).await.unwrap();
            check(store, &caller, &sample, &published).await;
        }
    }
}

async fn a_large_blob_gets_its_sha384_from_housekeeping(place: Place) {
    let (store, alice) = (place.server().await, user("alice"));
    let large = bytes("large", (16 << 20) + 1);
    let sample = Sample::declaring("~alice/one", "one", &[("stable", &["common/a"])]);
    let sample = sample.with("stable", "common/a", large.clone());
    let id = publish(&store, &alice, &sample).await.unwrap().ids.remove(0);
    let what = What::Resource(sample.plan().streams.into_values().next().unwrap().remove(0).place);
    assert_eq!(store.open(&alice, &id, Channel::Stable, &what).await.unwrap().sha384, None);
    assert_eq!(store.keep_house("h").await.unwrap(), Swept { sha384: 1, ..Swept::default() });
    let sha384 = Sha384(sha2::Sha384::digest(&large).into());
    assert_eq!(store.open(&alice, &id, Channel::Stable, &what).await.unwrap().sha384, Some(sha384));
    assert_eq!(store.keep_house("h").await.unwrap(), Swept::default());
}

async fn one_lost_object_keeps_housekeeping_from_nothing_else(place: Place) {
    let (store, alice) = (place.server().await, user("alice"));
    let large = |word| bytes(word, (16 << 20) + 1);
    for word in ["one", "two"] {
        let sample = Sample::declaring("~alice/one", word, &[("stable", &["common/a"])]);
        publish(&store, &alice, &sample.with("stable", "common/a", large(word))).await.unwrap();
    }
    let mut tx = store.database().read().await.unwrap();
    let lost = tx.blob(&Content::of(&large("one"))).await.unwrap().unwrap();
    drop(tx);
    place.blobs().delete(lost.object_key.parse().unwrap()).await.unwrap();
    let session = send_all(&store, &alice, &with_resource("~alice/two", "two")).await.unwrap();
    store.abandon(&alice, &session).await.unwrap();
    assert_eq!(store.keep_house("h").await.unwrap().sha384, 1);
    place.let_time_go_by(&store).await;
    assert_eq!(n_blobs(&place).await, 4);
}

async fn of_two_housekeepers_one_works(place: Place) {
    let (store, other) = (place.server().await, place.server().await);
    store.keep_house("one").await.unwrap();
    let sample = with_resource("~alice/one", "one");
    let session = store.plan(&user("alice"), &sample.plan()).await.unwrap().session.unwrap().id;
    send(&store, &user("alice"), &session, &bytes("one", 100_000)).await.unwrap();
    place.clock.advance(Duration::from_hours(72));
    other.keep_house("other").await.unwrap();
    place.clock.advance(Duration::from_mins(9));
    assert_eq!(store.keep_house("one").await.unwrap(), Swept::default());
    place.clock.advance(Duration::from_mins(2));
    assert_eq!(store.keep_house("one").await.unwrap(), Swept::default());
}
