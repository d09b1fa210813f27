//! The audit: who did what, or tried to.
//!
//! What is done is noted in the transaction that does it: an event's row by the log itself, everything else here. What
//! is refused is noted once it is answered.

use catalog::audit::{AuditFilter as RowFilter, Audited, NewAudited};
use catalog::{Document, Transaction};
use charm_model::reference::{BaseId, Reference};
use charm_model::rights::Caller;
use serde_json::Value;
use v4_wire::audit::{Audit, AuditEntry};

use crate::access::base_to_govern;
use crate::error::StoreError;
use crate::store::Store;

/// The group whose members may read the whole audit. Nobody but the operator makes groups.
pub(crate) const AUDITORS: &str = "auditors";

/// The longest action, object or reason of a refusal that is kept, in bytes: they can be the caller's to choose.
const MAX_TEXT_BYTES: usize = 500;

/// Which entries are asked for.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Those before this number.
    pub before: Option<u64>,
    /// Those of this user.
    pub actor: Option<String>,
    /// Those about this base, group or token, written as the audit writes it: `~joe/mysql`, `@dba`.
    pub object: Option<String>,
    /// Those that were refused.
    pub refused_only: bool,
    /// At most so many.
    pub limit: Option<u32>,
}

/// Something that was done, and is no event.
pub(crate) struct Deed {
    action: &'static str,
    object: String,
    detail: Value,
}

impl Deed {
    pub(crate) fn new(action: &'static str, object: String) -> Self {
        Self { action, object, detail: serde_json::json!({}) }
    }

    pub(crate) fn with(self, detail: Value) -> Self {
        Self { detail, ..self }
    }
}

impl Store {
    /// Notes what a transaction does.
    pub(crate) async fn note(
        &self,
        tx: &mut Transaction,
        caller: &Caller,
        deed: Deed,
    ) -> Result<(), StoreError> {
        let row = NewAudited {
            at: self.now(),
            actor: caller.name(),
            token: caller.token(),
            action: deed.action,
            object: &deed.object,
            refusal: None,
            body: &Document::of(&deed.detail)?,
        };
        Ok(tx.add_audited(row).await?)
    }

    /// Notes what was refused. That a busy database loses a note is no reason to answer otherwise.
    pub async fn note_refusal(&self, caller: &Caller, action: &str, object: &str, reason: &str) {
        let noted = async {
            let [action, object, reason] = [action, object, reason].map(clipped);
            let row = NewAudited {
                at: self.now(),
                actor: caller.name(),
                token: caller.token(),
                action: &action,
                object: &object,
                refusal: Some(&reason),
                body: &Document::of(&serde_json::json!({}))?,
            };
            let mut tx = self.database().write().await?;
            tx.add_audited(row).await?;
            tx.commit().await
        };
        if let Err(error) = noted.await {
            tracing::warn!(action, object, error = &error as &dyn std::error::Error, "refusal not noted");
        }
    }

    /// Returns what was done and refused, newest first: everything to the operator and auditors, and what is about a
    /// base to those who may change its rights.
    ///
    /// # Errors
    ///
    /// [`StoreError::Forbidden`] for everybody else; of a base that the caller may not know of, as if it did not exist.
    pub async fn audit(&self, caller: &Caller, filter: AuditFilter) -> Result<Audit, StoreError> {
        let limit = filter.limit.unwrap_or(100).clamp(1, self.limits().page);
        let mut tx = self.database().read().await?;
        self.check_may_audit(&mut tx, caller, &filter).await?;
        let AuditFilter { before, actor, object, refused_only, .. } = filter;
        let rows = tx.audit(&RowFilter { before, actor, object, refused_only }, limit).await?;
        let is_full = rows.len() >= limit as usize;
        let before = rows.last().filter(|_| is_full).map(|row| row.id);
        Ok(Audit { entries: rows.into_iter().map(entry).collect::<Result<_, _>>()?, before })
    }

    async fn check_may_audit(
        &self,
        tx: &mut Transaction,
        caller: &Caller,
        filter: &AuditFilter,
    ) -> Result<(), StoreError> {
        let identity = match caller {
            Caller::Admin => return Ok(()),
            Caller::Anonymous => return Err(StoreError::login_needed()),
            Caller::User(identity) => identity,
        };
        let is_auditor = identity.groups.iter().any(|group| group.as_str() == AUDITORS);
        if is_auditor && identity.scope.is_unrestricted() {
            return Ok(());
        }
        match filter.object.as_deref().filter(|object| object.starts_with('~')) {
            // A base and nothing more: what is looked at for its rights is what is looked for.
            Some(object) => {
                let object: BaseId = object.parse().map_err(|error| unreadable(&error))?;
                base_to_govern(tx, caller, &Reference::to_base(&object)).await.map(drop)
            }
            None => Err(StoreError::Forbidden(format!(
                "the audit is for members of `@{AUDITORS}`; a maintainer may read it of a base: `?object=~owner/name`"
            ))),
        }
    }
}

fn unreadable(error: &charm_model::reference::ReferenceError) -> StoreError {
    StoreError::BadRequest(error.to_string())
}

fn entry(row: Audited) -> Result<AuditEntry, StoreError> {
    let Audited { id, at, actor, token, action, object, is_allowed, reason, event, body } = row;
    let event = event.map(i64::cast_unsigned);
    Ok(AuditEntry {
        id,
        at,
        actor,
        token,
        action,
        object,
        allowed: is_allowed,
        reason,
        event,
        detail: body.read()?,
    })
}

/// Returns as much of a text as is kept, on one line: PostgreSQL takes no zero byte, and terminals take no orders.
fn clipped(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_TEXT_BYTES)].replace(char::is_control, "\u{fffd}")
}
