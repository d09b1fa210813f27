//! The event log: every change that others may need, numbered without a gap.

use std::collections::HashMap;

use charm_model::name::UserName;
use charm_model::timestamp::Timestamp;
use sqlx::{FromRow, query, query_as, query_scalar};
use tracing::instrument;

use crate::base::Base;
use crate::column::{Micros, bigint, stored_enum};
use crate::document::Document;
use crate::error::CatalogError;
use crate::id::Id;
use crate::transaction::{Transaction, on_either};

stored_enum! {
    /// What happened.
    EventKind {
        /// There are new revisions.
        Published = "published",
        /// Pointers moved.
        Released = "released",
        /// A revision is to be passed over wherever it is not named.
        Withdrawn = "withdrawn",
        /// A withdrawal was taken back.
        Restored = "restored",
        /// Who may do what has changed.
        Rights = "rights",
        /// It has another owner.
        Transferred = "transferred",
        /// References without an owner mean this base now.
        Promulgated = "promulgated",
        /// They do not any more.
        Demoted = "demoted",
        /// Something is gone for good.
        Deleted = "deleted",
    }
}

impl EventKind {
    /// Says whether it is about who may do what, which is not for everybody who knows the base.
    pub const fn is_about_rights(self) -> bool {
        matches!(self, Self::Rights)
    }
}

/// One row of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number. The first is 1.
    pub seq: u64,
    /// The base that it is about, as it is now; its rights decide who may know of the event.
    pub base: Option<Base>,
    /// What happened.
    pub kind: EventKind,
    /// Who did it.
    pub actor: UserName,
    /// When.
    pub at: Timestamp,
    /// What there is to say about it.
    pub body: Document,
}

/// An event to be.
#[derive(Debug, Clone, Copy)]
pub struct NewEvent<'a> {
    /// The base that it is about.
    pub base: Option<Id<Base>>,
    /// What happened.
    pub kind: EventKind,
    /// Who did it.
    pub actor: &'a UserName,
    /// The identifier of the token by which it was done, for the audit alone.
    pub token: Option<&'a str>,
    /// When.
    pub at: Timestamp,
    /// What there is to say about it.
    pub body: &'a Document,
}

const NEXT_EVENT: &str = "UPDATE event_counter SET last = last + 1 RETURNING last";

const ADD_EVENT: &str =
    "INSERT INTO event (seq, base_id, kind, actor, at, body) VALUES ($1, $2, $3, $4, $5, $6)";

const SET_LAST_EVENT: &str = "UPDATE base SET last_event = $2 WHERE id = $1";

const LAST_EVENT: &str = "SELECT last FROM event_counter";

const EVENTS: &str = "SELECT * FROM event WHERE seq > $1 ORDER BY seq LIMIT $2";

const BASES_OF_EVENTS: &str =
    "SELECT * FROM base WHERE id IN (SELECT base_id FROM event WHERE seq > $1 ORDER BY seq LIMIT $2)";

#[derive(FromRow)]
struct EventRow {
    #[sqlx(try_from = "i64")]
    seq: u64,
    base_id: Option<Id<Base>>,
    #[sqlx(try_from = "String")]
    kind: EventKind,
    #[sqlx(try_from = "String")]
    actor: UserName,
    #[sqlx(try_from = "Micros")]
    at: Timestamp,
    body: Document,
}

impl EventRow {
    fn about(self, bases: &HashMap<Id<Base>, Base>) -> Event {
        let Self { seq, base_id, kind, actor, at, body } = self;
        Event { seq, base: base_id.and_then(|base| bases.get(&base)).cloned(), kind, actor, at, body }
    }
}

impl Transaction {
    /// Tells of a change that this transaction makes, in the log and in the audit, and returns the event's number.
    ///
    /// Every other writer that has something to tell waits from here to the end of the transaction: do it late.
    #[instrument(skip_all, fields(kind = new.kind.as_str()))]
    pub async fn append_event(&mut self, new: NewEvent<'_>) -> Result<u64, CatalogError> {
        // In this order, or somebody who has the base and wants a number would wait for us, and we for them.
        if let Some(base) = new.base {
            self.lock_base(base).await?;
        }
        let seq: i64 = on_either!(self, |conn| query_scalar(NEXT_EVENT).fetch_one(conn).await?);
        self.insert_event(seq, new).await?;
        self.add_audited_event(seq, new).await?;
        if let Some(base) = new.base {
            on_either!(self, |conn| {
                query(SET_LAST_EVENT).bind(base).bind(seq).execute(conn).await?;
            });
        }
        Ok(seq.cast_unsigned())
    }

    async fn insert_event(&mut self, seq: i64, new: NewEvent<'_>) -> Result<(), CatalogError> {
        on_either!(self, |conn| {
            let add = query(ADD_EVENT).bind(seq).bind(new.base).bind(new.kind.as_str());
            let add = add.bind(new.actor.as_str()).bind(new.at.as_micros()).bind(new.body);
            add.execute(conn).await?;
        });
        Ok(())
    }

    /// Returns the number of the last event; 0 before the first.
    pub async fn last_event(&mut self) -> Result<u64, CatalogError> {
        let last: i64 = on_either!(self, |conn| query_scalar(LAST_EVENT).fetch_one(conn).await?);
        Ok(last.cast_unsigned())
    }

    /// Returns the events after that number, in order, at most `limit`.
    ///
    /// Whoever goes on from the last number of each answer sees every event once, and none twice or out of order.
    pub async fn events(&mut self, since: u64, limit: u32) -> Result<Vec<Event>, CatalogError> {
        let (since, limit) = (bigint(since)?, i64::from(limit));
        let events: Vec<EventRow> =
            on_either!(self, |conn| query_as(EVENTS).bind(since).bind(limit).fetch_all(conn).await?);
        let bases: Vec<Base> = on_either!(self, |conn| {
            query_as(BASES_OF_EVENTS).bind(since).bind(limit).fetch_all(conn).await?
        });
        let bases = bases.into_iter().map(|base| (base.id, base)).collect();
        Ok(events.into_iter().map(|event| event.about(&bases)).collect())
    }
}
