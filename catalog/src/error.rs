//! What can go wrong, by what a caller can do about it.

use std::error::Error as StdError;

use charm_model::name::UserName;
use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgDatabaseError;
use thiserror::Error;

/// Why the catalog did not do what it was asked. Absence is not among it: that is an `Option`.
#[derive(Debug, Error)]
pub enum CatalogError {
    /// Another writer was in the way. The same transaction, begun anew, may succeed.
    #[error("the database is busy with another writer")]
    Busy(#[source] sqlx::Error),
    /// The database cannot be reached, is shutting down or is out of space. Later may be better.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// The database refused a statement: a programming error, here or in the order of calls.
    #[error("the database refused a statement")]
    Statement(#[source] sqlx::Error),
    /// A row does not say what it should. Nothing but an operator can help.
    #[error("a row of the database cannot be read")]
    Corrupt(#[source] Box<dyn StdError + Send + Sync>),
    /// The schema is not what this program knows, and cannot be made so.
    #[error("the database could not be migrated")]
    Migration(#[from] MigrateError),
    /// The database's URL names neither of the two.
    #[error("a database's URL begins with `sqlite:` or `postgres:`, not with `{0}`")]
    Scheme(String),
    /// A value has no JSON form.
    #[error("a document cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
    /// The object was swept before a blob named it. The bytes must be stored again, under another key.
    #[error("object `{0}` is not pending any more")]
    ObjectGone(String),
    /// The blob that the lookup found went before it could be named. The same transaction, begun anew, will add it.
    #[error("the blob was swept meanwhile")]
    BlobGone,
    /// A user of a group's name would own what is the group's, and the other way round.
    #[error("`{name}` is the name of a {}: choose another", if *.by_group { "group" } else { "user" })]
    NameTaken {
        /// The name.
        name: UserName,
        /// Whether a group has it.
        by_group: bool,
    },
    /// A number, or the next revision, is beyond what can be kept.
    #[error("`{0}` is too large for the catalog")]
    TooLarge(u64),
}

/// A word in a column that this program does not know: a row of a later version, or a damaged one.
#[derive(Debug, Error)]
#[error("`{0}` is not known here")]
pub struct UnknownWord(pub(crate) String);

impl From<sqlx::Error> for CatalogError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error;
        match &error {
            Error::Database(refusal) => match Refusal::of(refusal.as_ref()) {
                Refusal::Busy => Self::Busy(error),
                Refusal::Unavailable => Self::Unavailable(error),
                Refusal::Corrupt => Self::Corrupt(error.into()),
                Refusal::Statement => Self::Statement(error),
            },
            Error::PoolTimedOut => Self::Busy(error),
            Error::Io(_) | Error::Tls(_) | Error::PoolClosed | Error::WorkerCrashed | Error::BeginFailed => {
                Self::Unavailable(error)
            }
            Error::ColumnDecode { .. } | Error::Decode(_) => Self::Corrupt(error.into()),
            _ => Self::Statement(error),
        }
    }
}

/// What a database's error code comes down to.
enum Refusal {
    Busy,
    Unavailable,
    Corrupt,
    Statement,
}

impl Refusal {
    fn of(error: &dyn DatabaseError) -> Self {
        let code = error.code().unwrap_or_default();
        if error.try_downcast_ref::<PgDatabaseError>().is_some() {
            Self::of_sqlstate(&code)
        } else {
            Self::of_sqlite(code.parse().unwrap_or_default())
        }
    }

    /// PostgreSQL's documentation, appendix A.
    fn of_sqlstate(code: &str) -> Self {
        match code {
            // A serialization failure, a deadlock, a lock timeout; a unique violation is a race that was lost, since
            // conflicts that are expected are not errors.
            "40001" | "40P01" | "55P03" | "23505" => Self::Busy,
            "XX001" | "XX002" => Self::Corrupt,
            // Connection, resources, operator intervention, system.
            _ if ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class)) => Self::Unavailable,
            _ => Self::Statement,
        }
    }

    /// <https://www.sqlite.org/rescode.html>: the low byte is the primary code.
    fn of_sqlite(code: i32) -> Self {
        match (code, code & 0xff) {
            // SQLITE_CONSTRAINT_PRIMARYKEY and SQLITE_CONSTRAINT_UNIQUE, SQLITE_BUSY and SQLITE_LOCKED.
            (1555 | 2067, _) | (_, 5 | 6) => Self::Busy,
            // SQLITE_IOERR, SQLITE_FULL and SQLITE_CANTOPEN.
            (_, 10 | 13 | 14) => Self::Unavailable,
            // SQLITE_CORRUPT and SQLITE_NOTADB.
            (_, 11 | 26) => Self::Corrupt,
            _ => Self::Statement,
        }
    }
}
