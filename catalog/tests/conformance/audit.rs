use catalog::audit::{AuditFilter, NewAudited};
use catalog::event::EventKind;
use catalog::{Database, Document};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::fixtures::{add_base, append_event, at};
use crate::test_database::{PostgresDatabase, SqliteDatabase, on_both};

on_both! {
    every_event_is_audited_with_its_base_and_body,
    what_is_looked_for_in_the_audit_is_found_newest_first,
}

fn refused<'a>(actor: Option<&'a str>, object: &'a str, body: &'a Document) -> NewAudited<'a> {
    let refusal = Some("no such right");
    NewAudited { at: at(5), actor, token: Some("t"), action: "PUT", object, refusal, body }
}

async fn every_event_is_audited_with_its_base_and_body(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let base = add_base(&mut transaction, "~joe/mysql").await;
    let seq = append_event(&mut transaction, Some(&base), EventKind::Published).await;
    append_event(&mut transaction, None, EventKind::Deleted).await;
    let rows = transaction.audit(&AuditFilter::default(), 10).await.unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].object.as_str(), rows[0].action.as_str()), ("", "deleted"));
    assert_eq!((rows[1].object.as_str(), rows[1].action.as_str()), ("~joe/mysql", "published"));
    assert_eq!((rows[1].actor.as_deref(), rows[1].is_allowed, rows[1].at), (Some("joe"), true, at(4)));
    assert_eq!(rows[1].event, Some(seq.cast_signed()));
    assert_eq!(rows[1].body, transaction.events(0, 1).await.unwrap()[0].body);
}

async fn what_is_looked_for_in_the_audit_is_found_newest_first(database: Database) {
    let body = Document::of(&()).unwrap();
    let mut transaction = database.write().await.unwrap();
    for (actor, object) in [(Some("joe"), "~joe/mysql"), (None, "~joe/mysql"), (Some("eve"), "@dba")] {
        transaction.add_audited(refused(actor, object, &body)).await.unwrap();
    }
    let done = NewAudited { refusal: None, ..refused(Some("joe"), "@dba", &body) };
    transaction.add_audited(done).await.unwrap();
    let all = transaction.audit(&AuditFilter::default(), 10).await.unwrap();
    assert_eq!(all.len(), 4);
    assert!(all.is_sorted_by(|newer, older| newer.id > older.id));
    assert_eq!((all[0].is_allowed, all[0].reason.as_deref()), (true, None));
    assert_eq!((all[1].is_allowed, all[1].reason.as_deref()), (false, Some("no such right")));
    assert_eq!((all[2].actor.as_deref(), all[2].token.as_deref()), (None, Some("t")));

    let count = async |transaction: &mut catalog::Transaction, filter| {
        transaction.audit(&filter, 10).await.unwrap().len()
    };
    let by_joe = AuditFilter { actor: Some("joe".to_owned()), ..AuditFilter::default() };
    assert_eq!(count(&mut transaction, by_joe.clone()).await, 2);
    assert_eq!(count(&mut transaction, AuditFilter { refused_only: true, ..by_joe }).await, 1);
    let of_group = AuditFilter { object: Some("@dba".to_owned()), ..AuditFilter::default() };
    assert_eq!(count(&mut transaction, of_group).await, 2);
    let older = AuditFilter { before: Some(all[1].id), ..AuditFilter::default() };
    assert_eq!(transaction.audit(&older, 10).await.unwrap(), all[2..]);
}

const CHANGES: [&str; 4] = [
    "UPDATE audit SET actor = 'eve'",
    "DELETE FROM audit",
    "UPDATE event SET body = '{}'",
    "DELETE FROM event",
];

async fn with_a_row(database: Database) {
    let mut transaction = database.write().await.unwrap();
    append_event(&mut transaction, None, EventKind::Deleted).await;
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn the_audit_is_only_added_to() {
    let place = SqliteDatabase::new();
    with_a_row(place.migrated().await).await;
    let mut connection = SqliteConnection::connect(&place.url()).await.unwrap();
    let replaced = [
        "INSERT OR REPLACE INTO audit SELECT * FROM audit",
        "INSERT OR REPLACE INTO event SELECT * FROM event",
    ];
    for change in CHANGES.into_iter().chain(replaced) {
        let refused = sqlx::query(change).execute(&mut connection).await.unwrap_err().to_string();
        assert!(refused.contains("only added"), "{change}: {refused}");
    }
}

#[tokio::test]
async fn the_audit_is_only_added_to_on_postgres() {
    let Some(place) = PostgresDatabase::new().await else { return };
    with_a_row(place.migrated().await).await;
    let mut connection = PgConnection::connect(&place.url()).await.unwrap();
    for change in CHANGES.into_iter().chain(["TRUNCATE audit", "TRUNCATE event CASCADE"]) {
        let refused = sqlx::query(change).execute(&mut connection).await.unwrap_err().to_string();
        assert!(refused.contains("only added"), "{change}: {refused}");
    }
}
