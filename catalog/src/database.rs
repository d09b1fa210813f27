//! The database: which one, how it is connected to, how a transaction begins.

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgPool, SqlitePool};
use tracing::instrument;

use crate::error::CatalogError;
use crate::transaction::{Driver, Transaction, on_either};

/// How long a transaction waits for a connection, or for another writer, before the catalog says that it is busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// Readers of SQLite at a time: more than processors would only wait for each other.
const N_SQLITE_READERS: u32 = 8;

/// Connections that one server takes of a PostgreSQL, which has 100 unless told otherwise.
const N_POSTGRES_CONNECTIONS: u32 = 20;

/// The catalog's database, SQLite or PostgreSQL. A clone shares the connections.
#[derive(Clone)]
pub struct Database {
    pub(crate) pools: Pools,
}

#[derive(Clone)]
pub(crate) enum Pools {
    /// SQLite has one writer at a time. A pool of one makes the others wait in line, where its own lock would have
    /// them try again and again, and in no order.
    Sqlite { readers: SqlitePool, writer: SqlitePool },
    /// PostgreSQL.
    Postgres(PgPool),
}

impl fmt::Debug for Database {
    /// Keeps the URL, which may hold a password, out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.pools {
            Pools::Sqlite { .. } => "Database(SQLite)",
            Pools::Postgres(_) => "Database(PostgreSQL)",
        })
    }
}

impl Database {
    /// Connects to `sqlite:PATH` or `sqlite:///PATH`, whose file is made if it is not there, or to `postgres://…`.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Scheme`] for any other URL, [`CatalogError::Unavailable`] if nobody answers.
    pub async fn open(url: &str) -> Result<Self, CatalogError> {
        let scheme = url.split_once(':').map_or(url, |(scheme, _)| scheme);
        let pools = match scheme {
            "sqlite" => open_sqlite(url).await?,
            "postgres" | "postgresql" => open_postgres(url).await?,
            _ => return Err(CatalogError::Scheme(scheme.to_owned())),
        };
        Ok(Self { pools })
    }

    /// Begins a transaction that sees one moment and changes nothing.
    #[instrument(level = "trace", skip_all)]
    pub async fn read(&self) -> Result<Transaction, CatalogError> {
        let driver = match &self.pools {
            Pools::Sqlite { readers, .. } => Driver::Sqlite(readers.begin().await?),
            Pools::Postgres(pool) => {
                Driver::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
            }
        };
        Ok(Transaction { driver })
    }

    /// Begins a transaction that may change things.
    ///
    /// On SQLite it is the only one. On PostgreSQL others go on beside it, and every statement sees what was committed
    /// before it; [`Transaction::lock_base`] keeps others away from a base.
    #[instrument(level = "trace", skip_all)]
    pub async fn write(&self) -> Result<Transaction, CatalogError> {
        let driver = match &self.pools {
            // A reader that turns writer fails if another has written meanwhile, so writers say so at once.
            Pools::Sqlite { writer, .. } => Driver::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Pools::Postgres(pool) => {
                Driver::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?)
            }
        };
        Ok(Transaction { driver })
    }

    /// Asks the database for an answer, any answer.
    pub async fn ping(&self) -> Result<(), CatalogError> {
        let mut transaction = self.read().await?;
        on_either!(transaction, |conn| {
            sqlx::query("SELECT 1").execute(conn).await?;
        });
        Ok(())
    }

    /// Waits for the transactions that are under way and closes all connections.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { readers, writer } => {
                readers.close().await;
                // The last connection folds the write-ahead log into the file, which a reader may not.
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

async fn open_sqlite(url: &str) -> Result<Pools, CatalogError> {
    let options = SqliteConnectOptions::from_str(url)?.foreign_keys(true).busy_timeout(PATIENCE);
    let writer = options
        .clone()
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // In WAL mode, anything less may lose the last commits, which were acknowledged, when the power fails.
        .synchronous(SqliteSynchronous::Full);
    let writer = sqlite_pool(1).connect_with(writer).await?;
    let readers = sqlite_pool(N_SQLITE_READERS).connect_lazy_with(options.pragma("query_only", "ON"));
    Ok(Pools::Sqlite { readers, writer })
}

/// Where the disk fails, SQLite ends a transaction by itself. The driver is then refused the rollback, believes for ever
/// to be in a transaction, and begins no other: such a connection is replaced.
fn sqlite_pool(n_connections: u32) -> SqlitePoolOptions {
    let options = SqlitePoolOptions::new().max_connections(n_connections).acquire_timeout(PATIENCE);
    options.after_release(|connection, _| {
        Box::pin(async move {
            // Whatever else was asked of the connection, such as a rollback, has been done when this is answered.
            connection.ping().await?;
            Ok(!connection.is_in_transaction())
        })
    })
}

async fn open_postgres(url: &str) -> Result<Pools, CatalogError> {
    let patience_ms = PATIENCE.as_millis().to_string();
    let options = PgConnectOptions::from_str(url)?
        .application_name("charm-store")
        .options([("lock_timeout", patience_ms.as_str())]);
    let pool = PgPoolOptions::new().max_connections(N_POSTGRES_CONNECTIONS).acquire_timeout(PATIENCE);
    Ok(Pools::Postgres(pool.connect_with(options).await?))
}
