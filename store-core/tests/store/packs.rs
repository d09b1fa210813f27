//! Many small blobs that come at once.

use std::io;

use blob_store::BlobError;
use bytes::Bytes;
use charm_model::digest::{Content, Sha256};
use charm_model::rights::Caller;
use delta::{PackLimits, PackWriter};
use futures::stream;
use store_core::{Store, StoreError};
use v4_wire::publish::{BlobPlan, CommitRequest, PackAnswer, UploadProgress};

use crate::audit::{audit, n_blobs};
use crate::place::{Place, everywhere};
use crate::publisher::{check, publish, send};
use crate::sample::{Sample, bytes, user};

everywhere! {
    what_came_in_a_pack_is_published_like_any_other,
    a_pack_goes_when_the_last_of_its_blobs_has_gone,
    a_pack_is_answered_again_and_not_kept_twice,
    one_wrong_blob_keeps_all_of_its_pack_out,
    what_is_no_pack_of_this_session_is_refused,
    what_has_begun_to_come_in_parts_is_left_to_them,
    packs_of_two_publishers_share_what_is_the_same,
    a_pack_that_broke_off_leaves_nothing,
}

/// A charm with an empty file, small ones, and one that is too large for a pack.
fn sample(base: &str, word: &str) -> Sample {
    let places = ["common/empty", "common/a", "common/b", "common/c", "common/large"];
    let sample = Sample::declaring(base, word, &[("stable", &places)]);
    let sample = sample.with("stable", "common/empty", "").with("stable", "common/a", bytes(word, 10_000));
    let sample =
        sample.with("stable", "common/b", bytes("same", 1)).with("stable", "common/c", word.to_owned());
    sample.with("stable", "common/large", bytes(word, 100_000))
}

/// Returns the blobs of a sample that may come in a pack.
fn small(sample: &Sample) -> Vec<(Sha256, Bytes)> {
    let is_small = |bytes: &Bytes| bytes.len() < 1 << 16 && sample.archive.as_ref() != Some(bytes);
    sample.blobs().into_iter().filter(|(_, bytes)| is_small(bytes)).collect()
}

fn pack(blobs: &[(Sha256, Bytes)]) -> Bytes {
    let limits = PackLimits { blob_bytes: 1 << 20, blobs: 2000, bytes: 1 << 30 };
    let mut writer = PackWriter::new(Vec::new(), u32::try_from(blobs.len()).unwrap(), limits).unwrap();
    for (sha256, bytes) in blobs {
        writer.add(*sha256, bytes).unwrap();
    }
    writer.finish().unwrap().into()
}

async fn send_pack(
    store: &Store,
    caller: &Caller,
    session: &str,
    pack: Bytes,
) -> Result<PackAnswer, StoreError> {
    let (head, rest) = (pack.slice(..pack.len() / 2), pack.slice(pack.len() / 2..));
    store.receive_pack(caller, session, stream::iter([Ok::<_, io::Error>(head), Ok(rest)])).await
}

async fn begin(store: &Store, caller: &Caller, sample: &Sample) -> String {
    store.plan(caller, &sample.plan()).await.unwrap().session.unwrap().id
}

/// Sends what is small in a pack, and the rest one by one.
async fn send_all(store: &Store, caller: &Caller, sample: &Sample) -> String {
    let session = begin(store, caller, sample).await;
    let answer = send_pack(store, caller, &session, pack(&small(sample))).await.unwrap();
    assert!(answer.blobs.values().all(|it| it.complete), "{answer:?}");
    assert_eq!(answer.blobs.len(), small(sample).len());
    for bytes in sample.blobs().values().filter(|it| !small(sample).iter().any(|(_, small)| small == *it)) {
        send(store, caller, &session, bytes).await.unwrap();
    }
    session
}

async fn what_came_in_a_pack_is_published_like_any_other(place: Place) {
    let (store, other, alice) = (place.server().await, place.server().await, user("alice"));
    let sample = sample("~alice/one", "one");
    let session = send_all(&store, &alice, &sample).await;
    let again = other.plan(&alice, &sample.plan()).await.unwrap();
    let is_whole = |(sha256, plan): (&Sha256, &BlobPlan)| match plan {
        BlobPlan::Send { offset, .. } => *offset == sample.blobs()[sha256].len() as u64,
        BlobPlan::Have | BlobPlan::Prove { .. } => false,
    };
    assert!(again.blobs.iter().all(is_whole), "{:?}", again.blobs);
    other.commit(&alice, &session, &CommitRequest::default()).await.unwrap();
    let published = publish(&store, &alice, &sample).await.unwrap();
    assert!(!published.charm.new);
    check(&store, &alice, &sample, &published).await;
    audit(&place).await;
    assert_eq!(place.objects().await.len(), 3, "an archive, a large file, and a pack");
}

async fn a_pack_goes_when_the_last_of_its_blobs_has_gone(place: Place) {
    let (store, alice) = (place.server().await, user("alice"));
    let session = send_all(&store, &alice, &sample("~alice/one", "one")).await;
    store.abandon(&alice, &session).await.unwrap();
    audit(&place).await;
    assert_eq!((n_blobs(&place).await, place.objects().await.len()), (0, 0));
}

async fn a_pack_is_answered_again_and_not_kept_twice(place: Place) {
    let (store, other, alice) = (place.server().await, place.server().await, user("alice"));
    let sample = sample("~alice/one", "one");
    let session = begin(&store, &alice, &sample).await;
    let pack = pack(&small(&sample));
    let first = send_pack(&store, &alice, &session, pack.clone()).await.unwrap();
    let objects = place.objects().await;
    assert_eq!(send_pack(&other, &alice, &session, pack).await.unwrap(), first);
    assert_eq!(place.objects().await, objects);
    audit(&place).await;
}

async fn one_wrong_blob_keeps_all_of_its_pack_out(place: Place) {
    let (store, alice) = (place.server().await, user("alice"));
    let sample = sample("~alice/one", "one");
    let session = begin(&store, &alice, &sample).await;
    let mut blobs = small(&sample);
    blobs[1].1 = bytes("wrong", blobs[1].1.len());
    let wrong = blobs[1].0;
    let refused = send_pack(&store, &alice, &session, pack(&blobs)).await.unwrap_err();
    let StoreError::Blob(BlobError::Mismatch { expected, .. }) = refused else { panic!("{refused}") };
    assert_eq!(expected.sha256, wrong);
    assert_eq!((n_blobs(&place).await, place.objects().await.len()), (0, 0));
    for (sha256, _) in blobs {
        let progress = store.progress(&alice, &session, &sha256).await.unwrap();
        assert_eq!(progress, UploadProgress { offset: 0, complete: false });
    }
    audit(&place).await;
}

async fn what_is_no_pack_of_this_session_is_refused(place: Place) {
    let (store, alice) = (place.server().await, user("alice"));
    let sample = sample("~alice/one", "one");
    let session = begin(&store, &alice, &sample).await;
    let of = |bytes: &Bytes| pack(&[(Content::of(bytes).digests.sha256, bytes.clone())]);
    let archive = sample.archive.clone().unwrap();
    let large = bytes("one", 100_000);
    let whole = pack(&small(&sample));
    let surplus = Bytes::from([&whole[..], b"x"].concat());
    let mut messages = Vec::new();
    for pack in [of(&archive), of(&large), of(&bytes("stranger", 9)), surplus, whole.slice(..whole.len() - 1)]
    {
        messages.push(send_pack(&store, &alice, &session, pack).await.unwrap_err().to_string());
    }
    let stranger = Content::of(&bytes("stranger", 9)).digests.sha256;
    let sha256 = Content::of(&archive).digests.sha256;
    assert_eq!(
        messages,
        [
            format!("the archive {sha256} comes in no pack"),
            "blob `0` of the pack is too large for a pack".to_owned(),
            format!("{stranger} is not part of this publish: plan again with it"),
            "more comes than the blobs that the pack announces".to_owned(),
            "the pack broke off in blob `3`".to_owned(),
        ]
    );
    let stranger = send_pack(&store, &user("eve"), &session, whole).await.unwrap_err();
    assert!(matches!(stranger, StoreError::NoSession(_)), "{stranger}");
    assert_eq!(place.objects().await.len(), 0);
    audit(&place).await;
}

async fn what_has_begun_to_come_in_parts_is_left_to_them(place: Place) {
    let (store, alice) = (place.server().await, user("alice"));
    let sample = sample("~alice/one", "one");
    let session = begin(&store, &alice, &sample).await;
    let begun = bytes("one", 10_000);
    let sha256 = Content::of(&begun).digests.sha256;
    let nothing = crate::publisher::body(Bytes::new());
    store.receive(&alice, &session, &sha256, 0, nothing).await.unwrap();
    let answer = send_pack(&store, &alice, &session, pack(&small(&sample))).await.unwrap();
    let open: Vec<_> = answer.blobs.iter().filter(|(_, it)| !it.complete).collect();
    assert_eq!(open, [(&sha256, &UploadProgress { offset: 0, complete: false })]);
    for bytes in sample.blobs().values() {
        send(&store, &alice, &session, bytes).await.unwrap();
    }
    store.commit(&alice, &session, &CommitRequest::default()).await.unwrap();
    check(&store, &alice, &sample, &publish(&store, &alice, &sample).await.unwrap()).await;
    audit(&place).await;
}

async fn packs_of_two_publishers_share_what_is_the_same(place: Place) {
    let (store, other) = (place.server().await, place.server().await);
    let (alice, bob) = (user("alice"), user("bob"));
    for round in 0..4 {
        let word = format!("round {round}");
        let (one, two) = (sample("~alice/one", &word), sample("~bob/one", &word));
        let (of_alice, of_bob) = tokio::join!(send_all(&store, &alice, &one), send_all(&other, &bob, &two));
        store.commit(&alice, &of_alice, &CommitRequest::default()).await.unwrap();
        other.commit(&bob, &of_bob, &CommitRequest::default()).await.unwrap();
        check(&other, &alice, &one, &publish(&store, &alice, &one).await.unwrap()).await;
    }
    audit(&place).await;
    assert_eq!(n_blobs(&place).await, 2 + 4 * 4, "archive, three files each time, and two that never change");
}

async fn a_pack_that_broke_off_leaves_nothing(place: Place) {
    let (store, alice) = (place.server().await, user("alice"));
    let sample = sample("~alice/one", "one");
    let session = begin(&store, &alice, &sample).await;
    let half = pack(&small(&sample)).slice(..50);
    let body = stream::iter([Ok(half), Err(io::Error::other("cable"))]);
    let refused = store.receive_pack(&alice, &session, body).await.unwrap_err();
    assert!(matches!(refused, StoreError::Blob(BlobError::Body(_))), "{refused}");
    assert_eq!(place.objects().await.len(), 0);
    audit(&place).await;
}
