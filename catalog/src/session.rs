//! Publish sessions: from the plan to the commit.

use charm_model::name::UserName;
use charm_model::reference::BaseId;
use charm_model::timestamp::Timestamp;
use sqlx::{FromRow, query, query_as, query_scalar};
use tracing::instrument;

use crate::column::{BaseIdColumns, Micros, stored_enum};
use crate::document::Document;
use crate::error::CatalogError;
use crate::transaction::{Transaction, on_either};

stored_enum! {
    /// How far a session is.
    SessionState {
        /// Its uploads go on.
        Open = "open",
        /// What it brought is published.
        Committed = "committed",
        /// Nothing came of it.
        Abandoned = "abandoned",
    }
}

/// A publish session, without its plan, which may have megabytes: [`Transaction::session_plan`].
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct PublishSession {
    /// Its name: random, so that nobody guesses another's.
    pub id: String,
    /// The base that is published to. It need not exist yet.
    #[sqlx(flatten, try_from = "BaseIdColumns")]
    pub base: BaseId,
    /// Who publishes.
    #[sqlx(try_from = "String")]
    pub account: UserName,
    /// How far it is.
    #[sqlx(try_from = "String")]
    pub state: SessionState,
    /// The answer to the commit.
    pub result: Option<Document>,
    /// When it began.
    #[sqlx(try_from = "Micros")]
    pub created_at: Timestamp,
    /// When it is given up.
    #[sqlx(try_from = "Micros")]
    pub expires_at: Timestamp,
}

/// A session to be.
#[derive(Debug, Clone, Copy)]
pub struct NewSession<'a> {
    /// Its name.
    pub id: &'a str,
    /// The base that is published to.
    pub base: &'a BaseId,
    /// Who publishes.
    pub account: &'a UserName,
    /// What is to be published.
    pub plan: &'a Document,
    /// Now.
    pub at: Timestamp,
    /// When it is given up.
    pub expires_at: Timestamp,
}

/// The columns of a [`PublishSession`].
macro_rules! session_columns {
    () => {
        "SELECT id, owner, name, account, state, result, created_at, expires_at FROM publish_session "
    };
}

const ADD_SESSION: &str = "
    INSERT INTO publish_session (id, owner, name, account, plan, state, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, 'open', $6, $7)";

const SESSION: &str = concat!(session_columns!(), "WHERE id = $1");

const SESSION_PLAN: &str = "SELECT plan FROM publish_session WHERE id = $1";

const OPEN_SESSION: &str = concat!(
    session_columns!(),
    "WHERE account = $1 AND state = 'open' AND plan = $2 AND expires_at > $3
     ORDER BY created_at DESC, id LIMIT 1"
);

const CLOSE_SESSION: &str =
    "UPDATE publish_session SET state = $2, result = $3 WHERE id = $1 AND state = 'open'";

const EXPIRED_SESSIONS: &str =
    concat!(session_columns!(), "WHERE state = 'open' AND expires_at <= $1 ORDER BY expires_at LIMIT $2");

/// Not as long as one of its objects waits for the sweep: the state of its upload says what is to be deleted.
const FORGET_SESSIONS: &str = "
    DELETE FROM publish_session WHERE id IN (
        SELECT id FROM publish_session
        WHERE state <> 'open' AND expires_at < $1
          AND NOT EXISTS (
              SELECT 1 FROM upload JOIN object ON object.key = upload.object_key
              WHERE upload.session_id = publish_session.id AND object.state <> 'live')
        ORDER BY expires_at LIMIT $2)";

impl Transaction {
    /// Opens a session.
    #[instrument(skip_all, fields(session = new.id, base = %new.base))]
    pub async fn add_session(&mut self, new: NewSession<'_>) -> Result<(), CatalogError> {
        on_either!(self, |conn| {
            let add = query(ADD_SESSION).bind(new.id).bind(new.base.owner.as_str());
            let add = add.bind(new.base.name.as_str()).bind(new.account.as_str()).bind(new.plan);
            let add = add.bind(new.at.as_micros()).bind(new.expires_at.as_micros());
            add.execute(conn).await?;
        });
        Ok(())
    }

    /// Returns the session of that name, open or not.
    pub async fn session(&mut self, id: &str) -> Result<Option<PublishSession>, CatalogError> {
        Ok(on_either!(self, |conn| query_as(SESSION).bind(id).fetch_optional(conn).await?))
    }

    /// Returns what the session of that name is to publish. It never changes.
    pub async fn session_plan(&mut self, id: &str) -> Result<Option<Document>, CatalogError> {
        Ok(on_either!(self, |conn| query_scalar(SESSION_PLAN).bind(id).fetch_optional(conn).await?))
    }

    /// Returns the account's open session with exactly this plan, if one is good beyond `until`: whoever was cut off
    /// goes on with it.
    pub async fn open_session(
        &mut self,
        account: &UserName,
        plan: &Document,
        until: Timestamp,
    ) -> Result<Option<PublishSession>, CatalogError> {
        let session = on_either!(self, |conn| {
            let select = query_as(OPEN_SESSION).bind(account.as_str()).bind(plan);
            select.bind(until.as_micros()).fetch_optional(conn).await?
        });
        Ok(session)
    }

    /// Closes an open session, with the answer to its commit. Says whether it was open: of two commits, one is first.
    #[instrument(skip_all, fields(session = id, state = state.as_str()))]
    pub async fn close_session(
        &mut self,
        id: &str,
        state: SessionState,
        result: Option<&Document>,
    ) -> Result<bool, CatalogError> {
        let n_changed = on_either!(self, |conn| {
            query(CLOSE_SESSION)
                .bind(id)
                .bind(state.as_str())
                .bind(result)
                .execute(conn)
                .await?
                .rows_affected()
        });
        Ok(n_changed == 1)
    }

    /// Returns open sessions whose time is up, longest first, at most `limit`.
    pub async fn expired_sessions(
        &mut self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<PublishSession>, CatalogError> {
        let sessions = on_either!(self, |conn| {
            query_as(EXPIRED_SESSIONS).bind(now.as_micros()).bind(i64::from(limit)).fetch_all(conn).await?
        });
        Ok(sessions)
    }

    /// Forgets closed sessions whose time was up before `before`, longest first, at most `limit`, with their uploads and
    /// challenges. Returns how many.
    pub async fn forget_sessions(&mut self, before: Timestamp, limit: u32) -> Result<u64, CatalogError> {
        let n_removed = on_either!(self, |conn| {
            let forget = query(FORGET_SESSIONS).bind(before.as_micros()).bind(i64::from(limit));
            forget.execute(conn).await?.rows_affected()
        });
        Ok(n_removed)
    }
}
