//! A database for each test, gone after it.

use std::env;
use std::sync::atomic::{AtomicU32, Ordering};

use catalog::Database;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;

/// Checks each rule, an `async fn(Database)`, on both databases.
macro_rules! on_both {
    ($($rule:ident),+ $(,)?) => {
        $(mod $rule {
            use $crate::test_database::{PostgresDatabase, SqliteDatabase};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                let place = SqliteDatabase::new();
                super::$rule(place.migrated().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                let Some(place) = PostgresDatabase::new().await else { return };
                super::$rule(place.migrated().await).await;
            }
        })+
    };
}

pub(crate) use on_both;

/// A file in a temporary directory.
pub(crate) struct SqliteDatabase {
    directory: TempDir,
}

impl SqliteDatabase {
    pub(crate) fn new() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite://{}", self.directory.path().join("catalog.sqlite").display())
    }

    pub(crate) async fn migrated(&self) -> Database {
        migrated(&self.url()).await
    }
}

/// A database of its own on the server.
pub(crate) struct PostgresDatabase {
    server: String,
    name: String,
}

impl PostgresDatabase {
    pub(crate) async fn new() -> Option<Self> {
        static N_MADE: AtomicU32 = AtomicU32::new(0);
        let server = env::var("TEST_POSTGRES_URL").ok()?;
        let name = format!("catalog_{}_{}", std::process::id(), N_MADE.fetch_add(1, Ordering::Relaxed));
        execute(&server, format!("CREATE DATABASE {name}")).await;
        Some(Self { server, name })
    }

    pub(crate) fn url(&self) -> String {
        let (address, options) = self.server.split_once('?').unwrap_or((&self.server, ""));
        let (server, _) = address.rsplit_once('/').unwrap();
        format!("{server}/{}?{options}", self.name)
    }

    pub(crate) async fn migrated(&self) -> Database {
        migrated(&self.url()).await
    }
}

impl Drop for PostgresDatabase {
    /// On a thread and a runtime of its own: a drop, even one during a panic, cannot wait for the test's.
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(execute(&server, format!("DROP DATABASE {name} WITH (FORCE)")));
        });
        dropped.join().ok();
    }
}

async fn migrated(url: &str) -> Database {
    let database = Database::open(url).await.unwrap();
    database.migrate().await.unwrap();
    database
}

async fn execute(server: &str, statement: String) {
    let mut connection = PgConnection::connect(server).await.unwrap();
    sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
