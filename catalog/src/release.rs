//! Releases: moving a channel's pointers. Whether they fit is `charm_model::release`'s to say.

use std::collections::BTreeMap;

use charm_model::name::{Channel, Series, StreamName, UserName};
use charm_model::timestamp::Timestamp;
use sqlx::{query, query_scalar};
use tracing::instrument;

use crate::base::Base;
use crate::charm::Charm;
use crate::column::bigint;
use crate::error::CatalogError;
use crate::id::Id;
use crate::resources::Resources;
use crate::transaction::{Transaction, on_either};

/// What the rows of releases are ids of. What a release did is read as [`crate::history`].
pub(crate) enum Release {}

/// A release to be.
#[derive(Debug, Clone, Copy)]
pub struct NewRelease<'a> {
    /// The base.
    pub base: Id<Base>,
    /// The channel.
    pub channel: Channel,
    /// Where its pointers go.
    pub charm: Id<Charm>,
    /// Which of its pointers move: the series that the charm supports.
    pub pointers: &'a [Series],
    /// The resources that go with the charm, by stream.
    pub streams: &'a BTreeMap<StreamName, Id<Resources>>,
    /// Who releases it.
    pub by: &'a UserName,
    /// When.
    pub at: Timestamp,
    /// Why, in the releaser's words.
    pub reason: Option<&'a str>,
    /// The event that tells of it, appended in this transaction.
    pub event: u64,
}

const ADD_RELEASE: &str = "
    INSERT INTO release (base_id, channel, revision_id, released_by, released_at, reason, event)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    RETURNING id";

const ADD_RELEASE_STREAM: &str =
    "INSERT INTO release_stream (release_id, stream, resource_revision_id) VALUES ($1, $2, $3)";

/// Notes where the pointer stands before [`MOVE_POINTER`] moves it.
const ADD_RELEASE_POINTER: &str = "
    INSERT INTO release_pointer (release_id, series, previous_release_id)
    VALUES ($1, $4, (SELECT release_id FROM head WHERE base_id = $2 AND channel = $3 AND series = $4))";

const MOVE_POINTER: &str = "
    INSERT INTO head (release_id, base_id, channel, series) VALUES ($1, $2, $3, $4)
    ON CONFLICT (base_id, channel, series) DO UPDATE SET release_id = excluded.release_id";

impl Transaction {
    /// Moves a channel's pointers, all of them or none, and remembers who, when, from and to. Locks the base.
    #[instrument(skip_all, fields(base = %new.base, channel = %new.channel, charm = %new.charm))]
    pub async fn add_release(&mut self, new: NewRelease<'_>) -> Result<(), CatalogError> {
        self.lock_base(new.base).await?;
        let release = self.insert_release(new).await?;
        for (stream, resources) in new.streams {
            on_either!(self, |conn| {
                let add = query(ADD_RELEASE_STREAM).bind(release).bind(stream.as_str()).bind(*resources);
                add.execute(conn).await?;
            });
        }
        for pointer in new.pointers {
            self.move_pointer(release, new, pointer).await?;
        }
        Ok(())
    }

    async fn insert_release(&mut self, new: NewRelease<'_>) -> Result<Id<Release>, CatalogError> {
        let event = bigint(new.event)?;
        let release = on_either!(self, |conn| {
            let insert = query_scalar(ADD_RELEASE).bind(new.base).bind(new.channel.as_str()).bind(new.charm);
            let insert = insert.bind(new.by.as_str()).bind(new.at.as_micros()).bind(new.reason);
            insert.bind(event).fetch_one(conn).await?
        });
        Ok(release)
    }

    async fn move_pointer(
        &mut self,
        release: Id<Release>,
        new: NewRelease<'_>,
        pointer: &Series,
    ) -> Result<(), CatalogError> {
        for step in [ADD_RELEASE_POINTER, MOVE_POINTER] {
            on_either!(self, |conn| {
                let step = query(step).bind(release).bind(new.base).bind(new.channel.as_str());
                step.bind(pointer.as_str()).execute(conn).await?;
            });
        }
        Ok(())
    }
}
