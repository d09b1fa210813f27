//! Challenges to prove that one has a blob's bytes, and the budget for checking the answers.

use charm_model::digest::Sha256;
use charm_model::name::UserName;
use charm_model::timestamp::Timestamp;
use sqlx::{query, query_scalar};
use tracing::instrument;

use crate::column::bigint;
use crate::error::CatalogError;
use crate::transaction::{Transaction, on_either};

/// Fresh random bytes. What a proof is made of under one is worth nothing under another.
pub type Salt = [u8; 32];

/// A challenge to be.
#[derive(Debug, Clone, Copy)]
pub struct NewChallenge<'a> {
    /// The session in which it may be answered.
    pub session: &'a str,
    /// The blob whose bytes are to be proved.
    pub sha256: Sha256,
    /// Who may answer it.
    pub account: &'a UserName,
    /// The salt.
    pub salt: Salt,
    /// Until when.
    pub expires_at: Timestamp,
}

const ADD_CHALLENGE: &str = "
    INSERT INTO challenge (session_id, sha256, account, salt, expires_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (session_id, sha256) DO NOTHING";

const UNUSED_CHALLENGE: &str = "
    SELECT salt FROM challenge
    WHERE session_id = $1 AND sha256 = $2 AND account = $3 AND expires_at > $4 AND used_at IS NULL";

const USE_CHALLENGE: &str = "
    UPDATE challenge SET used_at = $4
    WHERE session_id = $1 AND sha256 = $2 AND account = $3 AND expires_at > $4 AND used_at IS NULL
    RETURNING salt";

const SPEND_PROOF_BYTES: &str = "
    INSERT INTO proof_budget (account, window_start, bytes) SELECT $1, $2, $3 WHERE $3 <= $4
    ON CONFLICT (account, window_start) DO UPDATE SET bytes = proof_budget.bytes + excluded.bytes
    WHERE proof_budget.bytes + excluded.bytes <= $4";

const FORGET_PROOF_BUDGETS: &str = "DELETE FROM proof_budget WHERE window_start < $1";

impl Transaction {
    /// Gives a challenge. A session has one per blob, ever: says whether it had none.
    pub async fn add_challenge(&mut self, new: NewChallenge<'_>) -> Result<bool, CatalogError> {
        let n_added = on_either!(self, |conn| {
            let add = query(ADD_CHALLENGE).bind(new.session).bind(new.sha256.as_bytes());
            let add = add.bind(new.account.as_str()).bind(&new.salt[..]).bind(new.expires_at.as_micros());
            add.execute(conn).await?.rows_affected()
        });
        Ok(n_added == 1)
    }

    /// Returns the salt of a challenge that can still be answered, and leaves it so.
    pub async fn unused_challenge(
        &mut self,
        session: &str,
        sha256: &Sha256,
        account: &UserName,
        now: Timestamp,
    ) -> Result<Option<Salt>, CatalogError> {
        let salt: Option<Vec<u8>> = on_either!(self, |conn| {
            let select = query_scalar(UNUSED_CHALLENGE).bind(session).bind(sha256.as_bytes());
            select.bind(account.as_str()).bind(now.as_micros()).fetch_optional(conn).await?
        });
        Ok(salt.and_then(|salt| salt.try_into().ok()))
    }

    /// Uses a challenge up and returns its salt. `None` if there is no such challenge, if it is somebody else's, if its
    /// time is up or if it was used before; which of these is nobody's business.
    #[instrument(skip_all, fields(session, blob.digest = %sha256))]
    pub async fn use_challenge(
        &mut self,
        session: &str,
        sha256: &Sha256,
        account: &UserName,
        now: Timestamp,
    ) -> Result<Option<Salt>, CatalogError> {
        let salt: Option<Vec<u8>> = on_either!(self, |conn| {
            let take = query_scalar(USE_CHALLENGE).bind(session).bind(sha256.as_bytes());
            take.bind(account.as_str()).bind(now.as_micros()).fetch_optional(conn).await?
        });
        let salt = salt.map(Salt::try_from).transpose();
        salt.map_err(|bytes| CatalogError::Corrupt(format!("a salt has {} bytes", bytes.len()).into()))
    }

    /// Takes bytes from what an account may have checked within a window of time. Says whether the limit allows it; if
    /// not, nothing is taken.
    pub async fn spend_proof_bytes(
        &mut self,
        account: &UserName,
        window_start: Timestamp,
        bytes: u64,
        limit: u64,
    ) -> Result<bool, CatalogError> {
        let (bytes, limit) = (bigint(bytes)?, bigint(limit)?);
        let n_changed = on_either!(self, |conn| {
            let spend = query(SPEND_PROOF_BYTES).bind(account.as_str()).bind(window_start.as_micros());
            spend.bind(bytes).bind(limit).execute(conn).await?.rows_affected()
        });
        Ok(n_changed == 1)
    }

    /// Forgets what was spent in windows that began before `before`.
    pub async fn forget_proof_budgets(&mut self, before: Timestamp) -> Result<(), CatalogError> {
        on_either!(self, |conn| {
            query(FORGET_PROOF_BUDGETS).bind(before.as_micros()).execute(conn).await?;
        });
        Ok(())
    }
}
