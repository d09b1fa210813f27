use std::time::Duration;

use catalog::base::Base;
use catalog::blob::AddedBlob;
use catalog::contents::Holder;
use catalog::object::ObjectState::{Deleting, Live, Pending};
use catalog::session::SessionState;
use catalog::{CatalogError, Database};
use charm_model::digest::{Content, Digests, Sha384};
use tokio::task::JoinSet;

use crate::fixtures::{add_base, add_blob, add_charm, add_resources, archive_file, at, empty};
use crate::sessions::{add_upload, open};
use crate::test_database::on_both;

on_both! {
    the_same_bytes_are_one_blob_whoever_brings_them,
    half_of_a_pair_of_digests_is_a_collision,
    an_object_that_was_swept_becomes_no_blob,
    an_object_leaves_a_state_once,
    what_an_open_session_writes_is_not_stale,
    a_blob_that_something_names_is_not_swept,
    a_swept_blob_leaves_its_object_to_be_deleted,
    a_sweep_waits_for_whoever_is_about_to_name_the_blob,
    a_base_has_the_blobs_of_its_own_revisions_only,
    thousands_of_contents_are_asked_about_at_once,
    a_sha384_can_come_later,
}

async fn add(database: &Database, content: Content, object: &str) -> AddedBlob {
    let mut transaction = database.write().await.unwrap();
    transaction.add_object(object, at(1)).await.unwrap();
    let added = transaction.add_blob(content, None, object, at(2)).await.unwrap();
    transaction.commit().await.unwrap();
    added
}

async fn the_same_bytes_are_one_blob_whoever_brings_them(database: Database) {
    let mut tasks = JoinSet::new();
    for n in 0..8 {
        let database = database.clone();
        tasks.spawn(async move { add(&database, Content::of(b"bytes"), &format!("o/{n}")).await });
    }
    let added = tasks.join_all().await;
    let ids: Vec<_> =
        added.iter().filter_map(|it| if let AddedBlob::Added(id) = it { Some(*id) } else { None }).collect();
    assert_eq!(ids.len(), 1);
    let mut transaction = database.read().await.unwrap();
    let blob = transaction.blob(&Content::of(b"bytes")).await.unwrap().unwrap();
    assert_eq!((blob.id, blob.content), (ids[0], Content::of(b"bytes")));
    let existing = added.iter().filter(|it| **it == AddedBlob::Existing(blob.clone()));
    assert_eq!(existing.count(), 7);
    // The losers' objects are left to the sweep.
    assert_eq!(transaction.stale_objects(at(100), 100).await.unwrap().len(), 7);
}

async fn half_of_a_pair_of_digests_is_a_collision(database: Database) {
    let (one, other) = (Content::of(b"one"), Content::of(b"other"));
    assert!(matches!(add(&database, one, "o/1").await, AddedBlob::Added(_)));
    let sha256_of_one = Digests { sha256: one.digests.sha256, blake3: other.digests.blake3 };
    let blake3_of_one = Digests { sha256: other.digests.sha256, blake3: one.digests.blake3 };
    let lies = [
        Content { digests: sha256_of_one, ..other },
        Content { digests: blake3_of_one, ..other },
        Content { size: one.size + 1, ..one },
    ];
    for (n, lie) in lies.into_iter().enumerate() {
        let AddedBlob::Collision(with) = add(&database, lie, &format!("o/lie-{n}")).await else {
            panic!("{lie:?}");
        };
        assert_eq!(with.content, one);
    }
    let mut transaction = database.read().await.unwrap();
    for lie in lies {
        assert_eq!(transaction.blob(&lie).await.unwrap(), None);
    }
}

async fn an_object_that_was_swept_becomes_no_blob(database: Database) {
    let mut transaction = database.write().await.unwrap();
    transaction.add_object("o/1", at(1)).await.unwrap();
    assert!(transaction.set_object_state("o/1", Pending, Deleting, at(2)).await.unwrap());
    let refused = transaction.add_blob(Content::of(b"bytes"), None, "o/1", at(3)).await.unwrap_err();
    assert!(matches!(refused, CatalogError::ObjectGone(object) if object == "o/1"));
}

async fn an_object_leaves_a_state_once(database: Database) {
    let mut transaction = database.write().await.unwrap();
    transaction.add_object("o/1", at(1)).await.unwrap();
    assert!(!transaction.remove_object("o/1", at(4)).await.unwrap());
    assert!(transaction.set_object_state("o/1", Pending, Deleting, at(2)).await.unwrap());
    assert!(!transaction.set_object_state("o/1", Pending, Live, at(3)).await.unwrap());
    let [stale] = transaction.stale_objects(at(3), 10).await.unwrap().try_into().unwrap();
    assert_eq!((stale.key.as_str(), stale.state, stale.changed_at), ("o/1", Deleting, at(2)));
    assert_eq!(transaction.stale_objects(at(2), 10).await.unwrap(), []);
    assert!(transaction.remove_object("o/1", at(4)).await.unwrap());
    assert!(!transaction.remove_object("o/1", at(4)).await.unwrap());
}

async fn what_an_open_session_writes_is_not_stale(database: Database) {
    let mut transaction = database.write().await.unwrap();
    open(&mut transaction, "s").await;
    transaction.add_object("o/1", at(1)).await.unwrap();
    add_upload(&mut transaction, Content::of(b"bytes"), "o/1").await;
    assert_eq!(transaction.stale_objects(at(100), 10).await.unwrap(), []);
    let closed = transaction.close_session("s", SessionState::Abandoned, None).await;
    assert!(closed.unwrap());
    assert_eq!(transaction.stale_objects(at(100), 10).await.unwrap().len(), 1);
}

async fn a_blob_that_something_names_is_not_swept(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let base = add_base(&mut transaction, "~joe/mysql").await;
    let charm = add_charm(&mut transaction, &base, None, &[]).await;
    let resources = add_resources(&mut transaction, &base, "stable", &["common/a"], "one").await;
    let in_manifest = transaction.manifest(resources.id).await.unwrap().into_values().next().unwrap();
    open(&mut transaction, "s").await;
    let uploaded = add_blob(&mut transaction, b"uploaded").await;
    let content = Content::of(b"uploaded");
    add_upload(&mut transaction, content, "o/upload").await;
    assert!(transaction.finish_upload("s", &content.digests.sha256, uploaded).await.unwrap());
    let young = Content::of(b"young");
    add_blob(&mut transaction, b"young").await;
    let young = transaction.name_blob(&young, at(50)).await.unwrap().unwrap();

    assert_eq!(transaction.unnamed_blobs(at(50), 10).await.unwrap(), []);
    for blob in [charm.archive.id, in_manifest.blob.id, uploaded, young.id] {
        assert_eq!(transaction.remove_unnamed_blob(blob, at(50), at(60)).await.unwrap(), None);
    }
    assert_eq!(transaction.unnamed_blobs(at(51), 10).await.unwrap(), [young]);
}

async fn a_swept_blob_leaves_its_object_to_be_deleted(database: Database) {
    let mut transaction = database.write().await.unwrap();
    open(&mut transaction, "s").await;
    let content = Content::of(b"bytes");
    let blob = add_blob(&mut transaction, b"bytes").await;
    add_upload(&mut transaction, content, "o/upload").await;
    transaction.finish_upload("s", &content.digests.sha256, blob).await.unwrap();
    transaction.close_session("s", SessionState::Committed, Some(&empty())).await.unwrap();
    transaction.add_archive_files(blob, &[archive_file("metadata.yaml", 1)]).await.unwrap();

    let object = transaction.remove_unnamed_blob(blob, at(50), at(60)).await.unwrap().unwrap();
    let [stale] = transaction.stale_objects(at(61), 10).await.unwrap().try_into().unwrap();
    assert_eq!((stale.key, stale.state), (object, Deleting));
    assert_eq!(transaction.blob(&content).await.unwrap(), None);
    assert_eq!(transaction.archive_files(blob).await.unwrap(), []);
    let upload = transaction.upload("s", &content.digests.sha256).await.unwrap().unwrap();
    assert_eq!(upload.blob, None);
}

async fn a_sweep_waits_for_whoever_is_about_to_name_the_blob(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let base = add_base(&mut transaction, "~joe/mysql").await;
    let archive = add_blob(&mut transaction, b"archive").await;
    transaction.commit().await.unwrap();

    let mut publisher = database.write().await.unwrap();
    publisher.lock_base(base.id).await.unwrap();
    add_charm(&mut publisher, &base, None, &[]).await;
    let sweeper = database.clone();
    let mut sweep = JoinSet::new();
    sweep.spawn(async move {
        let mut transaction = sweeper.write().await.unwrap();
        let removed = transaction.remove_unnamed_blob(archive, at(50), at(60)).await.unwrap();
        transaction.commit().await.unwrap();
        removed
    });
    // Long enough for a sweep that does not wait to have looked and found nothing.
    tokio::time::sleep(Duration::from_millis(50)).await;
    publisher.commit().await.unwrap();
    assert_eq!(sweep.join_all().await, [None]);
}

async fn a_base_has_the_blobs_of_its_own_revisions_only(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let joes = add_base(&mut transaction, "~joe/mysql").await;
    let janes = add_base(&mut transaction, "~jane/mysql").await;
    let charm = add_charm(&mut transaction, &joes, None, &[]).await;
    let archive = charm.archive.content;
    add_resources(&mut transaction, &joes, "stable", &["common/a"], "one").await;
    add_resources(&mut transaction, &janes, "stable", &["common/a"], "one").await;
    let shared = Content::of(b"common/a one");

    let (of_another_size, absent) = (Content { size: shared.size - 1, ..shared }, Content::of(b"absent"));
    let contents = [archive, shared, absent, of_another_size];
    let sha256s = |contents: &[Content]| contents.iter().map(|it| it.digests.sha256).collect();
    let of_joe = transaction.contents_in_base(joes.id, &contents).await.unwrap();
    assert_eq!(of_joe, sha256s(&[archive, shared]));
    let of_jane = transaction.contents_in_base(janes.id, &contents).await.unwrap();
    assert_eq!(of_jane, sha256s(&[shared]));
    assert!(transaction.contents_in_base(janes.id, &[of_another_size]).await.unwrap().is_empty());

    let holder = |content: Content, base: &Base| Holder { sha256: content.digests.sha256, base: base.id };
    let mut all = [holder(archive, &joes), holder(shared, &joes), holder(shared, &janes)];
    all.sort_by_key(|it| (it.sha256, it.base));
    assert_eq!(transaction.holders(&contents, 10).await.unwrap(), all);
    assert_eq!(transaction.holders(&[shared], 1).await.unwrap(), [holder(shared, &joes)]);
    assert_eq!(transaction.holders(&[of_another_size, absent], 10).await.unwrap(), []);
    let bases = transaction.bases_of_rows(&[joes.id, janes.id]).await.unwrap();
    assert_eq!(bases.len(), 2);
}

async fn thousands_of_contents_are_asked_about_at_once(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let contents: Vec<_> = (0..1200_u32).map(|n| Content::of(&n.to_le_bytes())).collect();
    for n in [0_u32, 499, 500, 1199] {
        add_blob(&mut transaction, &n.to_le_bytes()).await;
    }
    let found = transaction.blobs(&contents).await.unwrap();
    assert_eq!(found.len(), 4);
    assert_eq!(transaction.name_blobs(&contents, at(50)).await.unwrap().len(), 4);
    assert_eq!(transaction.unnamed_blobs(at(50), 10).await.unwrap(), []);
    assert_eq!(transaction.name_blobs(&contents, at(40)).await.unwrap().len(), 4);
    assert_eq!(transaction.unnamed_blobs(at(50), 10).await.unwrap(), [], "naming turns no clock back");
    assert_eq!(transaction.blobs(&[]).await.unwrap(), []);
}

async fn a_sha384_can_come_later(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let blob = add_blob(&mut transaction, b"bytes").await;
    let [waiting] = transaction.blobs_without_sha384(10).await.unwrap().try_into().unwrap();
    assert_eq!((waiting.id, waiting.sha384), (blob, None));
    transaction.set_sha384(blob, Sha384([7; 48])).await.unwrap();
    assert_eq!(transaction.blobs_without_sha384(10).await.unwrap(), []);
    let blob = transaction.blob_by_id(blob).await.unwrap().unwrap();
    assert_eq!(blob.sha384, Some(Sha384([7; 48])));
}
