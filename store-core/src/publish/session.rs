//! Open publishes: whose they are, and what they are about.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use catalog::session::{NewSession, PublishSession, SessionState};
use catalog::{Document, Transaction};
use charm_model::digest::{Content, Sha256};
use charm_model::name::UserName;
use charm_model::rights::Caller;
use v4_wire::publish::{PlanRequest, Session};

use crate::error::StoreError;
use crate::store::{Store, actor};
use crate::token::random_hex;

/// A session that ends sooner is not gone on with: there would hardly be time to.
const WORTH_GOING_ON: Duration = Duration::from_hours(1);

/// A session that its own publisher goes on with.
pub(super) struct OpenSession {
    pub(super) row: PublishSession,
    pub(super) plan: Arc<Plan>,
}

/// What a session is about. It never changes, so it is kept in memory: it has megabytes, and every request needs it.
#[derive(Debug)]
pub(crate) struct Plan {
    request: PlanRequest,
    /// Every distinct blob.
    pub(super) blobs: BTreeMap<Sha256, Content>,
}

impl Plan {
    /// Returns how much of the memory for plans it takes.
    pub(crate) fn weight(&self) -> u32 {
        u32::try_from(self.blobs.len() + 1).unwrap_or(u32::MAX)
    }
}

impl Deref for Plan {
    type Target = PlanRequest;

    fn deref(&self) -> &PlanRequest {
        &self.request
    }
}

impl Store {
    /// Opens a session for what is planned, or goes on with one that was opened for exactly the same.
    ///
    /// So whoever was cut off runs the same command again, and what the store has of it is not sent twice.
    pub(super) async fn open_session(
        &self,
        tx: &mut Transaction,
        account: &UserName,
        plan: &PlanRequest,
    ) -> Result<Session, StoreError> {
        let now = self.now();
        let session = |id, expires| Session {
            id,
            expires,
            max_part: self.limits().part_bytes,
            part_step: 1,
            pack: self.limits().pack,
            account: account.clone(),
        };
        let plan_text = Document::of(plan)?;
        if let Some(open) = tx.open_session(account, &plan_text, now.plus(WORTH_GOING_ON)).await? {
            return Ok(session(open.id, open.expires_at));
        }
        let (id, expires) = (random_hex::<16>()?, now.plus(self.limits().session_ttl));
        let row =
            NewSession { id: &id, base: &plan.base, account, plan: &plan_text, at: now, expires_at: expires };
        tx.add_session(row).await?;
        Ok(session(id, expires))
    }

    /// Returns the caller's session.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSession`] alike for one that does not exist, has expired, or is somebody else's.
    pub(super) async fn own_session(
        &self,
        tx: &mut Transaction,
        caller: &Caller,
        id: &str,
    ) -> Result<OpenSession, StoreError> {
        let account = actor(caller)?;
        let now = self.now();
        let is_own = |row: &PublishSession| {
            row.account == account && row.state != SessionState::Abandoned && row.expires_at > now
        };
        let row = tx.session(id).await?.filter(is_own).ok_or_else(|| StoreError::NoSession(id.to_owned()))?;
        let plan = self.session_plan(tx, id).await?;
        Ok(OpenSession { row, plan })
    }

    async fn session_plan(&self, tx: &mut Transaction, id: &str) -> Result<Arc<Plan>, StoreError> {
        if let Some(plan) = self.plans().get(id) {
            return Ok(plan);
        }
        let plan = tx.session_plan(id).await?.ok_or_else(|| StoreError::NoSession(id.to_owned()))?;
        let request = plan.read()?;
        let plan = Arc::new(Plan { blobs: blobs(&request)?, request });
        self.plans().insert(id.to_owned(), plan.clone());
        Ok(plan)
    }

    /// Gives a publish up: what arrived is left to the sweep.
    pub async fn abandon(&self, caller: &Caller, id: &str) -> Result<(), StoreError> {
        let mut tx = self.database().write().await?;
        let session = self.own_session(&mut tx, caller, id).await?;
        if session.row.state == SessionState::Open {
            tx.close_session(id, SessionState::Abandoned, None).await?;
        }
        Ok(tx.commit().await?)
    }
}

/// Returns every distinct blob of a plan.
///
/// # Errors
///
/// [`StoreError::BadRequest`] if one digest stands for two contents.
pub(super) fn blobs(plan: &PlanRequest) -> Result<BTreeMap<Sha256, Content>, StoreError> {
    let files = plan.streams.values().flatten().map(|file| file.file.content);
    let mut blobs = BTreeMap::new();
    for content in plan.archive.into_iter().chain(files) {
        let known = blobs.insert(content.digests.sha256, content);
        if known.is_some_and(|known| known != content) {
            let sha256 = content.digests.sha256;
            return Err(StoreError::BadRequest(format!(
                "{sha256} stands for two different contents in this plan"
            )));
        }
    }
    Ok(blobs)
}
