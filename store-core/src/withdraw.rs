//! Withdrawing a revision ("yanking"): passed over by every implicit choice, and still served when named in full.

use catalog::base::Base;
use catalog::event::{EventKind, NewEvent};
use catalog::{Document, Transaction};
use charm_model::name::{Channel, Series};
use charm_model::reference::{BaseId, Reference, Version};
use charm_model::resolve::{Head, Snapshot, resolve, resolve_charm};
use charm_model::rights::Caller;
use v4_wire::release::{Move, ReleaseRequest, WithdrawRequest, Withdrawal};

use crate::access::{Change, base_to_change};
use crate::error::StoreError;
use crate::store::{Store, actor};

impl Store {
    /// Withdraws what a reference names: a resource revision if it names one, else a charm revision.
    ///
    /// # Errors
    ///
    /// [`StoreError::YankCurrent`] if a pointer points at it, and nothing is named to move the pointer to.
    pub async fn withdraw(
        &self,
        caller: &Caller,
        reference: &Reference,
        request: &WithdrawRequest,
    ) -> Result<Withdrawal, StoreError> {
        let mut tx = self.database().write().await?;
        let found = base_to_change(&mut tx, caller, reference, Change::Governing).await?;
        let moves = self.move_away(&mut tx, &found, caller, reference, request).await?;
        let snapshot = tx.snapshot(&found).await?;
        let named = Named::of(&snapshot, reference)?;
        let current = named.current_in(&snapshot);
        if !current.is_empty() {
            let channels = current.iter().map(|(channel, series)| format!("{channel} ({series})")).collect();
            return Err(StoreError::YankCurrent { id: Box::new(reference.clone()), channels });
        }
        let changed = named.mark(self, &mut tx, &found, Some(&request.reason)).await?;
        let reason = Some(request.reason.as_str());
        let event = self
            .tell_withdrawn(&mut tx, &found, caller, changed, EventKind::Withdrawn, reference, reason)
            .await?;
        tx.commit().await?;
        Ok(Withdrawal { id: reference.clone(), withdrawn: true, event, moves })
    }

    /// Takes a withdrawal back.
    pub async fn restore(&self, caller: &Caller, reference: &Reference) -> Result<Withdrawal, StoreError> {
        let mut tx = self.database().write().await?;
        let found = base_to_change(&mut tx, caller, reference, Change::Governing).await?;
        let snapshot = tx.snapshot(&found).await?;
        let named = Named::of(&snapshot, reference)?;
        let changed = named.mark(self, &mut tx, &found, None).await?;
        let event = self
            .tell_withdrawn(&mut tx, &found, caller, changed, EventKind::Restored, reference, None)
            .await?;
        tx.commit().await?;
        Ok(Withdrawal { id: reference.clone(), withdrawn: false, event, moves: Vec::new() })
    }

    /// Moves every pointer that points at what goes to what is named instead.
    async fn move_away(
        &self,
        tx: &mut Transaction,
        base: &Base,
        caller: &Caller,
        reference: &Reference,
        request: &WithdrawRequest,
    ) -> Result<Vec<Move>, StoreError> {
        let Some(instead) = &request.move_to else { return Ok(Vec::new()) };
        check_same_base(base, instead)?;
        let snapshot = tx.snapshot(base).await?;
        let current = Named::of(&snapshot, reference)?.current_in(&snapshot);
        let mut channels: Vec<Channel> = current.into_iter().map(|(channel, _)| channel).collect();
        channels.dedup();
        let mut moves = Vec::new();
        for channel in channels {
            let reason = Some(request.reason.clone());
            let release = ReleaseRequest { channel: Some(channel), reason, ..ReleaseRequest::default() };
            moves.push(self.release_in(tx, base, caller, instead, &release).await?);
        }
        Ok(moves)
    }

    #[expect(clippy::too_many_arguments, reason = "an event's parts, each needed once")]
    async fn tell_withdrawn(
        &self,
        tx: &mut Transaction,
        base: &Base,
        caller: &Caller,
        changed: bool,
        kind: EventKind,
        reference: &Reference,
        reason: Option<&str>,
    ) -> Result<Option<u64>, StoreError> {
        if !changed {
            return Ok(None);
        }
        let body = Document::of(&serde_json::json!({ "id": reference, "reason": reason }))?;
        let by = actor(caller)?;
        let token = caller.token();
        let event = NewEvent { base: Some(base.id), kind, actor: &by, token, at: self.now(), body: &body };
        Ok(Some(tx.append_event(event).await?))
    }
}

/// Resolving looks at neither owner nor name, so another charm's reference would mean a revision of this one.
fn check_same_base(base: &Base, instead: &Reference) -> Result<(), StoreError> {
    let BaseId { owner, name } = &base.name;
    if instead.name == *name && instead.owner.as_ref().is_none_or(|it| it == owner) {
        return Ok(());
    }
    Err(StoreError::BadRequest(format!("`move_to` names `{instead}`, which is no revision of {}", base.name)))
}

/// What a reference names in full: a charm revision, or a resource revision.
enum Named {
    Charm(charm_model::resolve::CharmKey),
    Resources(charm_model::resolve::ResolvedResources),
}

impl Named {
    fn of(snapshot: &Snapshot, reference: &Reference) -> Result<Self, StoreError> {
        match &reference.version {
            Version::Chosen { resources: Some(_), .. } => {
                let resolved = resolve(snapshot, reference, Channel::Stable)?;
                let resources = resolved.resources;
                Ok(Self::Resources(
                    resources.ok_or_else(|| StoreError::NoEntity(Box::new(reference.clone())))?,
                ))
            }
            Version::Chosen { revision: Some(_), stream: None, .. } => {
                Ok(Self::Charm(resolve_charm(snapshot, reference, Channel::Stable)?.0))
            }
            _ => Err(StoreError::BadRequest(format!(
                "`{reference}` does not say which revision: name the charm's (`NAME-REVISION`) or the resources' \
                 (`NAME-REVISION.STREAM.REVISION`)"
            ))),
        }
    }

    fn is_in(&self, head: &Head) -> bool {
        match self {
            Self::Charm(key) => head.charm == *key,
            Self::Resources(named) => head.streams.get(&named.stream) == Some(&named.revision),
        }
    }

    fn current_in(&self, snapshot: &Snapshot) -> Vec<(Channel, Series)> {
        let heads = snapshot.heads.iter().filter(|(_, head)| self.is_in(head));
        heads.map(|((channel, series), _)| (*channel, series.clone())).collect()
    }

    /// Marks it as withdrawn for a reason, or as not withdrawn. Says whether that changed anything.
    async fn mark(
        &self,
        store: &Store,
        tx: &mut Transaction,
        base: &Base,
        reason: Option<&str>,
    ) -> Result<bool, StoreError> {
        match self {
            Self::Charm(key) => {
                let Some(charm) = tx.charm(base.id, key).await? else { return Ok(false) };
                Ok(match reason {
                    Some(reason) => tx.withdraw_charm(charm.id, store.now(), reason).await?,
                    None => tx.restore_charm(charm.id).await?,
                })
            }
            Self::Resources(named) => {
                let Some(row) = tx.resources(base.id, &named.stream, named.revision).await? else {
                    return Ok(false);
                };
                Ok(match reason {
                    Some(reason) => tx.withdraw_resources(row.id, store.now(), reason).await?,
                    None => tx.restore_resources(row.id).await?,
                })
            }
        }
    }
}
