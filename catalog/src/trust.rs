//! Trusted publishing: which jobs of other systems may publish to a base, and tokens of theirs that were used up.

use charm_model::name::Channel;
use charm_model::timestamp::Timestamp;
use sqlx::{FromRow, query, query_as};
use tracing::instrument;

use crate::account::Account;
use crate::base::Base;
use crate::column::{Micros, TextOrNull};
use crate::error::CatalogError;
use crate::id::Id;
use crate::transaction::{Transaction, on_either};

/// A job that may publish to a base.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Trust {
    /// Its id.
    #[sqlx(rename = "trust_id")]
    pub id: String,
    /// Who issues its tokens.
    pub issuer: String,
    /// The repository whose job it is.
    pub repository: String,
    /// What stays when the repository's name is somebody else's; none before the first use.
    pub repository_id: Option<String>,
    /// The workflow's file.
    pub workflow: String,
    /// The environment; none where any will do.
    pub environment: Option<String>,
    /// The channel to which it may release, if it may.
    #[sqlx(try_from = "TextOrNull")]
    pub channel: Option<Channel>,
    /// For whom it publishes.
    #[sqlx(flatten)]
    pub account: Account,
    /// Since when.
    #[sqlx(rename = "trust_created_at", try_from = "Micros")]
    pub created_at: Timestamp,
}

/// A trust to be.
#[derive(Debug, Clone, Copy)]
pub struct NewTrust<'a> {
    /// Its id.
    pub id: &'a str,
    /// The base.
    pub base: Id<Base>,
    /// Who issues the job's tokens.
    pub issuer: &'a str,
    /// The repository.
    pub repository: &'a str,
    /// The workflow's file.
    pub workflow: &'a str,
    /// The environment; none where any will do.
    pub environment: Option<&'a str>,
    /// The channel to which it may release, if it may.
    pub channel: Option<Channel>,
    /// For whom it publishes.
    pub account: Id<Account>,
    /// Now.
    pub at: Timestamp,
}

const ADD_TRUST: &str = "
    INSERT INTO trust
        (id, base_id, issuer, repository, workflow, environment, channel, account_id, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const TRUSTS: &str = "
    SELECT account.*, trust.id AS trust_id, issuer, repository, repository_id, workflow, environment, channel,
           trust.created_at AS trust_created_at
    FROM trust JOIN account ON account.id = account_id
    WHERE base_id = $1 ORDER BY trust.created_at, trust.id";

const REMOVE_TRUST: &str = "DELETE FROM trust WHERE base_id = $1 AND id = $2";

const PIN_TRUST: &str = "
    UPDATE trust SET repository_id = $2 WHERE id = $1 AND (repository_id IS NULL OR repository_id = $2)";

const USE_TOKEN: &str = "
    INSERT INTO used_token (issuer, token_id, expires_at) VALUES ($1, $2, $3)
    ON CONFLICT (issuer, token_id) DO NOTHING";

const FORGET_USED_TOKENS: &str = "DELETE FROM used_token WHERE expires_at < $1";

impl Transaction {
    /// Has a base trust a job.
    #[instrument(skip_all, fields(base = %new.base, trust = new.id))]
    pub async fn add_trust(&mut self, new: NewTrust<'_>) -> Result<(), CatalogError> {
        on_either!(self, |conn| {
            let add = query(ADD_TRUST).bind(new.id).bind(new.base).bind(new.issuer).bind(new.repository);
            let add = add.bind(new.workflow).bind(new.environment).bind(new.channel.map(Channel::as_str));
            add.bind(new.account).bind(new.at.as_micros()).execute(conn).await?;
        });
        Ok(())
    }

    /// Returns the jobs that a base trusts, oldest first; none for no base, which takes as long. The groups of their
    /// accounts are left out.
    pub async fn trusts(&mut self, base: Option<Id<Base>>) -> Result<Vec<Trust>, CatalogError> {
        Ok(on_either!(self, |conn| query_as(TRUSTS).bind(base).fetch_all(conn).await?))
    }

    /// Has a base trust a job no more. Says whether it did.
    #[instrument(skip_all, fields(base = %base, trust = id))]
    pub async fn remove_trust(&mut self, base: Id<Base>, id: &str) -> Result<bool, CatalogError> {
        let n_removed = on_either!(self, |conn| {
            query(REMOVE_TRUST).bind(base).bind(id).execute(conn).await?.rows_affected()
        });
        Ok(n_removed == 1)
    }

    /// Notes which repository a trust is about. Says whether it is about that one.
    pub async fn pin_trust(&mut self, id: &str, repository_id: &str) -> Result<bool, CatalogError> {
        let n_pinned = on_either!(self, |conn| {
            query(PIN_TRUST).bind(id).bind(repository_id).execute(conn).await?.rows_affected()
        });
        Ok(n_pinned == 1)
    }

    /// Uses up a token of another issuer. Says whether it was unused.
    #[instrument(skip_all, fields(issuer))]
    pub async fn use_token(
        &mut self,
        issuer: &str,
        token_id: &str,
        expires_at: Timestamp,
    ) -> Result<bool, CatalogError> {
        let n_added = on_either!(self, |conn| {
            let add = query(USE_TOKEN).bind(issuer).bind(token_id).bind(expires_at.as_micros());
            add.execute(conn).await?.rows_affected()
        });
        Ok(n_added == 1)
    }

    /// Forgets used tokens that ended before that, which are refused for their age.
    pub async fn forget_used_tokens(&mut self, before: Timestamp) -> Result<(), CatalogError> {
        on_either!(self, |conn| {
            query(FORGET_USED_TOKENS).bind(before.as_micros()).execute(conn).await?;
        });
        Ok(())
    }
}
