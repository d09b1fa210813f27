//! Moving a channel's pointers, in one transaction.

use std::collections::BTreeMap;

use catalog::base::Base;
use catalog::event::{EventKind, NewEvent};
use catalog::release::NewRelease;
use catalog::{Document, Transaction};
use charm_model::name::{Channel, Series, StreamName, UserName};
use charm_model::reference::{Reference, Revision, Version};
use charm_model::release::{self, ReleaseRequest as Wanted};
use charm_model::resolve::{CharmKey, Head, Snapshot, resolve, resolve_charm};
use charm_model::rights::Caller;
use charm_model::timestamp::Timestamp;
use v4_wire::release::{Expected, Move, ReleaseRequest, StreamMove};

use crate::access::{Change, base_to_change};
use crate::error::StoreError;
use crate::patches::{PATCHED_BYTES, is_patched};
use crate::store::{Store, actor};

impl Store {
    /// Moves a channel's pointers to what a reference names.
    ///
    /// # Errors
    ///
    /// [`StoreError::Release`] if a stream does not fit, [`StoreError::NotCurrent`] if something else is current than
    /// the caller believes: nothing moves then.
    pub async fn release(
        &self,
        caller: &Caller,
        reference: &Reference,
        request: &ReleaseRequest,
    ) -> Result<Move, StoreError> {
        let mut tx = self.database().write().await?;
        let change = Change::Release(request.channel.unwrap_or(Channel::Stable));
        let found = base_to_change(&mut tx, caller, reference, change).await?;
        let moved = self.release_in(&mut tx, &found, caller, reference, request).await?;
        tx.commit().await?;
        self.maps().wake();
        Ok(moved)
    }

    /// The part of a release that happens within a transaction that holds the base.
    pub(crate) async fn release_in(
        &self,
        tx: &mut Transaction,
        base: &Base,
        caller: &Caller,
        reference: &Reference,
        request: &ReleaseRequest,
    ) -> Result<Move, StoreError> {
        let by = actor(caller)?;
        let snapshot = tx.snapshot(base).await?;
        let channel = request.channel.unwrap_or(Channel::Stable);
        let wanted = wanted(&snapshot, reference, channel, request)?;
        let pointers = snapshot.charms[&wanted.charm].supported.clone();
        let present = present(&snapshot, channel, &pointers);
        if let Some(expected) = &request.if_current {
            check_expected(&snapshot, present.as_ref(), expected)?;
        }
        let head = release::plan(&snapshot, &wanted)?;
        let mut moved = Move {
            event: snapshot.event,
            channel,
            from: present.as_ref().map(|present| shown(&snapshot, present)),
            to: shown(&snapshot, &head),
            streams: stream_moves(present.as_ref(), &head),
            series: pointers,
            by: by.to_string(),
            at: self.now(),
            reason: request.reason.clone(),
            moved: true,
        };
        let is_there = |series: &Series| snapshot.heads.get(&(channel, series.clone())) == Some(&head);
        if moved.series.iter().all(is_there) {
            moved.moved = false;
            return Ok(moved);
        }
        moved.event = tell(tx, base, caller, &moved).await?;
        write_down(tx, base, &by, &moved, &head).await?;
        if let Some(present) = &present {
            want_patches(tx, base, present, &head, moved.at).await?;
        }
        Ok(moved)
    }
}

/// Returns what a reference and a request ask for together.
fn wanted(
    snapshot: &Snapshot,
    reference: &Reference,
    channel: Channel,
    request: &ReleaseRequest,
) -> Result<Wanted, StoreError> {
    if reference.version == Version::CURRENT {
        return Err(StoreError::BadRequest(format!(
            "`{reference}` names no revision to release: write `{reference}-REVISION`, or `{reference}@latest`"
        )));
    }
    let (charm, _) = resolve_charm(snapshot, reference, channel)?;
    let mut streams = request.streams.clone();
    match resolve(snapshot, reference, channel) {
        Ok(resolved) => {
            if let Some(resources) = resolved.resources {
                streams.entry(resources.stream).or_insert(resources.revision);
            }
        }
        // What the reference itself names has to fit; what nobody names is the plan's to choose.
        Err(error) if reference.version.stream().is_some() => return Err(error.into()),
        Err(_) => {}
    }
    streams.retain(|stream, _| !request.drop.contains(stream));
    Ok(Wanted { charm, channel, streams, dropped: request.drop.clone() })
}

/// Returns where the channel points for the first of the series that it points anywhere for.
fn present(snapshot: &Snapshot, channel: Channel, pointers: &[Series]) -> Option<Head> {
    pointers.iter().find_map(|series| snapshot.heads.get(&(channel, series.clone()))).cloned()
}

fn check_expected(
    snapshot: &Snapshot,
    present: Option<&Head>,
    expected: &Expected,
) -> Result<(), StoreError> {
    let is_met = match (expected, present) {
        (Expected::Nothing, None) => true,
        (Expected::Entity(reference), Some(head)) => is_current(snapshot, head, reference),
        (Expected::Nothing, Some(_)) | (Expected::Entity(_), None) => false,
    };
    if is_met {
        return Ok(());
    }
    let current = present.map(|head| shown(snapshot, head).to_string());
    Err(StoreError::NotCurrent { expected: String::from(expected.clone()), current })
}

/// Says whether a head is what a reference names: its charm and, if they are named, its resources.
fn is_current(snapshot: &Snapshot, head: &Head, reference: &Reference) -> bool {
    let Version::Chosen { revision: Some(revision), stream, resources } = &reference.version else {
        return false;
    };
    let is_charm = *revision == head.charm.revision
        && (reference.series.is_none() || reference.series == head.charm.series)
        && reference.owner.as_ref().is_none_or(|owner| *owner == snapshot.base.owner)
        && reference.name == snapshot.base.name;
    let is_resources = match (stream, resources) {
        (Some(stream), Some(revision)) => head.streams.get(stream) == Some(revision),
        _ => true,
    };
    is_charm && is_resources
}

/// Returns the reference of a head, with the default stream's resources.
pub(crate) fn shown(snapshot: &Snapshot, head: &Head) -> Reference {
    let default = snapshot.charms.get(&head.charm).and_then(|facts| facts.default_stream.clone());
    let resources =
        default.and_then(|stream| head.streams.get(&stream).map(|revision| (stream.clone(), *revision)));
    snapshot.entity(&head.charm).with_resources(resources)
}

/// Returns how the stream's pointers differ.
pub(crate) fn stream_moves(from: Option<&Head>, to: &Head) -> BTreeMap<StreamName, StreamMove> {
    let mut moves = BTreeMap::<StreamName, StreamMove>::new();
    let pairs = |head: &Head| -> Vec<(StreamName, Revision)> {
        head.streams.iter().map(|(stream, revision)| (stream.clone(), *revision)).collect()
    };
    for (stream, revision) in pairs(to) {
        moves.insert(stream, StreamMove { from: None, to: Some(revision) });
    }
    for (stream, revision) in from.map(pairs).unwrap_or_default() {
        moves.entry(stream).or_insert(StreamMove { from: None, to: None }).from = Some(revision);
    }
    moves
}

async fn tell(tx: &mut Transaction, base: &Base, caller: &Caller, moved: &Move) -> Result<u64, StoreError> {
    let body = serde_json::json!({
        "channel": moved.channel,
        "series": moved.series,
        "from": moved.from,
        "to": moved.to,
        "streams": moved.streams,
        "reason": moved.reason,
    });
    let event = NewEvent {
        base: Some(base.id),
        kind: EventKind::Released,
        actor: &actor(caller)?,
        token: caller.token(),
        at: moved.at,
        body: &Document::of(&body)?,
    };
    Ok(tx.append_event(event).await?)
}

async fn write_down(
    tx: &mut Transaction,
    base: &Base,
    by: &UserName,
    moved: &Move,
    head: &Head,
) -> Result<(), StoreError> {
    let gone = |key: &CharmKey| StoreError::BadRequest(format!("revision {} is gone", key.revision));
    let charm = tx.charm(base.id, &head.charm).await?.ok_or_else(|| gone(&head.charm))?;
    let mut streams = BTreeMap::new();
    for (stream, revision) in &head.streams {
        let row = tx.resources(base.id, stream, *revision).await?.ok_or_else(|| gone(&head.charm))?;
        streams.insert(stream.clone(), row.id);
    }
    let new = NewRelease {
        base: base.id,
        channel: moved.channel,
        charm: charm.id,
        pointers: &moved.series,
        streams: &streams,
        by,
        at: moved.at,
        reason: moved.reason.as_deref(),
        event: moved.event,
    };
    tx.add_release(new).await?;
    Ok(())
}

/// Asks for patches from what units have to what they will fetch: a release may pass over revisions, or go back.
async fn want_patches(
    tx: &mut Transaction,
    base: &Base,
    from: &Head,
    to: &Head,
    at: Timestamp,
) -> Result<(), StoreError> {
    let streams = to.streams.iter().filter_map(|(stream, to)| Some((stream, from.streams.get(stream)?, to)));
    for (stream, from, to) in streams.filter(|(_, from, to)| from != to) {
        let from = tx.resources(base.id, stream, *from).await?;
        if let Some((from, to)) = from.zip(tx.resources(base.id, stream, *to).await?) {
            tx.want_patches_between(from.id, to.id, &PATCHED_BYTES, at).await?;
        }
    }
    if let Some((from, to)) = tx.charm(base.id, &from.charm).await?.zip(tx.charm(base.id, &to.charm).await?)
        && from.archive.id != to.archive.id
        && [&from, &to].iter().all(|charm| is_patched(&charm.archive))
    {
        tx.want_patch(from.archive.id, to.archive.id, at).await?;
    }
    Ok(())
}
