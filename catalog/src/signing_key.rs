//! The keys that sign tokens, shared by every server of a store.

use std::fmt;

use charm_model::timestamp::Timestamp;
use sqlx::{FromRow, query, query_as};
use tracing::instrument;

use crate::column::{Micros, MicrosOrNull};
use crate::error::CatalogError;
use crate::transaction::{Transaction, on_either};

/// A key that signs tokens, or did.
#[derive(Clone, PartialEq, Eq, FromRow)]
pub struct SigningKey {
    /// Its id, a JWT's `kid`.
    pub id: String,
    /// What it is for, such as `EdDSA`.
    pub algorithm: String,
    /// The secret half, in the algorithm's own form.
    pub private_key: Vec<u8>,
    /// The other half.
    pub public_key: Vec<u8>,
    /// When it was made.
    #[sqlx(try_from = "Micros")]
    pub created_at: Timestamp,
    /// Since when it signs nothing more.
    #[sqlx(try_from = "MicrosOrNull")]
    pub retired_at: Option<Timestamp>,
}

impl fmt::Debug for SigningKey {
    /// Keeps the secret half out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

const ADD_SIGNING_KEY: &str = "
    INSERT INTO signing_key (id, algorithm, private_key, public_key, created_at, retired_at)
    VALUES ($1, $2, $3, $4, $5, $6)";

const SIGNING_KEY: &str = "SELECT * FROM signing_key WHERE id = $1";

const SIGNING_KEYS: &str = "SELECT * FROM signing_key ORDER BY created_at DESC, id";

const CURRENT_SIGNING_KEY: &str =
    "SELECT * FROM signing_key WHERE retired_at IS NULL ORDER BY created_at DESC, id LIMIT 1";

const RETIRE_SIGNING_KEYS: &str = "UPDATE signing_key SET retired_at = $1 WHERE retired_at IS NULL";

impl Transaction {
    /// Adds a key.
    #[instrument(skip_all, fields(key = key.id))]
    pub async fn add_signing_key(&mut self, key: &SigningKey) -> Result<(), CatalogError> {
        let retired_at = key.retired_at.map(Timestamp::as_micros);
        on_either!(self, |conn| {
            let add = query(ADD_SIGNING_KEY).bind(&key.id).bind(&key.algorithm).bind(&key.private_key);
            let add = add.bind(&key.public_key).bind(key.created_at.as_micros()).bind(retired_at);
            add.execute(conn).await?;
        });
        Ok(())
    }

    /// Returns the key of that id, retired or not.
    pub async fn signing_key(&mut self, id: &str) -> Result<Option<SigningKey>, CatalogError> {
        Ok(on_either!(self, |conn| query_as(SIGNING_KEY).bind(id).fetch_optional(conn).await?))
    }

    /// Returns every key, newest first; what a retired one signed may still be good.
    pub async fn signing_keys(&mut self) -> Result<Vec<SigningKey>, CatalogError> {
        Ok(on_either!(self, |conn| query_as(SIGNING_KEYS).fetch_all(conn).await?))
    }

    /// Returns the key to sign with: the newest that is not retired. Every server finds the same.
    pub async fn current_signing_key(&mut self) -> Result<Option<SigningKey>, CatalogError> {
        Ok(on_either!(self, |conn| query_as(CURRENT_SIGNING_KEY).fetch_optional(conn).await?))
    }

    /// Has every key sign nothing more: two servers that made the first one at once left two. Returns how many.
    #[instrument(skip_all)]
    pub async fn retire_signing_keys(&mut self, at: Timestamp) -> Result<u64, CatalogError> {
        Ok(on_either!(self, |conn| {
            query(RETIRE_SIGNING_KEYS).bind(at.as_micros()).execute(conn).await?.rows_affected()
        }))
    }
}
