//! Tokens: what was issued to whom, and whether it is still good. The token itself is signed, and kept by its holder.

use charm_model::rights::Scope;
use charm_model::timestamp::Timestamp;
use sqlx::{FromRow, query, query_as};
use tracing::instrument;

use crate::account::Account;
use crate::column::{Micros, MicrosOrNull};
use crate::document::Document;
use crate::error::CatalogError;
use crate::id::Id;
use crate::transaction::{Transaction, on_either};

/// A token that was issued.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Token {
    /// Its id, a JWT's `jti`.
    #[sqlx(rename = "token_id")]
    pub id: String,
    /// Whose it is.
    #[sqlx(flatten)]
    pub account: Account,
    /// What it is good for.
    #[sqlx(try_from = "Document")]
    pub scope: Scope,
    /// What its owner calls it.
    pub description: String,
    /// When it was issued.
    #[sqlx(rename = "token_created_at", try_from = "Micros")]
    pub created_at: Timestamp,
    /// Until when it is good.
    #[sqlx(try_from = "Micros")]
    pub expires_at: Timestamp,
    /// Since when it is not, before its time.
    #[sqlx(try_from = "MicrosOrNull")]
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, about.
    #[sqlx(try_from = "MicrosOrNull")]
    pub last_used_at: Option<Timestamp>,
}

/// A token to be.
#[derive(Debug, Clone, Copy)]
pub struct NewToken<'a> {
    /// Its id.
    pub id: &'a str,
    /// Whose it is.
    pub account: Id<Account>,
    /// What it is good for.
    pub scope: &'a Scope,
    /// What its owner calls it.
    pub description: &'a str,
    /// The token by which it is made.
    pub made_by: Option<&'a str>,
    /// Now.
    pub at: Timestamp,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

const ADD_TOKEN: &str = "
    INSERT INTO token (id, account_id, scope, description, created_at, expires_at, made_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// Every token with its account, as [`Token`] reads it.
macro_rules! select_token {
    ($rest:literal) => {
        concat!(
            "SELECT account.*, token.id AS token_id, token.created_at AS token_created_at, scope, description,
                    expires_at, revoked_at, last_used_at
             FROM token JOIN account ON account.id = token.account_id ",
            $rest
        )
    };
}

const TOKEN: &str = select_token!("WHERE token.id = $1");

const TOKENS_OF: &str = select_token!("WHERE account_id = $1 ORDER BY token.created_at DESC, token.id");

const REVOKE_TOKEN: &str = "
    UPDATE token SET revoked_at = $2 WHERE revoked_at IS NULL AND id IN (
        WITH RECURSIVE ended (id) AS (
            SELECT id FROM token WHERE id = $1 AND revoked_at IS NULL
            UNION SELECT token.id FROM token JOIN ended ON token.made_by = ended.id
        )
        SELECT id FROM ended
    )";

const REVOKE_TOKENS_OF: &str =
    "UPDATE token SET revoked_at = $2 WHERE account_id = $1 AND revoked_at IS NULL";

const FORGET_TOKENS: &str = "
    DELETE FROM token WHERE id IN (SELECT id FROM token WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";

const TOUCH_TOKEN: &str = "UPDATE token SET last_used_at = $2 WHERE id = $1";

impl Transaction {
    /// Notes a token that is issued.
    #[instrument(skip_all, fields(token = new.id))]
    pub async fn add_token(&mut self, new: NewToken<'_>) -> Result<(), CatalogError> {
        let scope = Document::of(new.scope)?;
        on_either!(self, |conn| {
            let add = query(ADD_TOKEN).bind(new.id).bind(new.account).bind(scope).bind(new.description);
            let add = add.bind(new.at.as_micros()).bind(new.expires_at.as_micros()).bind(new.made_by);
            add.execute(conn).await?;
        });
        Ok(())
    }

    /// Returns a token, expired, revoked or neither.
    pub async fn token(&mut self, id: &str) -> Result<Option<Token>, CatalogError> {
        let token = on_either!(self, |conn| query_as(TOKEN).bind(id).fetch_optional(conn).await?);
        let Some(mut token): Option<Token> = token else { return Ok(None) };
        token.account.groups = self.groups_of(token.account.id).await?;
        Ok(Some(token))
    }

    /// Returns an account's tokens, expired and revoked ones too, newest first.
    pub async fn tokens_of(&mut self, account: Id<Account>) -> Result<Vec<Token>, CatalogError> {
        let groups = self.groups_of(account).await?;
        let mut tokens: Vec<Token> =
            on_either!(self, |conn| query_as(TOKENS_OF).bind(account).fetch_all(conn).await?);
        for token in &mut tokens {
            token.account.groups.clone_from(&groups);
        }
        Ok(tokens)
    }

    /// Ends a token before its time, and those that were made by it. Returns how many: none if it was ended so before.
    #[instrument(skip_all, fields(token = id))]
    pub async fn revoke_token(&mut self, id: &str, at: Timestamp) -> Result<u64, CatalogError> {
        Ok(on_either!(self, |conn| {
            query(REVOKE_TOKEN).bind(id).bind(at.as_micros()).execute(conn).await?.rows_affected()
        }))
    }

    /// Ends every token of an account. Returns how many.
    #[instrument(skip_all, fields(account = %account))]
    pub async fn revoke_tokens_of(
        &mut self,
        account: Id<Account>,
        at: Timestamp,
    ) -> Result<u64, CatalogError> {
        Ok(on_either!(self, |conn| {
            query(REVOKE_TOKENS_OF).bind(account).bind(at.as_micros()).execute(conn).await?.rows_affected()
        }))
    }

    /// Forgets tokens that ended before that, at most `limit`.
    pub async fn forget_tokens(&mut self, before: Timestamp, limit: u32) -> Result<(), CatalogError> {
        on_either!(self, |conn| {
            query(FORGET_TOKENS).bind(before.as_micros()).bind(i64::from(limit)).execute(conn).await?;
        });
        Ok(())
    }

    /// Notes that a token was used.
    pub async fn touch_token(&mut self, id: &str, at: Timestamp) -> Result<(), CatalogError> {
        on_either!(self, |conn| {
            query(TOUCH_TOKEN).bind(id).bind(at.as_micros()).execute(conn).await?;
        });
        Ok(())
    }
}
