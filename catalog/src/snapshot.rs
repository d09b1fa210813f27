//! Snapshots: all that resolving needs to know of one base, in a fixed number of queries.

use std::collections::{BTreeMap, HashMap};

use charm_model::name::{Channel, Series, StreamName};
use charm_model::reference::Revision;
use charm_model::resolve::{CharmFacts, CharmKey, Head, ResourceFacts, Snapshot};
use charm_model::shape::{Shape, ShapeId};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, query_as};
use tracing::instrument;

use crate::base::Base;
use crate::column::{Bytes, CharmKeyColumns, TextOrNull};
use crate::document::Document;
use crate::error::CatalogError;
use crate::history::HeadColumns;
use crate::id::Id;
use crate::transaction::{Transaction, on_either};

const CHARMS: &str = "
    SELECT series, number, supported_series, default_stream, withdrawn_at IS NOT NULL AS withdrawn
    FROM revision WHERE base_id = $1";

const DECLARED: &str = "
    SELECT series, number, stream, shape_id
    FROM revision JOIN declared_shape ON revision_id = revision.id WHERE base_id = $1";

const RESOURCES: &str = "
    SELECT stream, number, shape_id, withdrawn_at IS NOT NULL AS withdrawn
    FROM resource_revision WHERE base_id = $1";

const SHAPES: &str = "
    SELECT id AS shape_id, places FROM shape WHERE id IN (
        SELECT shape_id FROM revision JOIN declared_shape ON revision_id = revision.id WHERE base_id = $1
        UNION SELECT shape_id FROM resource_revision WHERE base_id = $1)";

/// A pointer to a charm without resources has one row, without a stream.
const HEADS: &str = "
    SELECT head.channel, head.series AS pointer, revision.series, revision.number, release_stream.stream,
           resource_revision.number AS resources
    FROM head
    JOIN release ON release.id = head.release_id
    JOIN revision ON revision.id = release.revision_id
    LEFT JOIN release_stream ON release_stream.release_id = release.id
    LEFT JOIN resource_revision ON resource_revision.id = release_stream.resource_revision_id
    WHERE head.base_id = $1";

/// Of the releases of a charm revision with a stream in a channel, the last.
const REMEMBERED: &str = "
    SELECT channel, series, revision.number, last.stream, resource_revision.number AS resources
    FROM (
        SELECT release.*, release_stream.*, ROW_NUMBER() OVER (
            PARTITION BY channel, revision_id, stream ORDER BY event DESC, release.id DESC) AS age
        FROM release JOIN release_stream ON release_id = release.id
        WHERE base_id = $1) AS last
    JOIN revision ON revision.id = last.revision_id
    JOIN resource_revision ON resource_revision.id = last.resource_revision_id
    WHERE age = 1";

const TOGETHER: &str = "
    SELECT series, revision.number, together.stream, resource_revision.number AS resources
    FROM revision
    JOIN together ON revision_id = revision.id
    JOIN resource_revision ON resource_revision.id = resource_revision_id
    WHERE revision.base_id = $1";

#[derive(FromRow)]
struct CharmRow {
    #[sqlx(flatten, try_from = "CharmKeyColumns")]
    key: CharmKey,
    #[sqlx(try_from = "Document")]
    supported_series: Vec<Series>,
    #[sqlx(try_from = "TextOrNull")]
    default_stream: Option<StreamName>,
    withdrawn: bool,
}

#[derive(FromRow)]
struct DeclaredRow {
    #[sqlx(flatten, try_from = "CharmKeyColumns")]
    key: CharmKey,
    #[sqlx(try_from = "String")]
    stream: StreamName,
    #[sqlx(try_from = "Bytes")]
    shape_id: ShapeId,
}

#[derive(FromRow)]
struct ResourcesRow {
    #[sqlx(try_from = "String")]
    stream: StreamName,
    #[sqlx(try_from = "i64")]
    number: Revision,
    #[sqlx(try_from = "Bytes")]
    shape_id: ShapeId,
    withdrawn: bool,
}

#[derive(FromRow)]
struct ShapeRow {
    #[sqlx(try_from = "Bytes")]
    shape_id: ShapeId,
    #[sqlx(try_from = "Document")]
    places: Shape,
}

#[derive(FromRow)]
struct HeadRow {
    #[sqlx(try_from = "String")]
    channel: Channel,
    #[sqlx(try_from = "String")]
    pointer: Series,
    #[sqlx(flatten)]
    head: HeadColumns,
}

#[derive(FromRow)]
struct RememberedRow {
    #[sqlx(try_from = "String")]
    channel: Channel,
    #[sqlx(flatten)]
    pair: PairRow,
}

/// A charm revision, and the resources that go with it for a stream.
#[derive(FromRow)]
struct PairRow {
    #[sqlx(flatten, try_from = "CharmKeyColumns")]
    key: CharmKey,
    #[sqlx(try_from = "String")]
    stream: StreamName,
    #[sqlx(try_from = "i64")]
    resources: Revision,
}

impl Transaction {
    /// Returns all that resolving needs to know of the base.
    ///
    /// In a writing transaction on PostgreSQL, lock the base first, or the parts may be of different moments.
    #[instrument(skip_all, fields(base = %base.name))]
    pub async fn snapshot(&mut self, base: &Base) -> Result<Snapshot, CatalogError> {
        // First, so that it never claims to have seen more than the rest has.
        let event = self.last_event().await?;
        Ok(Snapshot {
            base: base.name.clone(),
            event,
            charms: self.snapshot_charms(base.id).await?,
            resources: self.snapshot_resources(base.id).await?,
            shapes: self.snapshot_shapes(base.id).await?,
            heads: self.snapshot_heads(base.id).await?,
            remembered: self.snapshot_remembered(base.id).await?,
            together: self.snapshot_together(base.id).await?,
        })
    }

    async fn snapshot_charms(
        &mut self,
        base: Id<Base>,
    ) -> Result<BTreeMap<CharmKey, CharmFacts>, CatalogError> {
        let mut shapes: HashMap<CharmKey, BTreeMap<StreamName, ShapeId>> = HashMap::new();
        for DeclaredRow { key, stream, shape_id } in self.rows_of_base(DECLARED, base).await? {
            shapes.entry(key).or_default().insert(stream, shape_id);
        }
        let charms: Vec<CharmRow> = self.rows_of_base(CHARMS, base).await?;
        let facts =
            charms.into_iter().map(|CharmRow { key, supported_series, default_stream, withdrawn }| {
                let shapes = shapes.remove(&key).unwrap_or_default();
                (key, CharmFacts { supported: supported_series, default_stream, shapes, withdrawn })
            });
        Ok(facts.collect())
    }

    async fn snapshot_resources(
        &mut self,
        base: Id<Base>,
    ) -> Result<BTreeMap<StreamName, BTreeMap<Revision, ResourceFacts>>, CatalogError> {
        let mut streams: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for ResourcesRow { stream, number, shape_id, withdrawn } in self.rows_of_base(RESOURCES, base).await?
        {
            streams.entry(stream).or_default().insert(number, ResourceFacts { shape: shape_id, withdrawn });
        }
        Ok(streams)
    }

    async fn snapshot_shapes(&mut self, base: Id<Base>) -> Result<BTreeMap<ShapeId, Shape>, CatalogError> {
        let shapes: Vec<ShapeRow> = self.rows_of_base(SHAPES, base).await?;
        Ok(shapes.into_iter().map(|ShapeRow { shape_id, places }| (shape_id, places)).collect())
    }

    async fn snapshot_heads(
        &mut self,
        base: Id<Base>,
    ) -> Result<BTreeMap<(Channel, Series), Head>, CatalogError> {
        let rows: Vec<HeadRow> = self.rows_of_base(HEADS, base).await?;
        let heads = rows.into_iter().map(|HeadRow { channel, pointer, head }| ((channel, pointer), head));
        Ok(HeadColumns::gather(heads)?.into_iter().collect())
    }

    async fn snapshot_remembered(
        &mut self,
        base: Id<Base>,
    ) -> Result<BTreeMap<(Channel, CharmKey, StreamName), Revision>, CatalogError> {
        let rows: Vec<RememberedRow> = self.rows_of_base(REMEMBERED, base).await?;
        let pairs = rows.into_iter().map(|RememberedRow { channel, pair }| {
            let PairRow { key, stream, resources } = pair;
            ((channel, key, stream), resources)
        });
        Ok(pairs.collect())
    }

    async fn snapshot_together(
        &mut self,
        base: Id<Base>,
    ) -> Result<BTreeMap<(CharmKey, StreamName), Revision>, CatalogError> {
        let rows: Vec<PairRow> = self.rows_of_base(TOGETHER, base).await?;
        Ok(rows.into_iter().map(|PairRow { key, stream, resources }| ((key, stream), resources)).collect())
    }

    async fn rows_of_base<T>(&mut self, select: &'static str, base: Id<Base>) -> Result<Vec<T>, CatalogError>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        Ok(on_either!(self, |conn| query_as(select).bind(base).fetch_all(conn).await?))
    }
}
