use std::collections::BTreeMap;

use catalog::Database;
use catalog::charm::Withdrawal;
use charm_model::reference::Revision;
use charm_model::shape::Manifest;
use tokio::task::JoinSet;

use crate::fixtures::{add_base, add_resources, at, place, shape, stream};
use crate::test_database::on_both;

on_both! {
    resources_read_back_as_they_were_published,
    every_stream_counts_by_itself,
    no_two_publishers_get_the_same_number,
    withdrawn_resources_are_still_there_when_named,
}

async fn resources_read_back_as_they_were_published(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let base = add_base(&mut transaction, "~joe/mysql").await;
    let places = ["common/a", "amd64/run", "arm64/run"];
    let made = add_resources(&mut transaction, &base, "stable", &places, "one").await;
    transaction.commit().await.unwrap();

    let mut transaction = database.read().await.unwrap();
    let read = transaction.resources(base.id, &stream("stable"), Revision::FIRST).await.unwrap();
    assert_eq!(read.as_ref(), Some(&made));
    assert_eq!((made.shape, made.n_files), (shape(&places).id(), 3));
    let files = transaction.manifest(made.id).await.unwrap();
    let manifest: BTreeMap<_, _> =
        files.iter().map(|(place, file)| (place.clone(), file.in_manifest())).collect();
    assert_eq!(Manifest(manifest.clone()).digest(), made.manifest_digest);
    assert_eq!(Manifest(manifest).size_bytes(), made.size);
    let one = transaction.resource_file(made.id, &place("amd64/run")).await.unwrap();
    assert_eq!(one.as_ref(), files.get(&place("amd64/run")));
    assert!(one.unwrap().is_executable);
    assert_eq!(transaction.resource_file(made.id, &place("common/run")).await.unwrap(), None);
}

async fn every_stream_counts_by_itself(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let base = add_base(&mut transaction, "~joe/mysql").await;
    for (of, number) in [("stable", 0), ("devel", 0), ("stable", 1), ("stable", 2)] {
        let made = add_resources(&mut transaction, &base, of, &["common/a"], "one").await;
        assert_eq!((made.stream.as_str(), made.revision.number()), (of, number));
    }
    let newest = transaction.newest_resources(base.id, &stream("stable")).await.unwrap().unwrap();
    assert_eq!(newest.revision.number(), 2);
    assert_eq!(transaction.newest_resources(base.id, &stream("paid")).await.unwrap(), None);
}

async fn no_two_publishers_get_the_same_number(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let base = add_base(&mut transaction, "~joe/mysql").await;
    add_resources(&mut transaction, &base, "stable", &["common/a"], "one").await;
    transaction.commit().await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let (database, base) = (database.clone(), base.clone());
        tasks.spawn(async move {
            let mut transaction = database.write().await.unwrap();
            let made = add_resources(&mut transaction, &base, "stable", &["common/a"], "one").await;
            transaction.commit().await.unwrap();
            made.revision.number()
        });
    }
    let mut numbers = tasks.join_all().await;
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=16).collect::<Vec<_>>());
}

async fn withdrawn_resources_are_still_there_when_named(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let base = add_base(&mut transaction, "~joe/mysql").await;
    let made = add_resources(&mut transaction, &base, "stable", &["common/a"], "one").await;
    assert!(transaction.withdraw_resources(made.id, at(9), "broken").await.unwrap());
    assert!(!transaction.withdraw_resources(made.id, at(10), "again").await.unwrap());
    let read = transaction.resources(base.id, &made.stream, made.revision).await.unwrap().unwrap();
    assert_eq!(read.withdrawal, Some(Withdrawal { at: at(9), reason: "broken".into() }));
    assert!(transaction.restore_resources(made.id).await.unwrap());
    assert!(!transaction.restore_resources(made.id).await.unwrap());
}
