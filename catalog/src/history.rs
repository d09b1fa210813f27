//! The history of pointers: who moved which when, from where to where.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use charm_model::name::{Channel, Series, StreamName, UserName};
use charm_model::reference::Revision;
use charm_model::resolve::{CharmKey, Head};
use charm_model::timestamp::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, query_as};

use crate::base::Base;
use crate::column::{CharmKeyColumns, Micros, bigint};
use crate::error::CatalogError;
use crate::id::Id;
use crate::release::Release;
use crate::transaction::{Transaction, on_either};

/// A pointer that a release moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointerMove {
    /// The pointer's channel.
    pub channel: Channel,
    /// The pointer's series.
    pub series: Series,
    /// Where it stood before; `None` if nowhere.
    pub from: Option<Head>,
    /// Where it has stood since.
    pub to: Head,
    /// Who moved it.
    pub by: UserName,
    /// When.
    pub at: Timestamp,
    /// Why, in the mover's words.
    pub reason: Option<String>,
    /// The event that tells of it, shared by all pointers of one release.
    pub event: u64,
}

/// Which part of a base's history is wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct HistoryFilter<'a> {
    /// Only of this channel.
    pub channel: Option<Channel>,
    /// Only the pointers of this series.
    pub series: Option<&'a Series>,
    /// Only before this event: the last one of the page before.
    pub before: Option<u64>,
}

/// The releases of a page. A page is counted in releases, so that the pointers of one are never torn apart.
macro_rules! page {
    () => {
        "WITH page AS (
             SELECT release.* FROM release
             WHERE base_id = $1 AND ($2 IS NULL OR channel = $2) AND ($4 IS NULL OR event < $4)
               AND EXISTS (
                   SELECT 1 FROM release_pointer
                   WHERE release_id = release.id AND ($3 IS NULL OR release_pointer.series = $3))
             ORDER BY event DESC LIMIT $5),
         moved AS (
             SELECT release_pointer.* FROM page JOIN release_pointer ON release_id = page.id
             WHERE $3 IS NULL OR series = $3) "
    };
}

const MOVES: &str = concat!(
    page!(),
    "SELECT page.id, channel, moved.series, previous_release_id, released_by, released_at, reason, event
     FROM page JOIN moved ON moved.release_id = page.id
     ORDER BY event DESC, moved.series"
);

/// Where the moves go to and come from. A charm without resources has one row, without a stream.
const PLACES: &str = concat!(
    page!(),
    "SELECT release.id, revision.series, revision.number, release_stream.stream,
            resource_revision.number AS resources
     FROM release
     JOIN revision ON revision.id = release.revision_id
     LEFT JOIN release_stream ON release_stream.release_id = release.id
     LEFT JOIN resource_revision ON resource_revision.id = release_stream.resource_revision_id
     WHERE release.id IN (SELECT release_id FROM moved UNION SELECT previous_release_id FROM moved)"
);

#[derive(FromRow)]
struct Move {
    id: Id<Release>,
    #[sqlx(try_from = "String")]
    channel: Channel,
    #[sqlx(try_from = "String")]
    series: Series,
    previous_release_id: Option<Id<Release>>,
    #[sqlx(try_from = "String")]
    released_by: UserName,
    #[sqlx(try_from = "Micros")]
    released_at: Timestamp,
    reason: Option<String>,
    #[sqlx(try_from = "i64")]
    event: u64,
}

#[derive(FromRow)]
struct ReleasePlace {
    id: Id<Release>,
    #[sqlx(flatten)]
    place: HeadColumns,
}

/// A charm and one of the resources that a pointer gives it; a [`Head`] is gathered from several.
#[derive(FromRow)]
pub(crate) struct HeadColumns {
    #[sqlx(flatten, try_from = "CharmKeyColumns")]
    charm: CharmKey,
    stream: Option<String>,
    resources: Option<i64>,
}

impl HeadColumns {
    /// Gathers the rows of each pointer.
    pub(crate) fn gather<K: Hash + Eq>(
        rows: impl IntoIterator<Item = (K, Self)>,
    ) -> Result<HashMap<K, Head>, CatalogError> {
        let mut heads = HashMap::new();
        for (key, Self { charm, stream, resources }) in rows {
            let head = heads.entry(key).or_insert_with(|| Head { charm, streams: BTreeMap::new() });
            head.streams.extend(stream_and_revision(stream, resources)?);
        }
        Ok(heads)
    }
}

fn stream_and_revision(
    stream: Option<String>,
    resources: Option<i64>,
) -> Result<Option<(StreamName, Revision)>, CatalogError> {
    let Some((stream, resources)) = stream.zip(resources) else { return Ok(None) };
    let stream = StreamName::try_from(stream).map_err(|error| CatalogError::Corrupt(error.into()))?;
    let revision = Revision::try_from(resources).map_err(|error| CatalogError::Corrupt(error.into()))?;
    Ok(Some((stream, revision)))
}

impl Move {
    /// Returns the move between two of these places; none if one of them is not among them.
    fn between(self, places: &HashMap<Id<Release>, Head>) -> Option<PointerMove> {
        let from = match self.previous_release_id {
            Some(previous) => Some(places.get(&previous)?.clone()),
            None => None,
        };
        Some(PointerMove {
            channel: self.channel,
            series: self.series,
            from,
            to: places.get(&self.id)?.clone(),
            by: self.released_by,
            at: self.released_at,
            reason: self.reason,
            event: self.event,
        })
    }
}

impl Transaction {
    /// Returns the pointers that moved, last moved first: those of at most `limit` releases.
    pub async fn history(
        &mut self,
        base: Id<Base>,
        filter: HistoryFilter<'_>,
        limit: u32,
    ) -> Result<Vec<PointerMove>, CatalogError> {
        let moves: Vec<Move> = self.history_page(MOVES, base, filter, limit).await?;
        let places: Vec<ReleasePlace> = self.history_page(PLACES, base, filter, limit).await?;
        let places = HeadColumns::gather(places.into_iter().map(|row| (row.id, row.place)))?;
        // A release between the two statements pushes the oldest move's places off the page. That move is left to the
        // next page, which begins where this one ends.
        Ok(moves.into_iter().filter_map(|it| it.between(&places)).collect())
    }

    async fn history_page<T>(
        &mut self,
        select: &'static str,
        base: Id<Base>,
        filter: HistoryFilter<'_>,
        limit: u32,
    ) -> Result<Vec<T>, CatalogError>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let before = filter.before.map(bigint).transpose()?;
        let rows = on_either!(self, |conn| {
            let select = query_as(select).bind(base).bind(filter.channel.map(Channel::as_str));
            let select = select.bind(filter.series.map(Series::as_str)).bind(before);
            select.bind(i64::from(limit)).fetch_all(conn).await?
        });
        Ok(rows)
    }
}
