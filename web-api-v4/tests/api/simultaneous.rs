//! Requests at the same time.

use std::future::IntoFuture as _;

use charm_model::digest::Content;
use futures::future::join_all;
use serde_json::{Value, json};
use v4_wire::publish::CommitRequest;

use crate::charm::Charm;
use crate::place::on_every_place;
use crate::test_store::TestStore;

on_every_place!(
    the_same_content_of_many_users_is_one_blob,
    two_who_send_the_same_upload_never_spoil_it,
    commits_of_one_session_are_answered_alike,
    of_many_conditional_releases_one_wins,
);

/// Longer than a part of an upload into a bucket.
fn large() -> String {
    (0..1_000_000).flat_map(|n| [n.to_string(), "\n".to_owned()]).collect()
}

async fn the_same_content_of_many_users_is_one_blob(store: TestStore) {
    let mut users = Vec::new();
    for name in ["alice", "bob", "carol", "dave"] {
        users.push(store.user(name).await);
    }
    let charm = Charm::named("mysql").with_stream("stable", &[("common/app", &large())]);
    let published = join_all(users.iter().map(|user| store.publish(user, &charm))).await;
    assert!(published.iter().all(|it| it.charm.new && it.received_bytes == it.logical_bytes));
    let mut tx = store.place.database.read().await.unwrap();
    let holders = tx.holders(&[Content::of(large().as_bytes())], 10).await.unwrap();
    assert_eq!(holders.len(), users.len(), "one blob is in all bases");
    for user in &users {
        let path = format!("/v4/~{}/mysql-0.stable.0/resources/common/app", user.name);
        assert_eq!(store.get(&path).by(user).await.text(), large());
    }
}

async fn two_who_send_the_same_upload_never_spoil_it(store: TestStore) {
    let alice = store.user("alice").await;
    let text = large();
    let charm = Charm::named("mysql").with_stream("stable", &[("common/app", &text)]);
    let (session, _) = store.begin(&alice, &charm.plan("alice")).await;
    let blob = Content::of(text.as_bytes()).digests.sha256;
    let sends = (0..4).map(|_| store.send(&session, &blob, 0, text.as_bytes()).by(&alice).into_future());
    let statuses: Vec<_> = join_all(sends).await.iter().map(|answer| answer.status.as_u16()).collect();
    assert!(statuses.contains(&200) && statuses.iter().all(|it| [200, 409].contains(it)), "{statuses:?}");
    let (archive, bytes) = charm.blobs().into_iter().find(|(sha256, _)| *sha256 != blob).unwrap();
    store.send(&session, &archive, 0, &bytes).by(&alice).await.read::<Value>();
    let committed = store.commit(&session, &CommitRequest::default()).by(&alice).await;
    assert_eq!(committed.json()["state"], "committed");
    let stored = store.get("/v4/~alice/mysql-0.stable.0/resources/common/app").by(&alice).await;
    assert_eq!(stored.text(), text);
}

async fn commits_of_one_session_are_answered_alike(store: TestStore) {
    let alice = store.user("alice").await;
    let charm = Charm::named("mysql").with_stream("stable", &[("common/app", "app")]);
    let (session, _) = store.begin(&alice, &charm.plan("alice")).await;
    for (blob, bytes) in charm.blobs() {
        store.send(&session, &blob, 0, &bytes).by(&alice).await.read::<Value>();
    }
    let commits = (0..8).map(|_| {
        let commit = store.commit(&session, &CommitRequest::default()).by(&alice);
        async { commit.await.read::<Value>() }
    });
    let answers = join_all(commits).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    assert_eq!(store.get("/v4/changes").by(&alice).await.json()["events"].as_array().unwrap().len(), 1);
}

async fn of_many_conditional_releases_one_wins(store: TestStore) {
    let alice = store.user("alice").await;
    for n in 0..8 {
        store.publish(&alice, &Charm::named("mysql").with_file("README", &n.to_string())).await;
    }
    let releases = (0..8).map(|n| {
        let path = format!("/v4/~alice/mysql-{n}/release");
        let release = store.post(&path, &json!({ "if_current": "none" })).by(&alice);
        async { release.await.status.as_u16() }
    });
    let mut statuses = join_all(releases).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412]);
}
