//! The audit: who did what, or tried to. It is only ever added to, which the database itself sees to.

use charm_model::timestamp::Timestamp;
use sqlx::{FromRow, query, query_as};
use tracing::instrument;

use crate::column::{Micros, bigint};
use crate::document::Document;
use crate::error::CatalogError;
use crate::event::NewEvent;
use crate::transaction::{Transaction, on_either};

/// One row of the audit.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Audited {
    /// Its number; later ones are higher, and there may be gaps.
    #[sqlx(try_from = "i64")]
    pub id: u64,
    /// When.
    #[sqlx(try_from = "Micros")]
    pub at: Timestamp,
    /// Who, if that is known; the operator is `admin`.
    pub actor: Option<String>,
    /// By which token; none where a password was given.
    pub token: Option<String>,
    /// What: an event's kind, or a verb and what it is about.
    pub action: String,
    /// To what: a base, a group, a token, or the path of a request.
    pub object: String,
    /// Whether it was done.
    #[sqlx(rename = "allowed")]
    pub is_allowed: bool,
    /// Why it was not.
    pub reason: Option<String>,
    /// The number of the event that tells of it.
    pub event: Option<i64>,
    /// From what to what.
    pub body: Document,
}

/// A row of the audit to be, of something that is no event.
#[derive(Debug, Clone, Copy)]
pub struct NewAudited<'a> {
    /// When.
    pub at: Timestamp,
    /// Who, if that is known.
    pub actor: Option<&'a str>,
    /// By which token.
    pub token: Option<&'a str>,
    /// What.
    pub action: &'a str,
    /// To what.
    pub object: &'a str,
    /// Why it was refused; none for what was done.
    pub refusal: Option<&'a str>,
    /// From what to what.
    pub body: &'a Document,
}

/// Which rows are looked for.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Those before this number.
    pub before: Option<u64>,
    /// Those of this user.
    pub actor: Option<String>,
    /// Those about this.
    pub object: Option<String>,
    /// Those that were refused.
    pub refused_only: bool,
}

const ADD: &str = "
    INSERT INTO audit (at, actor, token, action, object, allowed, reason, body)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const ADD_OF_EVENT: &str = "
    INSERT INTO audit (at, actor, token, action, object, allowed, event, body)
    VALUES ($1, $2, $3, $4, COALESCE((SELECT '~' || owner || '/' || name FROM base WHERE id = $5), ''), TRUE, $6, '{}')";

/// Rows of the audit, as [`Audited`] reads them. The condition is the one that an index answers.
macro_rules! select_audit {
    ($condition:literal) => {
        concat!(
            "SELECT audit.id, audit.at, audit.actor, token, action, object, allowed, reason, event,
                    COALESCE(event.body, audit.body) AS body
             FROM audit LEFT JOIN event ON event.seq = audit.event
             WHERE audit.id < $1 AND ",
            $condition,
            " AND ($2 IS NULL OR audit.actor = $2) AND ($3 IS NULL OR object = $3)
                 AND (allowed = FALSE OR $4 = FALSE)
             ORDER BY audit.id DESC LIMIT $5"
        )
    };
}

const AUDIT: &str = select_audit!("TRUE");

const AUDIT_OF_OBJECT: &str = select_audit!("object = $3");

const AUDIT_OF_ACTOR: &str = select_audit!("audit.actor = $2");

const AUDIT_OF_REFUSALS: &str = select_audit!("allowed = FALSE");

impl AuditFilter {
    const fn statement(&self) -> &'static str {
        match self {
            Self { object: Some(_), .. } => AUDIT_OF_OBJECT,
            Self { actor: Some(_), .. } => AUDIT_OF_ACTOR,
            Self { refused_only: true, .. } => AUDIT_OF_REFUSALS,
            _ => AUDIT,
        }
    }
}

impl Transaction {
    /// Notes what was done or refused.
    #[instrument(skip_all, fields(action = new.action))]
    pub async fn add_audited(&mut self, new: NewAudited<'_>) -> Result<(), CatalogError> {
        on_either!(self, |conn| {
            let add = query(ADD).bind(new.at.as_micros()).bind(new.actor).bind(new.token).bind(new.action);
            let add = add.bind(new.object).bind(new.refusal.is_none()).bind(new.refusal).bind(new.body);
            add.execute(conn).await?;
        });
        Ok(())
    }

    /// Notes an event, so that nothing can be told and not be found here.
    pub(crate) async fn add_audited_event(
        &mut self,
        seq: i64,
        new: NewEvent<'_>,
    ) -> Result<(), CatalogError> {
        on_either!(self, |conn| {
            let add = query(ADD_OF_EVENT).bind(new.at.as_micros()).bind(new.actor.as_str()).bind(new.token);
            add.bind(new.kind.as_str()).bind(new.base).bind(seq).execute(conn).await?;
        });
        Ok(())
    }

    /// Returns what was done and refused, newest first, at most `limit` rows.
    pub async fn audit(&mut self, filter: &AuditFilter, limit: u32) -> Result<Vec<Audited>, CatalogError> {
        let before = filter.before.map_or(Ok(i64::MAX), bigint)?;
        let rows = on_either!(self, |conn| {
            let rows = query_as(filter.statement()).bind(before).bind(filter.actor.as_deref());
            let rows = rows.bind(filter.object.as_deref()).bind(filter.refused_only).bind(i64::from(limit));
            rows.fetch_all(conn).await?
        });
        Ok(rows)
    }
}
