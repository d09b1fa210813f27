use std::collections::BTreeSet;

use catalog::{CatalogError, Database};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::test_database::{PostgresDatabase, SqliteDatabase, on_both};

on_both! {
    a_migrated_database_has_every_step_and_migrates_again_to_no_effect,
    a_database_answers_until_it_is_closed,
}

/// Table, column, whether it may be null.
type Columns = BTreeSet<(String, String, bool)>;

const SQLITE_COLUMNS: &str = r#"
    SELECT tables.name, columns.name, columns."notnull" = 0 AND columns.pk = 0
    FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns
    WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite%' AND tables.name NOT LIKE '_sqlx%'"#;

const POSTGRES_COLUMNS: &str = "
    SELECT table_name::TEXT, column_name::TEXT, is_nullable = 'YES' FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name NOT LIKE '_sqlx%'";

/// Index, without those that a primary key or a constraint makes, which each database names in its own way.
const SQLITE_INDEXES: &str = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL";

const POSTGRES_INDEXES: &str = "
    SELECT indexname::TEXT FROM pg_indexes
    WHERE schemaname = 'public' AND indexname NOT LIKE '%\\_key' AND indexname NOT LIKE '%\\_pkey'";

#[tokio::test]
async fn both_databases_have_the_same_tables_columns_and_indexes() {
    let (sqlite, Some(postgres)) = (SqliteDatabase::new(), PostgresDatabase::new().await) else { return };
    sqlite.migrated().await;
    postgres.migrated().await;
    let mut sqlite = SqliteConnection::connect(&sqlite.url()).await.unwrap();
    let mut postgres = PgConnection::connect(&postgres.url()).await.unwrap();

    let in_sqlite: Columns =
        sqlx::query_as(SQLITE_COLUMNS).fetch_all(&mut sqlite).await.unwrap().into_iter().collect();
    let in_postgres: Columns =
        sqlx::query_as(POSTGRES_COLUMNS).fetch_all(&mut postgres).await.unwrap().into_iter().collect();
    assert_eq!(in_sqlite, in_postgres);
    assert!(in_sqlite.contains(&("revision".into(), "withdrawn_at".into(), true)));

    let in_sqlite: BTreeSet<String> =
        sqlx::query_scalar(SQLITE_INDEXES).fetch_all(&mut sqlite).await.unwrap().into_iter().collect();
    let in_postgres: BTreeSet<String> =
        sqlx::query_scalar(POSTGRES_INDEXES).fetch_all(&mut postgres).await.unwrap().into_iter().collect();
    assert_eq!(in_sqlite, in_postgres);
}

#[test]
fn both_folders_have_the_same_files() {
    let files = |folder: &str| -> BTreeSet<_> {
        let folder = format!("{}/../migrations/{folder}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    };
    assert_eq!(files("sqlite"), files("postgres"));
}

#[tokio::test]
async fn a_new_database_says_what_it_lacks() {
    let place = SqliteDatabase::new();
    let database = Database::open(&place.url()).await.unwrap();
    let status = database.migration_status().await.unwrap();
    assert_eq!((status[0].version, status[0].description.as_str()), (1, "base"));
    assert!(status.iter().all(|step| !step.is_applied));
}

#[tokio::test]
async fn another_kind_of_database_is_refused_without_its_password() {
    let refused = Database::open("mysql://joe:secret@localhost/store").await.unwrap_err();
    assert!(matches!(refused, CatalogError::Scheme(_)));
    assert!(!refused.to_string().contains("secret"), "{refused}");
}

async fn a_migrated_database_has_every_step_and_migrates_again_to_no_effect(database: Database) {
    database.migrate().await.unwrap();
    let status = database.migration_status().await.unwrap();
    assert!(status.iter().all(|step| step.is_applied));
}

async fn a_database_answers_until_it_is_closed(database: Database) {
    database.ping().await.unwrap();
    database.close().await;
    assert!(matches!(database.ping().await, Err(CatalogError::Unavailable(_))));
}
