use catalog::blob::Blob;
use catalog::object::ObjectState::{Deleting, Live, Pending};
use catalog::patch::WantedPatch;
use catalog::{Database, Id};
use charm_model::digest::Content;

use crate::fixtures::{add_base, add_blob, add_resources, at};
use crate::test_database::on_both;

on_both! {
    a_patch_is_wanted_once_and_found_when_it_is_made,
    files_at_the_same_place_of_two_revisions_want_patches,
    the_least_tried_comes_first,
    a_patch_that_is_given_up_is_not_asked_for_again,
    a_patch_that_nobody_can_ask_for_any_more_is_forgotten,
    a_patch_goes_with_either_of_its_blobs,
    what_the_sweep_took_becomes_no_patch,
}

async fn two_blobs(database: &Database) -> [Id<Blob>; 2] {
    let mut transaction = database.write().await.unwrap();
    let blobs = [add_blob(&mut transaction, b"old").await, add_blob(&mut transaction, b"new").await];
    transaction.commit().await.unwrap();
    blobs
}

async fn want(database: &Database, from: Id<Blob>, to: Id<Blob>, micros: i64) {
    let mut transaction = database.write().await.unwrap();
    transaction.want_patch(from, to, at(micros)).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn wanted(database: &Database) -> Vec<WantedPatch> {
    database.read().await.unwrap().wanted_patches(10).await.unwrap()
}

/// Makes the patch that is wanted. Says whether it was kept.
async fn make(database: &Database, object: &str) -> bool {
    let wanted = wanted(database).await[0];
    let mut transaction = database.write().await.unwrap();
    transaction.add_object(object, at(5)).await.unwrap();
    let kept = transaction.keep_patch(&wanted, &Content::of(b"recipe"), object, at(6)).await.unwrap();
    transaction.commit().await.unwrap();
    kept
}

async fn a_patch_is_wanted_once_and_found_when_it_is_made(database: Database) {
    let [old, new] = two_blobs(&database).await;
    want(&database, old, new, 1).await;
    want(&database, old, new, 2).await;
    assert_eq!(wanted(&database).await, [WantedPatch { from: old, to: new, attempts: 0 }]);
    let from = Content::of(b"old").digests.sha256;
    let mut transaction = database.read().await.unwrap();
    assert_eq!(transaction.patch(&from, new).await.unwrap(), None);
    assert!(transaction.is_patch_wanted(&from, new).await.unwrap());
    assert!(!transaction.is_patch_wanted(&from, old).await.unwrap());
    drop(transaction);

    assert!(make(&database, "o/patch").await);
    let mut transaction = database.read().await.unwrap();
    let patch = transaction.patch(&from, new).await.unwrap().unwrap();
    assert_eq!((patch.content, patch.object_key.as_str()), (Content::of(b"recipe"), "o/patch"));
    assert!(!transaction.is_patch_wanted(&from, new).await.unwrap());
    assert_eq!(transaction.patch(&from, old).await.unwrap(), None);
    assert_eq!(transaction.patch(&Content::of(b"other").digests.sha256, new).await.unwrap(), None);
    assert_eq!(wanted(&database).await, []);
}

async fn files_at_the_same_place_of_two_revisions_want_patches(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let base = add_base(&mut transaction, "~joe/mysql").await;
    let old =
        add_resources(&mut transaction, &base, "stable", &["common/a", "common/long", "amd64/b"], "1").await;
    let new =
        add_resources(&mut transaction, &base, "stable", &["common/a", "common/long", "arm64/b"], "2").await;
    for _ in 0..2 {
        transaction.want_patches_between(old.id, new.id, &(1..=10), at(1)).await.unwrap();
    }
    let pair =
        [add_blob(&mut transaction, b"common/a 1").await, add_blob(&mut transaction, b"common/a 2").await];
    transaction.commit().await.unwrap();
    assert_eq!(wanted(&database).await, [WantedPatch { from: pair[0], to: pair[1], attempts: 0 }]);
}

async fn the_least_tried_comes_first(database: Database) {
    let [old, new] = two_blobs(&database).await;
    want(&database, old, new, 1).await;
    want(&database, new, old, 2).await;
    let first = wanted(&database).await[0];
    let mut transaction = database.write().await.unwrap();
    assert!(transaction.try_patch(&first).await.unwrap());
    transaction.commit().await.unwrap();
    let order: Vec<_> = wanted(&database).await.iter().map(|it| (it.from, it.attempts)).collect();
    assert_eq!(order, [(new, 0), (old, 1)]);
}

async fn a_patch_that_is_given_up_is_not_asked_for_again(database: Database) {
    let [old, new] = two_blobs(&database).await;
    want(&database, old, new, 1).await;
    let first = wanted(&database).await[0];
    let mut transaction = database.write().await.unwrap();
    transaction.give_patch_up(&first).await.unwrap();
    transaction.commit().await.unwrap();
    want(&database, old, new, 2).await;
    assert_eq!(wanted(&database).await, []);
    assert!(!database.write().await.unwrap().try_patch(&first).await.unwrap());
}

async fn a_patch_goes_with_either_of_its_blobs(database: Database) {
    for gone in [0, 1] {
        let blobs = two_blobs(&database).await;
        want(&database, blobs[0], blobs[1], 1).await;
        let object = format!("o/patch-{gone}");
        assert!(make(&database, &object).await);
        let mut transaction = database.write().await.unwrap();
        assert!(!transaction.set_object_state(&object, Pending, Deleting, at(7)).await.unwrap());
        transaction.remove_unnamed_blob(blobs[gone], at(10), at(11)).await.unwrap().unwrap();
        transaction.commit().await.unwrap();
        let mut transaction = database.write().await.unwrap();
        let from = Content::of(b"old").digests.sha256;
        assert_eq!(transaction.patch(&from, blobs[1]).await.unwrap(), None);
        assert!(!transaction.set_object_state(&object, Live, Deleting, at(12)).await.unwrap());
        let stale = transaction.stale_objects(at(100), 10).await.unwrap();
        assert!(stale.iter().any(|stale| stale.key == object && stale.state == Deleting), "{stale:?}");
        // The other one goes as well, so that the second round begins with fresh ones.
        transaction.remove_unnamed_blob(blobs[1 - gone], at(10), at(11)).await.unwrap();
        for stale in transaction.stale_objects(at(100), 10).await.unwrap() {
            transaction.remove_object(&stale.key, at(13)).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }
}

async fn what_the_sweep_took_becomes_no_patch(database: Database) {
    let [old, new] = two_blobs(&database).await;
    want(&database, old, new, 1).await;
    let wanted = wanted(&database).await[0];
    let mut transaction = database.write().await.unwrap();
    transaction.add_object("o/patch", at(5)).await.unwrap();
    assert!(transaction.set_object_state("o/patch", Pending, Deleting, at(6)).await.unwrap());
    assert!(!transaction.keep_patch(&wanted, &Content::of(b"recipe"), "o/patch", at(7)).await.unwrap());
    transaction.commit().await.unwrap();
    let from = Content::of(b"old").digests.sha256;
    assert_eq!(database.read().await.unwrap().patch(&from, new).await.unwrap(), None);
}

async fn a_patch_that_nobody_can_ask_for_any_more_is_forgotten(database: Database) {
    let [old, new] = two_blobs(&database).await;
    want(&database, old, new, 1).await;
    let wanted_patch = wanted(&database).await[0];
    let mut transaction = database.write().await.unwrap();
    transaction.forget_wanted_patch(&wanted_patch).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(wanted(&database).await, []);
    want(&database, old, new, 2).await;
    assert_eq!(wanted(&database).await, [wanted_patch], "nothing of it was left");
    assert!(make(&database, "o/patch").await);
    let mut transaction = database.write().await.unwrap();
    transaction.forget_wanted_patch(&wanted_patch).await.unwrap();
    let from = Content::of(b"old").digests.sha256;
    assert!(transaction.patch(&from, new).await.unwrap().is_some(), "one that is made stays");
}
