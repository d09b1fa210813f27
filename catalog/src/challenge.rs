//! Challenges to prove that one has a blob's bytes, and the budget for checking the answers.

use std::collections::BTreeMap;

use charm_model::digest::Sha256;
use charm_model::name::UserName;
use charm_model::timestamp::Timestamp;
use sqlx::{FromRow, QueryBuilder, query, query_as, query_scalar};
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

#[derive(FromRow)]
struct Unused {
    #[sqlx(try_from = "Vec<u8>")]
    sha256: Sha256,
    salt: Vec<u8>,
}

/// Challenges per statement: 5 values each, and SQLite takes 32,766 of them.
const N_CHALLENGES_AT_ONCE: usize = 1000;

const ADD_CHALLENGES: &str = "INSERT INTO challenge (session_id, sha256, account, salt, expires_at) ";

const UNUSED_CHALLENGES: &str = "
    SELECT sha256, salt FROM challenge
    WHERE session_id = $1 AND account = $2 AND expires_at > $3 AND used_at IS NULL";

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
    /// Gives challenges. A session has one per blob, ever: returns how many had none.
    pub async fn add_challenges(&mut self, new: &[NewChallenge<'_>]) -> Result<u64, CatalogError> {
        let mut n_added = 0;
        for chunk in new.chunks(N_CHALLENGES_AT_ONCE) {
            n_added += on_either!(self, |conn| {
                let mut insert = QueryBuilder::new(ADD_CHALLENGES);
                insert.push_values(chunk, |mut row, new| {
                    row.push_bind(new.session).push_bind(new.sha256.as_bytes());
                    row.push_bind(new.account.as_str()).push_bind(&new.salt[..]);
                    row.push_bind(new.expires_at.as_micros());
                });
                insert.push(" ON CONFLICT (session_id, sha256) DO NOTHING");
                insert.build().execute(conn).await?.rows_affected()
            });
        }
        Ok(n_added)
    }

    /// Returns the salts of the session's challenges that can still be answered, and leaves them so.
    pub async fn unused_challenges(
        &mut self,
        session: &str,
        account: &UserName,
        now: Timestamp,
    ) -> Result<BTreeMap<Sha256, Salt>, CatalogError> {
        let unused: Vec<Unused> = on_either!(self, |conn| {
            let select = query_as(UNUSED_CHALLENGES).bind(session).bind(account.as_str());
            select.bind(now.as_micros()).fetch_all(conn).await?
        });
        unused.into_iter().map(|Unused { sha256, salt }| Ok((sha256, read_salt(salt)?))).collect()
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
        salt.map(read_salt).transpose()
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

fn read_salt(bytes: Vec<u8>) -> Result<Salt, CatalogError> {
    let corrupt = |bytes: Vec<u8>| CatalogError::Corrupt(format!("a salt has {} bytes", bytes.len()).into());
    bytes.try_into().map_err(corrupt)
}
