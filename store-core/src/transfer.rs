//! Giving a base to another owner.

use catalog::Document;
use catalog::event::{EventKind, NewEvent};
use charm_model::reference::{BaseId, Reference};
use charm_model::rights::Caller;
use v4_wire::rights::{Transfer, TransferRequest};

use crate::access::{Change, base_to_change};
use crate::error::StoreError;
use crate::store::{Store, actor};

impl Store {
    /// Gives a base to another owner: revisions, pointers and rights stay as they are.
    ///
    /// Its former name finds it for ever, so that what units and bundles name means the same bytes, and nobody else
    /// comes by it. Whoever transfers may both change the base and make bases of the new owner: nothing is put under
    /// somebody's name that they did not take.
    ///
    /// # Errors
    ///
    /// [`StoreError::Forbidden`] for a caller who is not the new owner, nor a member of the group of that name;
    /// [`StoreError::BadRequest`] if that owner has, or had, a base of the same name; [`StoreError::Quota`] if it would have
    /// more bytes than it may.
    pub async fn transfer(
        &self,
        caller: &Caller,
        reference: &Reference,
        request: &TransferRequest,
    ) -> Result<Transfer, StoreError> {
        let by = actor(caller)?;
        let mut tx = self.database().write().await?;
        let base = base_to_change(&mut tx, caller, reference, Change::Governing).await?;
        let to = BaseId { owner: request.owner.clone(), name: base.name.name.clone() };
        if to == base.name {
            return Ok(Transfer { from: to.clone(), base: to, event: None });
        }
        if !caller.may_create(&to) {
            return Err(StoreError::Forbidden(format!(
                "`{0}` has to take it: let them publish to {1}, and transfer it as `{0}` or a member of `@{0}`",
                to.owner, base.name
            )));
        }
        self.check_owner(&mut tx, &to.owner).await?;
        if tx.base(&to).await?.is_some_and(|other| other.id != base.id) {
            return Err(StoreError::BadRequest(format!("{to} is or was another charm or bundle")));
        }
        tx.set_owner(base.id, &to.owner).await?;
        self.keep_quota(&mut tx, &to.owner).await?;
        let body = Document::of(&serde_json::json!({ "from": base.name, "to": to }))?;
        let kind = EventKind::Transferred;
        let token = caller.token();
        let event = NewEvent { base: Some(base.id), kind, actor: &by, token, at: self.now(), body: &body };
        let event = tx.append_event(event).await?;
        tx.commit().await?;
        Ok(Transfer { from: base.name, base: to, event: Some(event) })
    }
}
