//! What holds on every kind of store.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::time::Duration;

use blob_store::probe::Probe;
use blob_store::upload::UploadState;
use blob_store::{BlobError, Derived, ObjectKey, Sums};
use bytes::Bytes;
use charm_model::digest::{Content, Sha384};
use charm_model::proof::ProofKey;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use sha2::Digest as _;

use crate::body::{begin, body, broken_body, bytes, get, put, send, send_rest, stored_and_loaded};
use crate::place::Place;

const MIB: usize = 1 << 20;

/// Makes a test of each rule for each kind of store.
macro_rules! rules {
    ($($rule:ident)+) => {
        mod local { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $rule() {
                super::$rule(&super::Place::local()).await;
            }
        )+ }

        mod memory { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $rule() {
                super::$rule(&super::Place::memory()).await;
            }
        )+ }

        mod s3 { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $rule() {
                if let Some(place) = super::Place::s3() {
                    super::$rule(&place).await;
                }
            }
        )+ }
    };
}

rules! {
    what_was_put_is_what_is_got
    a_range_is_exactly_that_range
    a_range_beyond_the_end_is_an_error_and_never_short
    an_upload_goes_on_from_every_checkpoint_on_another_server
    a_body_that_breaks_off_keeps_what_came
    more_than_was_announced_is_refused
    less_than_was_announced_is_not_finished
    what_does_not_match_is_dropped
    a_blob_is_at_its_address_only_once_it_is_whole
    a_finish_may_be_repeated
    a_wrong_finish_does_not_touch_what_has_its_name
    what_was_aborted_does_not_go_on
    equal_bytes_under_two_keys_are_two_objects
    trash_is_out_of_reach_until_it_is_restored_or_deleted
    deleting_nothing_is_a_success
    a_reader_reads_as_a_file_does
    a_stored_object_proves_possession
    a_blob_in_a_pack_reads_as_one_of_its_own
    deleting_a_blob_in_a_pack_leaves_the_pack_alone
    a_large_blob_gets_its_sha384_if_asked_or_later
    what_is_derived_is_kept_replaced_and_goes_with_its_object
    a_probe_leaves_nothing_behind
    a_writer_that_dies_does_not_hold_up_the_next
}

async fn what_was_put_is_what_is_got(place: &Place) {
    let edges = [8 * MIB, 16 * MIB].into_iter().flat_map(|edge| edge - 1..=edge + 1);
    for n_bytes in [0, 1, 1023, 1024, 1025, MIB, MIB + 1].into_iter().chain(edges) {
        let bytes = bytes(1, n_bytes);
        let (key, sums) = put(&place.store, &bytes).await;
        let sha384 = (n_bytes <= 16 * MIB).then(|| Sha384(sha2::Sha384::digest(&bytes).into()));
        assert_eq!(sums, Sums { content: Content::of(&bytes), sha384 }, "{n_bytes} bytes");
        assert_eq!(place.other_server.size(key).await.unwrap(), Some(n_bytes as u64));
        assert!(get(&place.other_server, key, 0..n_bytes as u64).await.unwrap() == bytes, "{n_bytes} bytes");
    }
    assert_eq!(place.files_in("staging"), [""; 0]);
}

async fn a_range_is_exactly_that_range(place: &Place) {
    let bytes = bytes(2, 9 * MIB + 5);
    let (key, _) = put(&place.store, &bytes).await;
    let end = bytes.len();
    for range in [0..0, 0..1, end..end, end - 1..end, MIB - 1..MIB + 1, 3..4 * MIB, 4 * MIB..end, 0..end] {
        let got = get(&place.store, key, range.start as u64..range.end as u64).await.unwrap();
        assert!(got == bytes[range.clone()], "{range:?}");
    }
}

async fn a_range_beyond_the_end_is_an_error_and_never_short(place: &Place) {
    let (key, _) = put(&place.store, &bytes(3, 5 * MIB)).await;
    let end = 5 << 20;
    for range in [0..end + 1, end - 1..end + 1, end..end + 1, end + 1..end + 1, end + 7..end + 9] {
        let got = get(&place.store, key, range.clone()).await;
        assert!(matches!(got, Err(BlobError::Short { .. })), "{range:?}: {got:?}");
    }
    let missing = ObjectKey::fresh().unwrap();
    for range in [0..0, 0..1] {
        assert!(matches!(get(&place.store, missing, range).await, Err(BlobError::NotFound(_))));
    }
}

async fn an_upload_goes_on_from_every_checkpoint_on_another_server(place: &Place) {
    let bytes = bytes(4, 72 * MIB + 5);
    let mut checkpoints = vec![begin(&bytes)];
    let sent = place.store.append(checkpoints[0].clone(), body(&bytes)).await.unwrap();
    checkpoints.extend(sent.try_collect::<Vec<_>>().await.unwrap());
    assert!(checkpoints.len() >= 4);
    assert!(checkpoints.windows(2).all(|pair| pair[1].offset() - pair[0].offset() <= 32 << 20));
    for checkpoint in &checkpoints[1..] {
        let mut state = stored_and_loaded(checkpoint);
        send_rest(&place.other_server, &mut state, &bytes).await.unwrap();
        assert_eq!(state.sums().unwrap().content, Content::of(&bytes));
    }
    let whole = checkpoints.last().unwrap();
    place.other_server.finish(whole, &Content::of(&bytes).digests).await.unwrap();
    assert!(get(&place.store, whole.key(), 0..whole.size()).await.unwrap() == bytes);
}

async fn a_body_that_breaks_off_keeps_what_came(place: &Place) {
    let bytes = bytes(5, 19 * MIB);
    let mut state = begin(&bytes);
    for n_bytes in [3, 9 * MIB, 13 * MIB + 1, 18 * MIB] {
        let offset = usize::try_from(state.offset()).unwrap();
        let sent = send(&place.store, &mut state, broken_body(&bytes.slice(offset..n_bytes))).await;
        assert!(matches!(sent, Err(BlobError::Body(_))), "{sent:?}");
        // A bucket takes whole parts alone.
        let kept = usize::try_from(state.offset()).unwrap();
        assert!(kept == n_bytes || kept == n_bytes - n_bytes % (8 * MIB), "{kept} of {n_bytes}");
    }
    send_rest(&place.store, &mut state, &bytes).await.unwrap();
    place.store.finish(&state, &Content::of(&bytes).digests).await.unwrap();
    assert!(get(&place.store, state.key(), 0..state.size()).await.unwrap() == bytes);
}

async fn more_than_was_announced_is_refused(place: &Place) {
    let bytes = bytes(6, 2000);
    let mut state = UploadState::begin(ObjectKey::fresh().unwrap(), 1999, false);
    let sent = send(&place.store, &mut state, body(&bytes)).await;
    assert!(matches!(sent, Err(BlobError::TooLong { size: 1999 })), "{sent:?}");
    assert_eq!(state.sums().unwrap().content, Content::of(&bytes[..1999]));
    let sent = send(&place.store, &mut state, body(&bytes)).await;
    assert!(matches!(sent, Err(BlobError::TooLong { size: 1999 })), "{sent:?}");
}

async fn less_than_was_announced_is_not_finished(place: &Place) {
    let bytes = bytes(7, 9 * MIB);
    let mut state = begin(&bytes);
    send(&place.store, &mut state, body(&bytes.slice(..8 * MIB))).await.unwrap();
    let finished = place.store.finish(&state, &Content::of(&bytes).digests).await;
    assert!(
        matches!(finished, Err(BlobError::Incomplete { offset: 0x80_0000, size: 0x90_0000 })),
        "{finished:?}"
    );
    send_rest(&place.store, &mut state, &bytes).await.unwrap();
    place.store.finish(&state, &Content::of(&bytes).digests).await.unwrap();
}

async fn what_does_not_match_is_dropped(place: &Place) {
    for n_bytes in [0, 1000, 9 * MIB] {
        let bytes = bytes(8, n_bytes);
        let mut state = begin(&bytes);
        send_rest(&place.store, &mut state, &bytes).await.unwrap();
        let expected = Content::of(b"something else").digests;
        let finished = place.store.finish(&state, &expected).await;
        assert!(matches!(finished, Err(BlobError::Mismatch { .. })), "{finished:?}");
        assert_eq!(place.store.size(state.key()).await.unwrap(), None);
    }
    assert_eq!(place.files_in("staging"), [""; 0]);
}

async fn a_blob_is_at_its_address_only_once_it_is_whole(place: &Place) {
    for n_bytes in [1, 8 * MIB, 17 * MIB] {
        let bytes = bytes(9, n_bytes);
        let mut state = begin(&bytes);
        let key = state.key();
        let at_its_address = || place.other_server.size(key);
        assert_eq!(at_its_address().await.unwrap(), None);
        let mut checkpoints = place.store.append(state.clone(), body(&bytes)).await.unwrap();
        while let Some(durable) = checkpoints.try_next().await.unwrap() {
            assert_eq!(at_its_address().await.unwrap(), None);
            state = durable;
        }
        drop(checkpoints);
        place.store.finish(&state, &Content::of(&bytes).digests).await.unwrap();
        assert_eq!(place.other_server.size(state.key()).await.unwrap(), Some(n_bytes as u64));
    }
}

async fn a_finish_may_be_repeated(place: &Place) {
    for n_bytes in [0, 1000, 9 * MIB] {
        let bytes = bytes(10, n_bytes);
        let mut state = begin(&bytes);
        for store in [&place.store, &place.other_server] {
            send_rest(store, &mut state, &bytes).await.unwrap();
            let sums = store.finish(&state, &Content::of(&bytes).digests).await.unwrap();
            assert_eq!(sums.content, Content::of(&bytes));
            assert!(get(store, state.key(), 0..n_bytes as u64).await.unwrap() == bytes);
        }
    }
}

async fn a_wrong_finish_does_not_touch_what_has_its_name(place: &Place) {
    let bytes = bytes(11, 1000);
    let mut state = begin(&bytes);
    send_rest(&place.store, &mut state, &bytes).await.unwrap();
    place.store.finish(&state, &Content::of(&bytes).digests).await.unwrap();
    place.store.finish(&state, &Content::of(b"something else").digests).await.unwrap_err();
    assert!(get(&place.store, state.key(), 0..1000).await.unwrap() == bytes);
}

async fn what_was_aborted_does_not_go_on(place: &Place) {
    let bytes = bytes(12, 17 * MIB);
    let mut state = begin(&bytes);
    send(&place.store, &mut state, body(&bytes.slice(..16 * MIB))).await.unwrap();
    place.store.abort(&state).await.unwrap();
    send_rest(&place.store, &mut state, &bytes).await.unwrap_err();
    assert_eq!(place.store.size(state.key()).await.unwrap(), None);
    assert_eq!(place.files_in("staging"), [""; 0]);
}

async fn equal_bytes_under_two_keys_are_two_objects(place: &Place) {
    let bytes = bytes(13, 1000);
    let [one, other] = [&place.store, &place.other_server].map(|store| {
        let (store, bytes) = (store.clone(), bytes.clone());
        tokio::spawn(async move { put(&store, &bytes).await.0 })
    });
    let (one, other) = (one.await.unwrap(), other.await.unwrap());
    place.store.delete(one).await.unwrap();
    assert_eq!(place.store.size(one).await.unwrap(), None);
    assert!(get(&place.store, other, 0..1000).await.unwrap() == bytes);
}

async fn trash_is_out_of_reach_until_it_is_restored_or_deleted(place: &Place) {
    let store = &place.store;
    let bytes = bytes(14, 1000);
    let (key, _) = put(store, &bytes).await;
    for _twice in 0..2 {
        store.trash(key).await.unwrap();
        assert_eq!(store.size(key).await.unwrap(), None);
    }
    place.other_server.restore(key).await.unwrap();
    assert!(get(store, key, 0..1000).await.unwrap() == bytes);
    store.trash(key).await.unwrap();
    store.delete(key).await.unwrap();
    assert!(matches!(store.restore(key).await, Err(BlobError::NotFound(_))));
    assert_eq!(place.files_in("trash"), [""; 0]);
}

async fn deleting_nothing_is_a_success(place: &Place) {
    let key = ObjectKey::fresh().unwrap();
    place.store.delete(key).await.unwrap();
    place.store.trash(key).await.unwrap();
}

async fn a_reader_reads_as_a_file_does(place: &Place) {
    let bytes = bytes(15, 3 * MIB + 7);
    let (key, _) = put(&place.store, &bytes).await;
    let mut reader = place.store.reader(key, bytes.len() as u64).await.unwrap();
    let missing = place.store.reader(key, bytes.len() as u64 + 1).await;
    assert!(matches!(missing, Err(BlobError::Short { .. })));
    tokio::task::spawn_blocking(move || {
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert!(read == bytes);
        for start in [0, 1, MIB - 1, MIB, 3 * MIB + 6] {
            let mut byte = [0];
            reader.seek(SeekFrom::Start(start as u64)).unwrap();
            reader.read_exact(&mut byte).unwrap();
            assert_eq!(byte[0], bytes[start]);
        }
        assert_eq!(reader.seek(SeekFrom::End(-7)).unwrap(), (3 * MIB) as u64);
        assert_eq!(reader.seek(SeekFrom::Current(100)).unwrap(), (3 * MIB + 100) as u64);
        assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
        assert!(reader.seek(SeekFrom::End(-4 << 20)).is_err());
    })
    .await
    .unwrap();
}

async fn a_stored_object_proves_possession(place: &Place) {
    let bytes = bytes(16, 2 * MIB + 1);
    let (key, sums) = put(&place.store, &bytes).await;
    let proof = ProofKey::derive(&[7; 32], "session", "alice", &sums.content);
    let client = proof.answer(&*bytes).unwrap();
    assert_eq!(place.store.possession(key, bytes.len() as u64, proof).await.unwrap(), client);
}

async fn a_large_blob_gets_its_sha384_if_asked_or_later(place: &Place) {
    let bytes = bytes(17, 16 * MIB + 1);
    let size = bytes.len() as u64;
    let expected = Sha384(sha2::Sha384::digest(&bytes).into());
    let mut state = UploadState::begin(ObjectKey::fresh().unwrap(), size, true);
    send_rest(&place.store, &mut state, &bytes).await.unwrap();
    assert_eq!(state.sums().unwrap().sha384, Some(expected));
    let (key, sums) = put(&place.store, &bytes).await;
    assert_eq!(sums.sha384, None);
    assert_eq!(place.store.sha384(key, size).await.unwrap(), expected);
}

async fn what_is_derived_is_kept_replaced_and_goes_with_its_object(place: &Place) {
    let (store, key) = (&place.store, ObjectKey::fresh().unwrap());
    assert_eq!(store.derived(key, Derived::ChunkMap).await.unwrap(), None);
    for map in [&b"one"[..], b"another"] {
        store.put_derived(key, Derived::ChunkMap, Bytes::from_static(map)).await.unwrap();
        assert_eq!(store.derived(key, Derived::ChunkMap).await.unwrap().unwrap(), map);
    }
    store.delete(key).await.unwrap();
    assert_eq!(store.derived(key, Derived::ChunkMap).await.unwrap(), None);
}

async fn a_probe_leaves_nothing_behind(place: &Place) {
    match place.store.probe().await.unwrap() {
        Probe::Local { free_bytes } => assert!(free_bytes > 0),
        Probe::Bucket { honours_if_none_match } => assert!(honours_if_none_match),
    }
    assert_eq!(place.files_in("staging"), [""; 0]);
}

async fn a_writer_that_dies_does_not_hold_up_the_next(place: &Place) {
    let bytes = bytes(18, 10 * MIB);
    let mut state = begin(&bytes);
    let silent = body(&bytes.slice(..9 * MIB)).chain(stream::pending());
    let hung = send(&place.store, &mut state, silent);
    tokio::time::timeout(Duration::from_millis(300), hung).await.unwrap_err();
    let again = || async {
        let mut state = state.clone();
        send_rest(&place.other_server, &mut state, &bytes).await.map(|()| state)
    };
    let mut sent = again().await;
    while matches!(sent, Err(BlobError::Busy(_))) {
        tokio::time::sleep(Duration::from_millis(5)).await;
        sent = again().await;
    }
    place.store.finish(&sent.unwrap(), &Content::of(&bytes).digests).await.unwrap();
    assert!(get(&place.store, state.key(), 0..state.size()).await.unwrap() == bytes);
}

#[tokio::test]
async fn a_local_upload_that_is_gone_is_lost() {
    let place = Place::local();
    let bytes = bytes(20, 2000);
    let mut state = begin(&bytes);
    send(&place.store, &mut state, broken_body(&bytes.slice(..1000))).await.unwrap_err();
    for _twice in 0..2 {
        place.store.abort(&state).await.unwrap();
        let sent = send_rest(&place.store, &mut state, &bytes).await;
        assert!(matches!(sent, Err(BlobError::Lost(_))), "{sent:?}");
    }
}

#[tokio::test]
async fn a_second_writer_of_a_local_upload_waits_its_turn() {
    let place = Place::local();
    let bytes = bytes(19, 1000);
    let mut state = begin(&bytes);
    let first = place.store.append(state.clone(), body(&Bytes::new())).await.unwrap();
    let second = send_rest(&place.other_server, &mut state, &bytes).await;
    assert!(matches!(second, Err(BlobError::Busy(_))), "{second:?}");
    drop(first);
    send_rest(&place.other_server, &mut state, &bytes).await.unwrap();
}

/// Puts an object of three blobs, of which the one in the middle has `n_bytes`, and returns the key and bytes of that.
async fn pack(place: &Place, n_bytes: usize) -> (ObjectKey, Bytes) {
    let (pack, middle) = (ObjectKey::fresh().unwrap(), bytes(2, n_bytes));
    let all = [&bytes(1, 1000)[..], &middle, &bytes(3, 1000)].concat();
    place.store.put(pack, all.into()).await.unwrap();
    (pack.in_pack(1000), middle)
}

async fn a_blob_in_a_pack_reads_as_one_of_its_own(place: &Place) {
    for n_bytes in [0, 1, 5000, MIB + 1] {
        let (key, bytes) = pack(place, n_bytes).await;
        let (store, size) = (&place.other_server, n_bytes as u64);
        assert!(get(store, key, 0..size).await.unwrap() == bytes, "{n_bytes} bytes");
        assert!(get(store, key, size / 3..size / 2).await.unwrap() == bytes[n_bytes / 3..n_bytes / 2]);
        let mut reader = store.reader(key, size).await.unwrap();
        let read = tokio::task::spawn_blocking(move || {
            let mut read = Vec::new();
            reader.read_to_end(&mut read).map(|_| read)
        });
        assert!(read.await.unwrap().unwrap() == bytes, "{n_bytes} bytes");
        let sha384 = Sha384(sha2::Sha384::digest(&bytes).into());
        assert_eq!(store.sha384(key, size).await.unwrap(), sha384);
        assert!(matches!(store.reader(key, size + 1001).await, Err(BlobError::Short { .. })));
    }
}

async fn deleting_a_blob_in_a_pack_leaves_the_pack_alone(place: &Place) {
    let (key, bytes) = pack(place, 100).await;
    let map = Bytes::from_static(b"map");
    place.store.put_derived(key, Derived::ChunkMap, map.clone()).await.unwrap();
    assert_eq!(place.other_server.derived(key, Derived::ChunkMap).await.unwrap(), Some(map));
    place.store.delete(key).await.unwrap();
    place.store.trash(key).await.unwrap();
    assert!(matches!(place.store.restore(key).await, Err(BlobError::NotFound(_))));
    assert_eq!(place.other_server.derived(key, Derived::ChunkMap).await.unwrap(), None);
    assert!(get(&place.other_server, key, 0..100).await.unwrap() == bytes);
}
