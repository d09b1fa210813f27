//! From a reference to a base, as the caller may see it.

use catalog::Transaction;
use catalog::base::Base;
use catalog::blob::{Blob, Held};
use charm_model::digest::Sha256;
use charm_model::name::Channel;
use charm_model::reference::{BaseId, Reference};
use charm_model::resolve::{Resolved, Snapshot, resolve, resolve_charm};
use charm_model::rights::{Caller, Right};

use crate::error::StoreError;
use crate::store::{Store, actor};

/// Returns the base that a reference means.
///
/// # Errors
///
/// [`StoreError::NoEntity`] alike for a base that does not exist and for one that the caller may not know of;
/// [`StoreError::Denied`] for one that it may know of, and lacks the right.
pub(crate) async fn base(
    tx: &mut Transaction,
    caller: &Caller,
    reference: &Reference,
    right: Right,
) -> Result<Base, StoreError> {
    let found = match reference.base() {
        Some(id) => tx.base(&id).await?,
        None => tx.promulgated_base(&reference.name).await?,
    };
    let no_entity = || StoreError::NoEntity(Box::new(reference.clone()));
    let base =
        found.filter(|base| base.acl.allows(caller, &base.name, Right::Metadata)).ok_or_else(no_entity)?;
    if base.acl.allows(caller, &base.name, right) {
        Ok(base)
    } else {
        Err(StoreError::denied(caller, right, &base.name))
    }
}

/// Returns the base that a reference means, to those who may change what holds for all of it: its rights, its audit and
/// whom it trusts are theirs to see.
///
/// # Errors
///
/// As [`base`]; [`StoreError::Forbidden`] for a token that is bound to a channel.
pub(crate) async fn base_to_govern(
    tx: &mut Transaction,
    caller: &Caller,
    reference: &Reference,
) -> Result<Base, StoreError> {
    let base = base(tx, caller, reference, Right::Publish).await?;
    check_change(caller, base, Change::Governing)
}

/// What is about to be changed of a base. A token may be bound to one channel, and is then good for nothing else.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    /// Where a channel points.
    Release(Channel),
    /// What holds for the whole base: its rights, whose it is, what is withdrawn.
    Governing,
}

/// Returns the base that a reference means, to be changed: no other writer gets at it until the end of the transaction.
///
/// # Errors
///
/// As [`base`]; [`StoreError::Unauthenticated`] for nobody, whatever everybody may: a change is somebody's.
pub(crate) async fn base_to_change(
    tx: &mut Transaction,
    caller: &Caller,
    reference: &Reference,
    change: Change,
) -> Result<Base, StoreError> {
    actor(caller)?;
    let seen = base(tx, caller, reference, Right::Publish).await?;
    tx.lock_base(seen.id).await?;
    // While the lock was waited for, its rights may have changed: they decide as they are now, and what is written on
    // top of them must not undo the change.
    let base = base(tx, caller, &Reference::to_base(&seen.name), Right::Publish).await?;
    check_change(caller, base, change)
}

fn check_change(caller: &Caller, base: Base, change: Change) -> Result<Base, StoreError> {
    let is_allowed = match change {
        Change::Release(channel) => base.acl.allows_release(caller, &base.name, channel),
        Change::Governing => base.acl.allows_governing(caller, &base.name),
    };
    if is_allowed { Ok(base) } else { Err(StoreError::narrow_token("it is bound to another channel")) }
}

/// Returns the base that is published to, if it exists; to one that does not, the caller may publish by owning it.
///
/// # Errors
///
/// [`StoreError::Denied`] alike for a base that the caller may not know of and for one that does not exist and that
/// it may not make.
pub(crate) async fn base_to_publish(
    tx: &mut Transaction,
    caller: &Caller,
    id: &BaseId,
) -> Result<Option<Base>, StoreError> {
    let found = tx.base(id).await?;
    let may_publish = match &found {
        Some(base) => base.acl.allows(caller, &base.name, Right::Publish),
        None => caller.may_create(id),
    };
    if may_publish { Ok(found) } else { Err(StoreError::denied(caller, Right::Publish, id)) }
}

/// Returns the blob of a digest that came from outside, if the base holds it where the caller may have its bytes: as a
/// file of a stream that is open to it, or as an archive if it has the right `of_archive`.
pub(crate) async fn held(
    tx: &mut Transaction,
    caller: &Caller,
    base: &Base,
    sha256: &Sha256,
    of_archive: Right,
) -> Result<Option<Blob>, StoreError> {
    let is_open = |held: &Held| match &held.stream {
        Some(stream) => base.acl.allows_stream(caller, &base.name, stream),
        None => base.acl.allows(caller, &base.name, of_archive),
    };
    let held = tx.held_in_base(base.id, sha256).await?;
    Ok(held.into_iter().find(is_open).map(|held| held.blob))
}

/// A reference that was resolved as its caller may.
pub(crate) struct Target {
    pub(crate) base: Base,
    pub(crate) snapshot: std::sync::Arc<Snapshot>,
    pub(crate) resolved: Resolved,
}

impl Target {
    /// Returns the fully qualified reference.
    pub(crate) fn id(&self) -> Reference {
        let resources = self.resolved.resources.as_ref().map(|it| (it.stream.clone(), it.revision));
        self.snapshot.entity(&self.resolved.charm).with_resources(resources)
    }
}

impl Store {
    /// Resolves a reference within what the caller may do with its base.
    pub(crate) async fn target(
        &self,
        tx: &mut Transaction,
        caller: &Caller,
        reference: &Reference,
        channel: Channel,
        right: Right,
    ) -> Result<Target, StoreError> {
        let base = base(tx, caller, reference, right).await?;
        let snapshot = self.snapshot(tx, &base).await?;
        let resolved = resolve(&snapshot, reference, channel)?;
        Ok(Target { base, snapshot, resolved })
    }

    /// Resolves a reference to its charm, whatever its resources: for what an archive alone can answer.
    pub(crate) async fn charm_target(
        &self,
        tx: &mut Transaction,
        caller: &Caller,
        reference: &Reference,
        channel: Channel,
        right: Right,
    ) -> Result<Target, StoreError> {
        let base = base(tx, caller, reference, right).await?;
        let snapshot = self.snapshot(tx, &base).await?;
        let resolved = match resolve(&snapshot, reference, channel) {
            Err(_) if reference.version.stream().is_none() => {
                let (charm, charm_rule) = resolve_charm(&snapshot, reference, channel)?;
                Resolved { charm, charm_rule, resources: None, event: snapshot.event }
            }
            answer => answer?,
        };
        Ok(Target { base, snapshot, resolved })
    }
}
