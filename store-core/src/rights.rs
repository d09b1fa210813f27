//! Who may do what with a base.

use catalog::Document;
use catalog::event::{EventKind, NewEvent};
use charm_model::reference::Reference;
use charm_model::rights::{Acl, Caller, Preset, Right};
use v4_wire::rights::{RightsAnswer, RightsRequest};

use crate::access::{base, base_to_change};
use crate::error::StoreError;
use crate::store::{Store, actor};

impl Store {
    /// Returns a base's rights, to those who may change them.
    pub async fn rights(&self, caller: &Caller, reference: &Reference) -> Result<RightsAnswer, StoreError> {
        let mut tx = self.database().read().await?;
        let base = base(&mut tx, caller, reference, Right::Publish).await?;
        Ok(answer(base.acl))
    }

    /// Changes a base's rights. They hold for the next request, on every server.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadRequest`] if nobody but the operator could change them afterwards.
    pub async fn set_rights(
        &self,
        caller: &Caller,
        reference: &Reference,
        request: RightsRequest,
    ) -> Result<RightsAnswer, StoreError> {
        let by = actor(caller)?;
        let mut tx = self.database().write().await?;
        let base = base_to_change(&mut tx, caller, reference).await?;
        let before = base.acl.clone();
        let acl = changed(base.acl, request)?;
        if acl != before {
            tx.set_acl(base.id, &acl).await?;
            let body = Document::of(&serde_json::json!({ "from": before, "to": acl }))?;
            let kind = EventKind::Rights;
            let event = NewEvent { base: Some(base.id), kind, actor: &by, at: self.now(), body: &body };
            tx.append_event(event).await?;
        }
        tx.commit().await?;
        Ok(answer(acl))
    }
}

fn changed(acl: Acl, request: RightsRequest) -> Result<Acl, StoreError> {
    let matrix = match (request.preset, request.matrix) {
        (Some(_), Some(_)) => {
            return Err(StoreError::BadRequest(
                "`preset` and `matrix` say the same thing twice: give one".to_owned(),
            ));
        }
        (Some(preset), None) => preset.parse::<Preset>()?.matrix(),
        (None, Some(matrix)) => matrix,
        (None, None) => acl.matrix,
    };
    let acl = Acl {
        maintainers: request.maintainers.unwrap_or(acl.maintainers),
        installers: request.installers.unwrap_or(acl.installers),
        matrix,
        streams: request.streams.unwrap_or(acl.streams),
    };
    // Without `metadata`, no other right is worth anything.
    let is_kept =
        [Right::Metadata, Right::Publish].into_iter().all(|right| acl.matrix.maintainers.has(right));
    if is_kept && !acl.maintainers.is_empty() {
        Ok(acl)
    } else {
        Err(StoreError::BadRequest(
            "nobody could publish or change these rights any more: keep a maintainer".to_owned(),
        ))
    }
}

fn answer(acl: Acl) -> RightsAnswer {
    let preset = Preset::ALL.into_iter().find(|preset| preset.matrix() == acl.matrix);
    RightsAnswer { preset: preset.map(|preset| preset.as_str().to_owned()), acl }
}
