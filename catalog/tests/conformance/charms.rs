use catalog::Database;
use catalog::charm::Withdrawal;
use charm_model::reference::Revision;
use tokio::task::JoinSet;

use crate::fixtures::{add_base, add_blob, add_charm, archive_file, at, key, series, shape};
use crate::test_database::on_both;

on_both! {
    a_charm_reads_back_as_it_was_published,
    every_series_counts_by_itself,
    a_multi_series_revision_is_above_all_others,
    no_two_publishers_get_the_same_number,
    a_number_is_not_given_again_after_a_rollback_or_twice,
    a_withdrawal_can_be_taken_back,
    the_last_published_comes_first_page_by_page,
    an_archive_keeps_the_order_of_its_files,
    a_list_of_files_is_kept_once,
    the_readme_is_the_plainest_file_of_that_name_at_the_top,
    all_bases_are_read_page_by_page,
}

async fn a_charm_reads_back_as_it_was_published(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let base = add_base(&mut transaction, "~joe/mysql").await;
    let declared = [("stable", shape(&["common/a", "amd64/b"])), ("devel", shape(&["common/a"]))];
    let charm = add_charm(&mut transaction, &base, Some("focal"), &declared).await;
    transaction.commit().await.unwrap();

    let mut transaction = database.read().await.unwrap();
    assert_eq!(charm.key, key(Some("focal"), 0));
    assert_eq!(transaction.charm(base.id, &charm.key).await.unwrap().as_ref(), Some(&charm));
    assert_eq!(charm.archive, transaction.blob_by_id(charm.archive.id).await.unwrap().unwrap());
    assert_eq!(charm.default_stream.unwrap().as_str(), "stable");
    let shapes = transaction.declared_shapes(charm.id).await.unwrap();
    assert_eq!(shapes, declared.map(|(stream, shape)| (stream.parse().unwrap(), shape)).into());
    assert_eq!(transaction.charm(base.id, &key(None, 0)).await.unwrap(), None);
    assert_eq!(transaction.newest_charm(base.id, None).await.unwrap(), None);
}

async fn every_series_counts_by_itself(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let base = add_base(&mut transaction, "~joe/mysql").await;
    for (of, revision) in [("focal", 0), ("jammy", 0), ("focal", 1), ("bundle", 0), ("jammy", 1)] {
        let charm = add_charm(&mut transaction, &base, Some(of), &[]).await;
        assert_eq!(charm.key, key(Some(of), revision));
    }
    let newest = transaction.newest_charm(base.id, Some(&series("focal"))).await.unwrap().unwrap();
    assert_eq!(newest.key, key(Some("focal"), 1));
}

async fn a_multi_series_revision_is_above_all_others(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let base = add_base(&mut transaction, "~joe/mysql").await;
    for of in ["focal", "jammy", "jammy", "jammy"] {
        add_charm(&mut transaction, &base, Some(of), &[]).await;
    }
    assert_eq!(add_charm(&mut transaction, &base, None, &[]).await.key, key(None, 3));
    assert_eq!(add_charm(&mut transaction, &base, None, &[]).await.key, key(None, 4));
    assert_eq!(add_charm(&mut transaction, &base, Some("jammy"), &[]).await.key, key(Some("jammy"), 3));
    let other = add_base(&mut transaction, "~joe/apache").await;
    assert_eq!(add_charm(&mut transaction, &other, None, &[]).await.key, key(None, 0));
}

async fn no_two_publishers_get_the_same_number(database: Database) {
    let mut transaction = database.write().await.unwrap();
    add_base(&mut transaction, "~joe/mysql").await;
    add_blob(&mut transaction, b"archive").await;
    transaction.commit().await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let database = database.clone();
        tasks.spawn(async move {
            let mut transaction = database.write().await.unwrap();
            let base = add_base(&mut transaction, "~joe/mysql").await;
            let one = add_charm(&mut transaction, &base, Some("focal"), &[]).await;
            let other = add_charm(&mut transaction, &base, None, &[]).await;
            transaction.commit().await.unwrap();
            [one.key.revision, other.key.revision].map(Revision::number)
        });
    }
    let numbers = tasks.join_all().await;
    for which in [0, 1] {
        let mut numbers: Vec<_> = numbers.iter().map(|pair| pair[which]).collect();
        numbers.sort_unstable();
        let first = u32::try_from(which).unwrap();
        assert_eq!(numbers, (first..first + 16).collect::<Vec<_>>());
    }
}

async fn a_number_is_not_given_again_after_a_rollback_or_twice(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let base = add_base(&mut transaction, "~joe/mysql").await;
    assert_eq!(add_charm(&mut transaction, &base, None, &[]).await.key.revision.number(), 0);
    transaction.commit().await.unwrap();

    let mut undone = database.write().await.unwrap();
    assert_eq!(add_charm(&mut undone, &base, None, &[]).await.key.revision.number(), 1);
    drop(undone);

    // Nobody has seen the number that was undone, so it is the next one still.
    let mut transaction = database.write().await.unwrap();
    assert_eq!(add_charm(&mut transaction, &base, None, &[]).await.key.revision.number(), 1);
    transaction.commit().await.unwrap();
    let mut transaction = database.write().await.unwrap();
    assert_eq!(add_charm(&mut transaction, &base, None, &[]).await.key.revision.number(), 2);
}

async fn a_withdrawal_can_be_taken_back(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let base = add_base(&mut transaction, "~joe/mysql").await;
    let charm = add_charm(&mut transaction, &base, None, &[]).await;
    assert!(transaction.withdraw_charm(charm.id, at(9), "broken").await.unwrap());
    assert!(!transaction.withdraw_charm(charm.id, at(10), "again").await.unwrap());
    let withdrawn = transaction.charm(base.id, &charm.key).await.unwrap().unwrap();
    assert_eq!(withdrawn.withdrawal, Some(Withdrawal { at: at(9), reason: "broken".into() }));
    assert!(transaction.restore_charm(charm.id).await.unwrap());
    assert!(!transaction.restore_charm(charm.id).await.unwrap());
    assert_eq!(transaction.charm(base.id, &charm.key).await.unwrap(), Some(charm));
}

async fn the_last_published_comes_first_page_by_page(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let base = add_base(&mut transaction, "~joe/mysql").await;
    for _ in 0..5 {
        add_charm(&mut transaction, &base, None, &[]).await;
    }
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = transaction.charms_of_base(base.id, before, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        seen.extend(page.iter().map(|charm| charm.key.revision.number()));
    }
    assert_eq!(seen, [4, 3, 2, 1, 0]);
}

async fn an_archive_keeps_the_order_of_its_files(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let archive = add_blob(&mut transaction, b"archive").await;
    let mut files: Vec<_> = (0..2500).map(|n| archive_file(&format!("lib/{n}"), n)).collect();
    files.push(archive_file("hooks/install", u64::from(u32::MAX) + 1));
    transaction.add_archive_files(archive, &files).await.unwrap();
    assert_eq!(transaction.archive_files(archive).await.unwrap(), files);
    let install = transaction.archive_file(archive, "hooks/install").await.unwrap();
    assert_eq!(install.as_ref(), files.last());
    assert_eq!(transaction.archive_file(archive, "hooks/start").await.unwrap(), None);
}

async fn a_list_of_files_is_kept_once(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let archive = add_blob(&mut transaction, b"archive").await;
    let files = [archive_file("metadata.yaml", 3), archive_file("hooks/install", 4)];
    transaction.add_archive_files(archive, &files).await.unwrap();
    transaction.add_archive_files(archive, &files).await.unwrap();
    transaction.add_archive_files(archive, &[]).await.unwrap();
    assert_eq!(transaction.archive_files(archive).await.unwrap(), files);
}

async fn the_readme_is_the_plainest_file_of_that_name_at_the_top(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let archive = add_blob(&mut transaction, b"archive").await;
    let paths = ["docs/README.md", "README.developers.md", "readme.md", "READMEs", "LICENSE"];
    let mut files: Vec<_> = paths.iter().map(|path| archive_file(path, 9)).collect();
    files.push(archive_file("README", 0));
    transaction.add_archive_files(archive, &files).await.unwrap();
    assert_eq!(transaction.readme(archive).await.unwrap().as_deref(), Some("readme.md"));
    let bare = add_blob(&mut transaction, b"bare").await;
    transaction.add_archive_files(bare, &files[3..]).await.unwrap();
    assert_eq!(transaction.readme(bare).await.unwrap(), None);
}

async fn all_bases_are_read_page_by_page(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let mut made = Vec::new();
    for name in ["~joe/b", "~ann/a", "~joe/c"] {
        made.push(add_base(&mut transaction, name).await);
    }
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = transaction.bases_after(after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        seen.extend(page);
    }
    assert_eq!(seen, made);
}
