//! Who may do what with a base.

use std::collections::BTreeSet;

use catalog::event::{EventKind, NewEvent};
use catalog::{Document, Transaction};
use charm_model::name::UserName;
use charm_model::reference::Reference;
use charm_model::rights::{Acl, Caller, Preset, Principal, Right};
use v4_wire::rights::{GrantAnswer, GrantRequest, RightsAnswer, RightsRequest};

use crate::access::{Change, base_to_change, base_to_govern};
use crate::error::StoreError;
use crate::store::{Store, actor};

impl Store {
    /// Returns a base's rights, to those who may change them.
    pub async fn rights(&self, caller: &Caller, reference: &Reference) -> Result<RightsAnswer, StoreError> {
        let mut tx = self.database().read().await?;
        Ok(answer(base_to_govern(&mut tx, caller, reference).await?.acl))
    }

    /// Changes a base's rights. They hold for the next request, on every server.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadRequest`] if nobody but the operator could change them afterwards, and for somebody who does not
    /// exist: whoever came by the name later would have the rights; [`StoreError::RightsChanged`] if they are neither those
    /// that the caller saw nor those that it wants.
    pub async fn set_rights(
        &self,
        caller: &Caller,
        reference: &Reference,
        request: RightsRequest,
    ) -> Result<RightsAnswer, StoreError> {
        let acl = self.change_rights(caller, reference, |acl| changed(&acl, request)).await?;
        Ok(answer(acl))
    }

    /// Gives a user or group the rights of the class that has those which are named.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadRequest`] for somebody who does not exist.
    pub async fn grant(
        &self,
        caller: &Caller,
        reference: &Reference,
        request: &GrantRequest,
    ) -> Result<GrantAnswer, StoreError> {
        let grant = |mut acl: Acl| {
            acl.grant(&request.who, request.rights, request.stream.as_ref())?;
            Ok(acl)
        };
        let acl = self.change_rights(caller, reference, grant).await?;
        Ok(granted(acl, &request.who))
    }

    /// Takes the rights of the classes that have those which are named from a user or group.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadRequest`] if nobody but the operator could change rights afterwards.
    pub async fn revoke(
        &self,
        caller: &Caller,
        reference: &Reference,
        request: &GrantRequest,
    ) -> Result<GrantAnswer, StoreError> {
        let revoke = |mut acl: Acl| {
            acl.revoke(&request.who, request.rights, request.stream.as_ref())?;
            kept(acl)
        };
        let acl = self.change_rights(caller, reference, revoke).await?;
        Ok(granted(acl, &request.who))
    }

    async fn change_rights(
        &self,
        caller: &Caller,
        reference: &Reference,
        change: impl FnOnce(Acl) -> Result<Acl, StoreError>,
    ) -> Result<Acl, StoreError> {
        let by = actor(caller)?;
        let mut tx = self.database().write().await?;
        let base = base_to_change(&mut tx, caller, reference, Change::Governing).await?;
        let before = base.acl.clone();
        let acl = change(base.acl)?;
        let known: BTreeSet<_> = before.principals().collect();
        for newcomer in acl.principals().filter(|who| !known.contains(who)) {
            self.check_exists(&mut tx, newcomer).await?;
        }
        if acl != before {
            tx.set_acl(base.id, &acl).await?;
            let body = Document::of(&serde_json::json!({ "from": before, "to": acl }))?;
            let (kind, token) = (EventKind::Rights, caller.token());
            let event =
                NewEvent { base: Some(base.id), kind, actor: &by, token, at: self.now(), body: &body };
            tx.append_event(event).await?;
        }
        tx.commit().await?;
        Ok(acl)
    }

    /// Refuses an owner who is neither a user nor a group.
    pub(crate) async fn check_owner(&self, tx: &mut Transaction, owner: &UserName) -> Result<(), StoreError> {
        if tx.has_group(owner).await? { Ok(()) } else { self.known_account(tx, owner).await.map(drop) }
    }

    async fn check_exists(&self, tx: &mut Transaction, who: &Principal) -> Result<(), StoreError> {
        match who {
            Principal::User(name) => self.known_account(tx, name).await.map(drop),
            Principal::Group(name) if tx.has_group(name).await? => Ok(()),
            Principal::Group(name) => Err(StoreError::BadRequest(format!("there is no group `@{name}`"))),
        }
    }
}

fn changed(before: &Acl, request: RightsRequest) -> Result<Acl, StoreError> {
    let seen = request.seen.clone();
    let acl = kept(asked(before.clone(), request)?)?;
    // What is as it was asked for is so after a request whose answer was lost, too.
    let is_expected = seen.is_none_or(|seen| seen == *before) || acl == *before;
    if is_expected { Ok(acl) } else { Err(StoreError::RightsChanged) }
}

fn asked(acl: Acl, request: RightsRequest) -> Result<Acl, StoreError> {
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
    Ok(Acl {
        maintainers: request.maintainers.unwrap_or(acl.maintainers),
        installers: request.installers.unwrap_or(acl.installers),
        matrix,
        streams: request.streams.unwrap_or(acl.streams),
    })
}

/// Returns rights that somebody but the operator can still change.
fn kept(acl: Acl) -> Result<Acl, StoreError> {
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

fn granted(acl: Acl, who: &Principal) -> GrantAnswer {
    GrantAnswer { effective: acl.rights_in(who), rights: answer(acl) }
}
