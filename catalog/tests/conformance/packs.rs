use catalog::blob::Blob;
use catalog::object::ObjectState::{Deleting, Pending};
use catalog::pack::{AddedPack, PackedBlob};
use catalog::{CatalogError, Database, Transaction};
use charm_model::digest::{Content, Digests};
use tokio::task::JoinSet;

use crate::fixtures::{add_blob, at};
use crate::sessions::{add_upload, open};
use crate::test_database::on_both;

on_both! {
    what_a_pack_brings_are_blobs,
    what_is_there_already_is_not_there_twice,
    a_pack_of_nothing_new_is_left_to_the_sweep,
    half_of_a_pair_in_a_pack_is_a_collision,
    a_pack_that_was_swept_brings_nothing,
    a_pack_goes_with_the_last_of_its_blobs,
    the_last_two_blobs_of_a_pack_may_go_at_once,
    packs_of_the_same_blobs_may_come_at_once,
    what_comes_whole_does_not_touch_what_has_begun,
}

/// Returns what lies in a pack whose blobs are these words.
fn parts(pack: &str, words: &[&str]) -> Vec<PackedBlob> {
    let part = |(n, word): (usize, &&str)| PackedBlob {
        content: Content::of(word.as_bytes()),
        sha384: None,
        object_key: format!("{pack}@{n}"),
    };
    let mut parts: Vec<_> = words.iter().enumerate().map(part).collect();
    parts.sort_by_key(|part| part.content.digests.sha256);
    parts
}

async fn add(transaction: &mut Transaction, pack: &str, words: &[&str]) -> Vec<Blob> {
    transaction.add_object(pack, at(1)).await.unwrap();
    match transaction.add_pack(pack, &parts(pack, words), at(2)).await.unwrap() {
        AddedPack::Added(blobs) => blobs,
        AddedPack::Collision(content) => panic!("{content:?}"),
    }
}

async fn n_stale(transaction: &mut Transaction) -> usize {
    transaction.stale_objects(at(1000), 100).await.unwrap().len()
}

async fn what_a_pack_brings_are_blobs(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let blobs = add(&mut transaction, "o/1", &["one", "two", ""]).await;
    let mut contents: Vec<_> = blobs.iter().map(|blob| blob.content).collect();
    contents.sort_by_key(|it| it.digests.sha256);
    assert_eq!(contents, parts("o/1", &["one", "two", ""]).iter().map(|it| it.content).collect::<Vec<_>>());
    let two = transaction.blob(&Content::of(b"two")).await.unwrap().unwrap();
    assert_eq!(two.object_key, "o/1@1");
    assert_eq!(n_stale(&mut transaction).await, 0);
}

async fn what_is_there_already_is_not_there_twice(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let known = add_blob(&mut transaction, b"known").await;
    let blobs = add(&mut transaction, "o/1", &["known", "new"]).await;
    assert!(blobs.iter().any(|blob| blob.id == known));
    assert_eq!(blobs.len(), 2);
    assert_eq!(n_stale(&mut transaction).await, 0);
}

async fn a_pack_of_nothing_new_is_left_to_the_sweep(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let first = add(&mut transaction, "o/1", &["one", "two"]).await;
    assert_eq!(add(&mut transaction, "o/2", &["one", "two"]).await, first);
    let [stale] = transaction.stale_objects(at(1000), 100).await.unwrap().try_into().unwrap();
    assert_eq!((stale.key.as_str(), stale.state), ("o/2", Pending));
}

async fn half_of_a_pair_in_a_pack_is_a_collision(database: Database) {
    let (one, other) = (Content::of(b"one"), Content::of(b"other"));
    let mut transaction = database.write().await.unwrap();
    add(&mut transaction, "o/1", &["one"]).await;
    transaction.add_object("o/2", at(1)).await.unwrap();
    transaction.commit().await.unwrap();
    let digests = Digests { sha256: other.digests.sha256, blake3: one.digests.blake3 };
    for lie in [Content { digests, ..other }, Content { size: 9, ..one }] {
        let mut transaction = database.write().await.unwrap();
        let mut parts = parts("o/2", &["x", "y"]);
        parts[0].content = lie;
        parts.sort_by_key(|part| part.content.digests.sha256);
        let added = transaction.add_pack("o/2", &parts, at(2)).await.unwrap();
        assert_eq!(added, AddedPack::Collision(lie));
    }
}

async fn a_pack_that_was_swept_brings_nothing(database: Database) {
    let mut transaction = database.write().await.unwrap();
    transaction.add_object("o/1", at(1)).await.unwrap();
    transaction.set_object_state("o/1", Pending, Deleting, at(2)).await.unwrap();
    let refused = transaction.add_pack("o/1", &parts("o/1", &["one"]), at(3)).await.unwrap_err();
    assert!(matches!(refused, CatalogError::ObjectGone(object) if object == "o/1"));
}

/// Removes a blob and then its object, as two rounds of the sweep do.
async fn sweep(transaction: &mut Transaction, blob: &Blob) {
    let object = transaction.remove_unnamed_blob(blob.id, at(50), at(60)).await.unwrap().unwrap();
    assert_eq!(object, blob.object_key);
    assert!(transaction.remove_object(&object, at(70)).await.unwrap());
}

async fn a_pack_goes_with_the_last_of_its_blobs(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let blobs = add(&mut transaction, "o/1", &["one", "two", "three"]).await;
    let (last, others) = blobs.split_last().unwrap();
    for blob in others {
        sweep(&mut transaction, blob).await;
        assert_eq!(n_stale(&mut transaction).await, 0);
    }
    sweep(&mut transaction, last).await;
    let [pack] = transaction.stale_objects(at(1000), 10).await.unwrap().try_into().unwrap();
    assert_eq!((pack.key.as_str(), pack.state, pack.changed_at), ("o/1", Deleting, at(70)));
    assert!(transaction.remove_object("o/1", at(80)).await.unwrap());
    assert_eq!(n_stale(&mut transaction).await, 0);
}

async fn the_last_two_blobs_of_a_pack_may_go_at_once(database: Database) {
    for round in 0..8 {
        let pack = format!("o/{round}");
        let mut transaction = database.write().await.unwrap();
        let blobs = add(&mut transaction, &pack, &[&format!("one {round}"), &format!("two {round}")]).await;
        transaction.commit().await.unwrap();
        let sweeps = blobs.into_iter().map(|blob| {
            let database = database.clone();
            async move {
                let mut transaction = database.write().await.unwrap();
                sweep(&mut transaction, &blob).await;
                transaction.commit().await.unwrap();
            }
        });
        sweeps.collect::<JoinSet<_>>().join_all().await;
        let mut transaction = database.write().await.unwrap();
        assert!(transaction.remove_object(&pack, at(80)).await.unwrap());
        transaction.commit().await.unwrap();
    }
}

async fn packs_of_the_same_blobs_may_come_at_once(database: Database) {
    let words: Vec<_> = (0..50).map(|n| format!("word {n}")).collect();
    let adds = (0..8_usize).map(|n| {
        let (database, words) = (database.clone(), words.clone());
        async move {
            let words: Vec<_> = words[n..n + 40].iter().map(String::as_str).collect();
            let mut transaction = database.write().await.unwrap();
            let blobs = add(&mut transaction, &format!("o/{n}"), &words).await;
            transaction.commit().await.unwrap();
            blobs.len()
        }
    });
    let n_blobs = adds.collect::<JoinSet<_>>().join_all().await;
    assert_eq!(n_blobs, [40; 8]);
    let contents: Vec<_> = words.iter().map(|word| Content::of(word.as_bytes())).collect();
    let mut transaction = database.write().await.unwrap();
    let blobs = transaction.blobs(&contents).await.unwrap();
    assert_eq!(blobs.len(), 47);
    // Every pack that no blob is in is left to the sweep, and no part that no blob has.
    for blob in &blobs {
        sweep(&mut transaction, blob).await;
    }
    assert_eq!(n_stale(&mut transaction).await, 8);
}

async fn what_comes_whole_does_not_touch_what_has_begun(database: Database) {
    let mut transaction = database.write().await.unwrap();
    open(&mut transaction, "s").await;
    let begun = add_upload(&mut transaction, Content::of(b"begun"), "o/begun").await;
    let blobs = add(&mut transaction, "o/1", &["begun", "whole"]).await;
    for _ in 0..2 {
        transaction.add_whole_uploads("s", &blobs).await.unwrap();
        let contents = [b"begun", b"whole", b"other"].map(|word| Content::of(word));
        let mut arrived = transaction.arrivals("s", &contents).await.unwrap();
        arrived.sort_by_key(|it| it.received);
        let states: Vec<_> = arrived.iter().map(|it| (it.received, it.blob.is_some())).collect();
        assert_eq!(states, [(0, false), (5, true)]);
        assert_eq!(transaction.received_bytes("s").await.unwrap(), 5);
    }
    assert!(transaction.remove_upload("s", &begun).await.unwrap());
    assert_eq!(transaction.received_bytes("t").await.unwrap(), 0);
}
