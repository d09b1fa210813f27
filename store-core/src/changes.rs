//! What happened, in order, as far as the caller may know.

use catalog::event::Event;
use charm_model::rights::{Caller, Right};
use v4_wire::changes::{Change, Changes};

use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// Returns the events after a cursor, oldest first.
    ///
    /// Changes of rights are told only to those who may see rights.
    pub async fn changes(
        &self,
        caller: &Caller,
        since: u64,
        limit: Option<u32>,
    ) -> Result<Changes, StoreError> {
        let limit = limit.unwrap_or(100).clamp(1, self.limits().page);
        let mut tx = self.database().read().await?;
        let events = tx.events(since, limit).await?;
        let next = events.last().map_or(since, |event| event.seq);
        let more = events.len() >= limit as usize;
        let told = events.into_iter().filter_map(|event| tell(caller, event));
        Ok(Changes { events: told.collect::<Result<_, _>>()?, next, more })
    }
}

fn tell(caller: &Caller, event: Event) -> Option<Result<Change, StoreError>> {
    let base = event.base?;
    let may_know = if event.kind.is_about_rights() {
        base.acl.allows_governing(caller, &base.name)
    } else {
        base.acl.allows(caller, &base.name, Right::Metadata)
    };
    may_know.then(|| {
        Ok(Change {
            seq: event.seq,
            kind: event.kind.as_str().to_owned(),
            base: base.name,
            at: event.at,
            body: event.body.read()?,
        })
    })
}
