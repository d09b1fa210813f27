//! The schema, embedded: bringing a database up to it, and saying how far it is.

use std::collections::BTreeSet;

use sqlx::migrate::{AppliedMigration, Migrate, Migrator};
use tracing::instrument;

use crate::database::{Database, Pools};
use crate::error::CatalogError;

static SQLITE: Migrator = sqlx::migrate!("../migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("../migrations/postgres");

/// Where sqlx notes what it has applied.
const NOTES: &str = "_sqlx_migrations";

/// One step of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Its number.
    pub version: i64,
    /// What it is about.
    pub description: String,
    /// Whether this database has it.
    pub is_applied: bool,
}

impl Database {
    /// Applies the steps that the database does not have. Servers that start together take turns.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Migration`] also if the database has a step that this program does not know, or knows otherwise.
    #[instrument(skip_all)]
    pub async fn migrate(&self) -> Result<(), CatalogError> {
        match &self.pools {
            Pools::Sqlite { writer, .. } => SQLITE.run(writer).await?,
            Pools::Postgres(pool) => POSTGRES.run(pool).await?,
        }
        Ok(())
    }

    /// Returns every step that this program knows, in order.
    pub async fn migration_status(&self) -> Result<Vec<MigrationStatus>, CatalogError> {
        match &self.pools {
            Pools::Sqlite { writer, .. } => status(&SQLITE, &mut *writer.acquire().await?).await,
            Pools::Postgres(pool) => status(&POSTGRES, &mut *pool.acquire().await?).await,
        }
    }
}

async fn status(
    migrator: &Migrator,
    connection: &mut impl Migrate,
) -> Result<Vec<MigrationStatus>, CatalogError> {
    connection.ensure_migrations_table(NOTES).await?;
    let applied = connection.list_applied_migrations(NOTES).await?;
    let applied: BTreeSet<_> = applied.iter().map(|AppliedMigration { version, .. }| *version).collect();
    let steps = migrator.iter().map(|step| MigrationStatus {
        version: step.version,
        description: step.description.to_string(),
        is_applied: applied.contains(&step.version),
    });
    Ok(steps.collect())
}
