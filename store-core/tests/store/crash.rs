//! A publish that is cut off, wherever that may be.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use charm_model::digest::Content;
use charm_model::reference::Revision;
use v4_wire::publish::CommitRequest;

use blob_store::UploadState;
use futures::TryStreamExt as _;

use crate::audit::audit;
use crate::place::{Place, everywhere};
use crate::publisher::{body, check, publish, send, send_all};
use crate::sample::{Sample, bytes, user};

everywhere! {
    a_publish_that_was_cut_off_anywhere_is_whole_once_it_is_repeated,
    what_a_crash_kept_from_its_name_is_not_sent_again,
    two_commits_of_one_session_give_the_same_answer,
}

/// Polls a future so many times at most, and drops it then: what it waits for never comes.
async fn cut_off<T>(n_polls: usize, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut n_left = n_polls;
    poll_fn(|cx| {
        if n_left == 0 {
            return Poll::Ready(None);
        }
        n_left -= 1;
        work.as_mut().poll(cx).map(Some)
    })
    .await
}

fn sample(word: &str) -> Sample {
    let sample = Sample::declaring("~alice/one", word, &[("stable", &["common/a", "common/b"])]);
    let large = bytes(word, 2_500_000);
    sample.with("stable", "common/b", large.slice(..100)).with("stable", "common/a", large)
}

async fn a_publish_that_was_cut_off_anywhere_is_whole_once_it_is_repeated(place: Place) {
    let alice = user("alice");
    let mut n_polls = 1;
    for revision in 0.. {
        let sample = sample(&format!("cut off after {n_polls}"));
        let before = place.server().await;
        let done = cut_off(n_polls, Box::pin(publish(&before, &alice, &sample))).await;
        drop(before);
        let after = place.server().await;
        if revision % 3 == 0 {
            place.let_time_go_by(&after).await;
        }
        let published = publish(&after, &alice, &sample).await.unwrap();
        check(&after, &alice, &sample, &published).await;
        assert_eq!(published.charm.revision, Revision::new(revision).unwrap(), "published twice, or never");
        if done.is_some() {
            break;
        }
        n_polls += 1 + n_polls / 16;
    }
    assert!(n_polls > 16, "{n_polls}");
    audit(&place).await;
}

async fn what_a_crash_kept_from_its_name_is_not_sent_again(place: Place) {
    let (store, alice, sample) = (place.server().await, user("alice"), sample("word"));
    let session = store.plan(&alice, &sample.plan()).await.unwrap().session.unwrap().id;
    let bytes = bytes("word", 2_500_000);
    let content = Content::of(&bytes);
    let sha256 = content.digests.sha256;
    store.receive(&alice, &session, &sha256, 0, body(bytes.slice(..0))).await.unwrap();

    // As far as a server gets that dies before it can write down that there is a blob.
    let mut tx = store.database().write().await.unwrap();
    let mut upload = tx.upload(&session, &sha256).await.unwrap().unwrap();
    let state: UploadState = serde_json::from_slice(&upload.state).unwrap();
    let states: Vec<_> =
        place.blobs().append(state, body(bytes.clone())).await.unwrap().try_collect().await.unwrap();
    let last = states.last().unwrap();
    for state in &states {
        let saved = serde_json::to_vec(state).unwrap();
        assert!(tx.advance_upload(&session, &upload, &saved, state.offset()).await.unwrap());
        upload.version += 1;
    }
    tx.commit().await.unwrap();
    place.blobs().finish(last, &content.digests).await.unwrap();

    let progress = store.progress(&alice, &session, &sha256).await.unwrap();
    assert_eq!((progress.offset, progress.complete), (2_500_000, false));
    let nothing = body(bytes.slice(..0));
    assert!(store.receive(&alice, &session, &sha256, 2_500_000, nothing).await.unwrap().complete);
    for bytes in sample.blobs().values() {
        send(&store, &alice, &session, bytes).await.unwrap();
    }
    store.commit(&alice, &session, &CommitRequest::default()).await.unwrap();
    check(&store, &alice, &sample, &publish(&store, &alice, &sample).await.unwrap()).await;
    audit(&place).await;
}

async fn two_commits_of_one_session_give_the_same_answer(place: Place) {
    let (store, other, alice) = (place.server().await, place.server().await, user("alice"));
    for round in 0..5 {
        let session = send_all(&store, &alice, &sample(&format!("round {round}"))).await.unwrap();
        let nothing = CommitRequest::default();
        let (one, two) =
            tokio::join!(store.commit(&alice, &session, &nothing), other.commit(&alice, &session, &nothing));
        assert_eq!(one.unwrap(), two.unwrap());
    }
    place.clock.advance(Duration::from_hours(1));
    audit(&place).await;
}
