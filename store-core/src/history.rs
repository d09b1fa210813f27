//! Where pointers stand, and where they stood.

use std::collections::BTreeMap;

use catalog::history::{HistoryFilter, PointerMove};
use charm_model::name::Channel;
use charm_model::reference::Reference;
use charm_model::resolve::Snapshot;
use charm_model::rights::{Caller, Right};
use v4_wire::release::{HeadStatus, History, Move, Status};

use crate::access::base;
use crate::error::StoreError;
use crate::release::{shown, stream_moves};
use crate::store::Store;

impl Store {
    /// Returns the moves of a base's pointers, newest first.
    pub async fn history(
        &self,
        caller: &Caller,
        reference: &Reference,
        channel: Option<Channel>,
        before: Option<u64>,
        limit: Option<u32>,
    ) -> Result<History, StoreError> {
        let mut tx = self.database().read().await?;
        let base = base(&mut tx, caller, reference, Right::Metadata).await?;
        let snapshot = self.snapshot(&mut tx, &base).await?;
        let limit = limit.unwrap_or(100).clamp(1, self.limits().page);
        let filter = HistoryFilter { channel, series: reference.series.as_ref(), before };
        let pointers = tx.history(base.id, filter, limit).await?;
        let oldest = pointers.last().map(|pointer| pointer.event);
        let moves = moves(&snapshot, pointers);
        let is_full = moves.len() >= limit as usize;
        Ok(History { before: oldest.filter(|_| is_full), moves })
    }

    /// Returns where every pointer of a base stands.
    pub async fn status(&self, caller: &Caller, reference: &Reference) -> Result<Status, StoreError> {
        let mut tx = self.database().read().await?;
        let base = base(&mut tx, caller, reference, Right::Metadata).await?;
        let snapshot = self.snapshot(&mut tx, &base).await?;
        let heads = snapshot.heads.iter().map(|((channel, series), head)| HeadStatus {
            channel: *channel,
            series: series.clone(),
            id: shown(&snapshot, head),
            streams: head.streams.clone(),
        });
        let mut newest = BTreeMap::new();
        for key in snapshot.charms.keys() {
            let series = key.series.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
            newest.insert(series, key.revision);
        }
        let newest_resources = snapshot.resources.iter();
        Ok(Status {
            base: Reference::to_base(&base.name),
            event: snapshot.event,
            heads: heads.collect(),
            newest,
            streams: newest_resources
                .filter_map(|(stream, all)| Some((stream.clone(), *all.keys().next_back()?)))
                .collect(),
            withdrawn: withdrawn(&snapshot),
        })
    }
}

/// Gathers the pointers that one release moved into one move.
fn moves(snapshot: &Snapshot, pointers: Vec<PointerMove>) -> Vec<Move> {
    let mut moves: Vec<Move> = Vec::new();
    for pointer in pointers {
        match moves.last_mut() {
            Some(last) if last.event == pointer.event => last.series.push(pointer.series),
            _ => moves.push(one_move(snapshot, pointer)),
        }
    }
    moves
}

fn one_move(snapshot: &Snapshot, pointer: PointerMove) -> Move {
    Move {
        event: pointer.event,
        channel: pointer.channel,
        series: vec![pointer.series],
        from: pointer.from.as_ref().map(|head| shown(snapshot, head)),
        to: shown(snapshot, &pointer.to),
        streams: stream_moves(pointer.from.as_ref(), &pointer.to),
        by: pointer.by.to_string(),
        at: pointer.at,
        reason: pointer.reason,
        moved: true,
    }
}

/// A resource revision has no charm of its own, so it is shown under the newest charm.
fn withdrawn(snapshot: &Snapshot) -> Vec<Reference> {
    let charms = snapshot.charms.iter().filter(|(_, facts)| facts.withdrawn);
    let mut withdrawn: Vec<_> = charms.map(|(key, _)| snapshot.entity(key).to_reference()).collect();
    let Some(newest) = snapshot.charms.keys().next_back() else { return withdrawn };
    for (stream, revisions) in &snapshot.resources {
        for (revision, _) in revisions.iter().filter(|(_, facts)| facts.withdrawn) {
            withdrawn.push(snapshot.entity(newest).with_resources(Some((stream.clone(), *revision))));
        }
    }
    withdrawn
}
