//! Charm and bundle revisions.

use std::collections::BTreeMap;

use charm_model::digest::Sha256;
use charm_model::name::{Series, StreamName, UserName};
use charm_model::reference::Revision;
use charm_model::resolve::CharmKey;
use charm_model::shape::Shape;
use charm_model::timestamp::Timestamp;
use sqlx::{FromRow, query, query_as, query_scalar};
use tracing::instrument;

use crate::base::Base;
use crate::blob::Blob;
use crate::column::{CharmKeyColumns, Micros, MicrosOrNull, TextOrNull, series_text, stored_enum};
use crate::document::Document;
use crate::error::CatalogError;
use crate::id::Id;
use crate::transaction::{Transaction, on_either};

stored_enum! {
    /// What a revision is.
    EntityKind {
        /// A charm.
        Charm = "charm",
        /// A bundle.
        Bundle = "bundle",
    }
}

/// A charm or bundle revision. Nothing of it ever changes but whether it is withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Charm {
    /// Its row.
    pub id: Id<Charm>,
    /// Its base.
    #[sqlx(rename = "base_id")]
    pub base: Id<Base>,
    /// Series and revision.
    #[sqlx(flatten, try_from = "CharmKeyColumns")]
    pub key: CharmKey,
    /// Charm or bundle.
    #[sqlx(try_from = "String")]
    pub kind: EntityKind,
    /// The archive.
    #[sqlx(flatten)]
    pub archive: Blob,
    /// The identity of the tree in the archive, however it is packed.
    #[sqlx(try_from = "Vec<u8>")]
    pub tree_digest: Sha256,
    /// What the charm or bundle says of itself.
    pub entity: Document,
    /// The series that it runs on.
    #[sqlx(rename = "supported_series", try_from = "Document")]
    pub supported: Vec<Series>,
    /// The stream that a reference without one means.
    #[sqlx(try_from = "TextOrNull")]
    pub default_stream: Option<StreamName>,
    /// Who published it.
    #[sqlx(try_from = "String")]
    pub published_by: UserName,
    /// When.
    #[sqlx(try_from = "Micros")]
    pub published_at: Timestamp,
    /// Whether it is withdrawn, when and why.
    #[sqlx(flatten, try_from = "WithdrawalColumns")]
    pub withdrawal: Option<Withdrawal>,
}

/// That something is passed over wherever it is not named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// Since when.
    pub at: Timestamp,
    /// Why, in its publisher's words.
    pub reason: String,
}

/// The columns of a [`Withdrawal`], or of none.
#[derive(FromRow)]
pub(crate) struct WithdrawalColumns {
    #[sqlx(try_from = "MicrosOrNull")]
    withdrawn_at: Option<Timestamp>,
    withdrawn_reason: Option<String>,
}

impl From<WithdrawalColumns> for Option<Withdrawal> {
    fn from(columns: WithdrawalColumns) -> Self {
        let reason = columns.withdrawn_reason.unwrap_or_default();
        columns.withdrawn_at.map(|at| Withdrawal { at, reason })
    }
}

/// A revision to be.
#[derive(Debug, Clone, Copy)]
pub struct NewCharm<'a> {
    /// Its base.
    pub base: Id<Base>,
    /// The series; `None` for a multi-series charm.
    pub series: Option<&'a Series>,
    /// Charm or bundle.
    pub kind: EntityKind,
    /// The archive.
    pub archive: Id<Blob>,
    /// The identity of the tree in the archive.
    pub tree_digest: Sha256,
    /// What it says of itself.
    pub entity: &'a Document,
    /// The series that it runs on: its own, or those of its metadata.
    pub supported: &'a [Series],
    /// The stream that a reference without one means.
    pub default_stream: Option<&'a StreamName>,
    /// What it declares for each stream.
    pub shapes: &'a BTreeMap<StreamName, Shape>,
    /// Who publishes it.
    pub by: &'a UserName,
    /// When.
    pub at: Timestamp,
}

/// Every revision with its archive, as [`Charm`] reads it.
macro_rules! select_charm {
    ($rest:literal) => {
        concat!(
            "SELECT revision.*, blob.size, blob.sha256, blob.blake3, blob.sha384, blob.object_key
             FROM revision JOIN blob ON blob.id = revision.blob_id ",
            $rest
        )
    };
}

const CHARM_OF_ID: &str = select_charm!("WHERE revision.id = $1");

const CHARM: &str = select_charm!("WHERE base_id = $1 AND series = $2 AND number = $3");

const NEWEST_CHARM: &str = select_charm!("WHERE base_id = $1 AND series = $2 ORDER BY number DESC LIMIT 1");

const CHARMS_OF_BASE: &str = select_charm!(
    "WHERE base_id = $1 AND ($2 IS NULL OR revision.id < $2) ORDER BY revision.id DESC LIMIT $3"
);

/// The first multi-series revision is above all others of its base, so that "newer" and "higher" stay the same.
const NEXT_NUMBER: &str = "
    INSERT INTO revision_counter (base_id, series, next)
    SELECT $1, $2, 1 + COALESCE(MAX(CASE WHEN $2 = '' THEN next ELSE 0 END), 0)
    FROM revision_counter WHERE base_id = $1
    ON CONFLICT (base_id, series) DO UPDATE SET next = revision_counter.next + 1
    RETURNING next - 1";

const ADD_CHARM: &str = "
    INSERT INTO revision (base_id, series, number, kind, blob_id, tree_digest, entity, supported_series,
                          default_stream, published_by, published_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    RETURNING id";

const DECLARE_SHAPE: &str = "INSERT INTO declared_shape (revision_id, stream, shape_id) VALUES ($1, $2, $3)";

const DECLARED_SHAPES: &str = "
    SELECT stream, places FROM declared_shape JOIN shape ON shape.id = shape_id WHERE revision_id = $1";

const WITHDRAW_CHARM: &str = "
    UPDATE revision SET withdrawn_at = $2, withdrawn_reason = $3 WHERE id = $1 AND withdrawn_at IS NULL";

const RESTORE_CHARM: &str = "
    UPDATE revision SET withdrawn_at = NULL, withdrawn_reason = NULL
    WHERE id = $1 AND withdrawn_at IS NOT NULL";

/// A stream, and what is declared for it.
#[derive(FromRow)]
struct DeclaredShape {
    #[sqlx(try_from = "String")]
    stream: StreamName,
    #[sqlx(try_from = "Document")]
    places: Shape,
}

impl Transaction {
    /// Returns a revision of the base.
    pub async fn charm(&mut self, base: Id<Base>, key: &CharmKey) -> Result<Option<Charm>, CatalogError> {
        let (series, number) = (series_text(key.series.as_ref()), i64::from(key.revision));
        let charm = on_either!(self, |conn| {
            query_as(CHARM).bind(base).bind(series).bind(number).fetch_optional(conn).await?
        });
        Ok(charm)
    }

    /// Returns the newest revision of the series, withdrawn or not; of `None`, the newest multi-series one.
    pub async fn newest_charm(
        &mut self,
        base: Id<Base>,
        series: Option<&Series>,
    ) -> Result<Option<Charm>, CatalogError> {
        let charm = on_either!(self, |conn| {
            query_as(NEWEST_CHARM).bind(base).bind(series_text(series)).fetch_optional(conn).await?
        });
        Ok(charm)
    }

    /// Returns the revisions of all series, last published first: at most `limit`, published before `before`.
    pub async fn charms_of_base(
        &mut self,
        base: Id<Base>,
        before: Option<Id<Charm>>,
        limit: u32,
    ) -> Result<Vec<Charm>, CatalogError> {
        let charms = on_either!(self, |conn| {
            query_as(CHARMS_OF_BASE).bind(base).bind(before).bind(i64::from(limit)).fetch_all(conn).await?
        });
        Ok(charms)
    }

    /// Returns what the revision declares for each stream.
    pub async fn declared_shapes(
        &mut self,
        charm: Id<Charm>,
    ) -> Result<BTreeMap<StreamName, Shape>, CatalogError> {
        let declared: Vec<DeclaredShape> =
            on_either!(self, |conn| query_as(DECLARED_SHAPES).bind(charm).fetch_all(conn).await?);
        Ok(declared.into_iter().map(|DeclaredShape { stream, places }| (stream, places)).collect())
    }

    /// Makes a revision of the next number of its base and series, and returns it. Locks the base.
    #[instrument(skip_all, fields(base = %new.base))]
    pub async fn add_charm(&mut self, new: NewCharm<'_>) -> Result<Charm, CatalogError> {
        self.lock_base(new.base).await?;
        let number = self.next_number(new.base, new.series).await?;
        let id = self.insert_charm(new, number).await?;
        self.add_shapes(new.shapes.values()).await?;
        for (stream, shape) in new.shapes {
            let shape = shape.id();
            on_either!(self, |conn| {
                let declare = query(DECLARE_SHAPE).bind(id).bind(stream.as_str());
                declare.bind(shape.0.as_bytes()).execute(conn).await?;
            });
        }
        Ok(on_either!(self, |conn| query_as(CHARM_OF_ID).bind(id).fetch_one(conn).await?))
    }

    async fn next_number(
        &mut self,
        base: Id<Base>,
        series: Option<&Series>,
    ) -> Result<Revision, CatalogError> {
        let number: i64 = on_either!(self, |conn| {
            query_scalar(NEXT_NUMBER).bind(base).bind(series_text(series)).fetch_one(conn).await?
        });
        Revision::try_from(number).map_err(|_| CatalogError::TooLarge(number.cast_unsigned()))
    }

    async fn insert_charm(&mut self, new: NewCharm<'_>, number: Revision) -> Result<Id<Charm>, CatalogError> {
        let supported = Document::of(&new.supported)?;
        let id = on_either!(self, |conn| {
            query_scalar(ADD_CHARM)
                .bind(new.base)
                .bind(series_text(new.series))
                .bind(i64::from(number))
                .bind(new.kind.as_str())
                .bind(new.archive)
                .bind(new.tree_digest.as_bytes())
                .bind(new.entity)
                .bind(supported)
                .bind(new.default_stream.map(StreamName::as_str))
                .bind(new.by.as_str())
                .bind(new.at.as_micros())
                .fetch_one(conn)
                .await?
        });
        Ok(id)
    }

    /// Has the revision passed over wherever it is not named. Says whether it was not so already.
    #[instrument(skip_all, fields(charm = %charm))]
    pub async fn withdraw_charm(
        &mut self,
        charm: Id<Charm>,
        at: Timestamp,
        reason: &str,
    ) -> Result<bool, CatalogError> {
        let n_changed = on_either!(self, |conn| {
            let withdraw = query(WITHDRAW_CHARM).bind(charm).bind(at.as_micros()).bind(reason);
            withdraw.execute(conn).await?.rows_affected()
        });
        Ok(n_changed == 1)
    }

    /// Takes the withdrawal back. Says whether there was one.
    #[instrument(skip_all, fields(charm = %charm))]
    pub async fn restore_charm(&mut self, charm: Id<Charm>) -> Result<bool, CatalogError> {
        let n_changed = on_either!(self, |conn| {
            query(RESTORE_CHARM).bind(charm).execute(conn).await?.rows_affected()
        });
        Ok(n_changed == 1)
    }
}
