use std::time::Duration;

use catalog::Database;
use charm_model::rights::{Acl, Preset};
use tokio::task::JoinSet;

use crate::fixtures::{add_base, at, base_id, user};
use crate::test_database::on_both;

on_both! {
    a_base_reads_back_as_it_was_made,
    a_base_is_made_once_however_many_try,
    one_base_of_a_name_is_promulgated,
    a_base_is_found_by_its_former_names_and_nobody_else_gets_them,
    whoever_locks_a_base_sees_what_the_one_before_did,
    what_is_not_committed_never_happened,
    a_reading_transaction_changes_nothing,
}

async fn a_base_reads_back_as_it_was_made(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let made = add_base(&mut transaction, "~joe/mysql").await;
    add_base(&mut transaction, "~joe/apache").await;
    let mut acl = Acl::new_base(&user("joe"));
    acl.matrix = Preset::Public.matrix();
    transaction.set_acl(made.id, &acl).await.unwrap();
    transaction.commit().await.unwrap();

    let mut transaction = database.read().await.unwrap();
    let read = transaction.base(&base_id("~joe/mysql")).await.unwrap().unwrap();
    assert_eq!((read.id, &read.name, read.created_at), (made.id, &made.name, at(1)));
    assert_eq!((read.acl, read.is_promulgated, read.last_event), (acl, false, 0));
    let owned = transaction.bases_of_owner(&user("joe")).await.unwrap();
    let owned: Vec<_> = owned.iter().map(|base| base.name.to_string()).collect();
    assert_eq!(owned, ["~joe/apache", "~joe/mysql"]);
    assert_eq!(transaction.base(&base_id("~jane/mysql")).await.unwrap(), None);
}

async fn a_base_is_made_once_however_many_try(database: Database) {
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let database = database.clone();
        tasks.spawn(async move {
            let mut transaction = database.write().await.unwrap();
            let base = add_base(&mut transaction, "~joe/mysql").await;
            transaction.commit().await.unwrap();
            base.id
        });
    }
    let mut ids = tasks.join_all().await;
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

async fn a_base_is_found_by_its_former_names_and_nobody_else_gets_them(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let made = add_base(&mut transaction, "~joe/mysql").await;
    for owner in ["ops", "joe", "ops", "dba"] {
        transaction.set_owner(made.id, &user(owner)).await.unwrap();
        for name in ["~joe/mysql", "~ops/mysql"] {
            let found = transaction.base(&base_id(name)).await.unwrap().unwrap();
            assert_eq!((found.id, found.name.owner.as_str()), (made.id, owner), "{name}");
        }
    }
    let present = add_base(&mut transaction, "~joe/mysql").await;
    assert_eq!((present.id, present.name), (made.id, base_id("~dba/mysql")));
    let former = transaction.former_names(&made).await.unwrap();
    assert_eq!(former, [base_id("~joe/mysql"), base_id("~ops/mysql")]);
    assert_eq!(transaction.bases_of_owner(&user("joe")).await.unwrap(), []);
}

async fn one_base_of_a_name_is_promulgated(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let joes = add_base(&mut transaction, "~joe/mysql").await;
    let janes = add_base(&mut transaction, "~jane/mysql").await;
    let apache = add_base(&mut transaction, "~joe/apache").await;
    assert_eq!(transaction.set_promulgated(apache.id, true).await.unwrap(), None);
    assert_eq!(transaction.set_promulgated(joes.id, true).await.unwrap(), None);
    assert_eq!(transaction.set_promulgated(janes.id, true).await.unwrap(), Some(joes.id));
    let promulgated = transaction.promulgated_base(&janes.name.name).await.unwrap().unwrap();
    assert_eq!(promulgated.id, janes.id);
    assert_eq!(transaction.set_promulgated(janes.id, false).await.unwrap(), None);
    assert_eq!(transaction.promulgated_base(&janes.name.name).await.unwrap(), None);
}

async fn whoever_locks_a_base_sees_what_the_one_before_did(database: Database) {
    let mut first = database.write().await.unwrap();
    let base = add_base(&mut first, "~joe/mysql").await;
    first.commit().await.unwrap();

    let mut first = database.write().await.unwrap();
    first.lock_base(base.id).await.unwrap();
    let mut waiting = JoinSet::new();
    let second = database.clone();
    waiting.spawn(async move {
        let mut second = second.write().await.unwrap();
        second.lock_base(base.id).await.unwrap();
        second.base(&base.name).await.unwrap().unwrap().acl
    });
    // Long enough for a second writer that does not wait to have looked.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let acl = Acl::new_base(&user("jane"));
    first.set_acl(base.id, &acl).await.unwrap();
    first.commit().await.unwrap();
    assert_eq!(waiting.join_all().await, [acl]);
}

async fn what_is_not_committed_never_happened(database: Database) {
    let mut transaction = database.write().await.unwrap();
    add_base(&mut transaction, "~joe/mysql").await;
    drop(transaction);
    let mut transaction = database.read().await.unwrap();
    assert_eq!(transaction.base(&base_id("~joe/mysql")).await.unwrap(), None);
}

async fn a_reading_transaction_changes_nothing(database: Database) {
    let mut transaction = database.read().await.unwrap();
    let refused = transaction.add_base(&base_id("~joe/mysql"), &Acl::new_base(&user("joe")), at(1)).await;
    assert!(refused.is_err());
}
