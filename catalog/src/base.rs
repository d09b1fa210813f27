//! Charm bases: everything of one `~owner/name`, and who may do what with it.

use charm_model::name::{Name, UserName};
use charm_model::reference::BaseId;
use charm_model::rights::Acl;
use charm_model::timestamp::Timestamp;
use sqlx::{FromRow, QueryBuilder, query, query_as, query_scalar};
use tracing::instrument;

use crate::column::{BaseIdColumns, Micros, bigint};
use crate::document::Document;
use crate::error::CatalogError;
use crate::event::EventKind;
use crate::id::Id;
use crate::transaction::{Dialects, Transaction, on_either};

/// A charm base.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Base {
    /// Its row.
    pub id: Id<Base>,
    /// Whose it is and what it is called.
    #[sqlx(flatten, try_from = "BaseIdColumns")]
    pub name: BaseId,
    /// Who may do what.
    #[sqlx(try_from = "Document")]
    pub acl: Acl,
    /// Whether a reference without an owner means this base.
    #[sqlx(rename = "promulgated")]
    pub is_promulgated: bool,
    /// The number of the last event that is about it; 0 before the first.
    #[sqlx(try_from = "i64")]
    pub last_event: u64,
    /// When it was made.
    #[sqlx(try_from = "Micros")]
    pub created_at: Timestamp,
}

#[derive(FromRow)]
struct FormerOwner {
    #[sqlx(try_from = "String")]
    owner: UserName,
}

/// One at most: no base has a name that is another's former one.
const BASE: &str = "
    SELECT * FROM base
    WHERE owner = $1 AND name = $2 OR id = (SELECT base_id FROM former_name WHERE owner = $1 AND name = $2)";

const PROMULGATED_BASE: &str = "SELECT * FROM base WHERE name = $1 AND promulgated";

const BASES_OF_OWNER: &str = "SELECT * FROM base WHERE owner = $1 ORDER BY name";

const BASES_AFTER: &str = "
    SELECT * FROM base WHERE id > COALESCE($1, 0) ORDER BY id LIMIT $2";

const BASES_WITH_NEW_RIGHTS: &str = "
    SELECT * FROM base WHERE id IN (SELECT base_id FROM event WHERE seq > $1 AND kind = $2) ORDER BY id LIMIT $3";

/// Bases per statement.
const N_BASES_AT_ONCE: usize = 500;

const BASES_OF_ROWS: &str = "SELECT * FROM base WHERE id IN (";

const ADD_BASE: &str = "
    INSERT INTO base (owner, name, acl, created_at) SELECT $1, $2, $3, $4
    WHERE NOT EXISTS (SELECT 1 FROM former_name WHERE owner = $1 AND name = $2)
    ON CONFLICT (owner, name) DO NOTHING";

const FORMER_OWNERS: &str = "SELECT owner FROM former_name WHERE base_id = $1 ORDER BY owner";

const BYTES_OF_OWNER: &str = "
    SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM (
        SELECT blob.size FROM base JOIN revision ON revision.base_id = base.id JOIN blob ON blob.id = blob_id
        WHERE owner = $1
        UNION ALL
        SELECT resource_revision.size FROM base JOIN resource_revision ON resource_revision.base_id = base.id
        WHERE owner = $1
    ) AS revisions";

const SET_OWNER: &str = "UPDATE base SET owner = $2 WHERE id = $1";

const ADD_FORMER_NAME: &str =
    "INSERT INTO former_name (owner, name, base_id) SELECT owner, name, id FROM base WHERE id = $1";

const REMOVE_FORMER_NAME: &str = "DELETE FROM former_name WHERE base_id = $1 AND owner = $2";

const SET_ACL: &str = "UPDATE base SET acl = $2 WHERE id = $1";

/// SQLite's writer is alone anyway.
const LOCK_BASE: Dialects = Dialects {
    sqlite: "SELECT id FROM base WHERE id = $1",
    postgres: "SELECT id FROM base WHERE id = $1 FOR UPDATE",
};

const SET_PROMULGATED: &str = "UPDATE base SET promulgated = $2 WHERE id = $1";

const DISPLACE_PROMULGATED: &str = "
    UPDATE base SET promulgated = FALSE
    WHERE promulgated AND id <> $1 AND name = (SELECT name FROM base WHERE id = $1)
    RETURNING id";

impl Transaction {
    /// Returns the base of that owner and name, or that was called so before it was transferred.
    pub async fn base(&mut self, name: &BaseId) -> Result<Option<Base>, CatalogError> {
        let BaseId { owner, name } = name;
        let base = on_either!(self, |conn| {
            query_as(BASE).bind(owner.as_str()).bind(name.as_str()).fetch_optional(conn).await?
        });
        Ok(base)
    }

    /// Returns the base that a reference without an owner means.
    pub async fn promulgated_base(&mut self, name: &Name) -> Result<Option<Base>, CatalogError> {
        let base = on_either!(self, |conn| {
            query_as(PROMULGATED_BASE).bind(name.as_str()).fetch_optional(conn).await?
        });
        Ok(base)
    }

    /// Returns the bases of an owner, by name.
    pub async fn bases_of_owner(&mut self, owner: &UserName) -> Result<Vec<Base>, CatalogError> {
        let bases =
            on_either!(self, |conn| query_as(BASES_OF_OWNER).bind(owner.as_str()).fetch_all(conn).await?);
        Ok(bases)
    }

    /// Returns the bases of these rows.
    pub async fn bases_of_rows(&mut self, rows: &[Id<Base>]) -> Result<Vec<Base>, CatalogError> {
        let mut bases = Vec::with_capacity(rows.len());
        for chunk in rows.chunks(N_BASES_AT_ONCE) {
            let found: Vec<Base> = on_either!(self, |conn| {
                let mut select = QueryBuilder::new(BASES_OF_ROWS);
                select.push_values(chunk, |mut row, base| {
                    row.push_bind(*base);
                });
                select.push(")").build_query_as().fetch_all(conn).await?
            });
            bases.extend(found);
        }
        Ok(bases)
    }

    /// Returns all bases, in the order in which they were made: at most `limit`, made after `after`.
    pub async fn bases_after(
        &mut self,
        after: Option<Id<Base>>,
        limit: u32,
    ) -> Result<Vec<Base>, CatalogError> {
        let bases = on_either!(self, |conn| {
            query_as(BASES_AFTER).bind(after).bind(i64::from(limit)).fetch_all(conn).await?
        });
        Ok(bases)
    }

    /// Returns the bases whose rights have changed after that event, as they are now: at most `limit`.
    pub async fn bases_with_new_rights(&mut self, since: u64, limit: u32) -> Result<Vec<Base>, CatalogError> {
        let (since, kind) = (bigint(since)?, EventKind::Rights.as_str());
        let bases = on_either!(self, |conn| {
            let select = query_as(BASES_WITH_NEW_RIGHTS).bind(since).bind(kind).bind(i64::from(limit));
            select.fetch_all(conn).await?
        });
        Ok(bases)
    }

    /// Makes a base, unless there is one of that name, and returns it: with its own rights if it was there.
    #[instrument(skip_all, fields(base = %name))]
    pub async fn add_base(&mut self, name: &BaseId, acl: &Acl, at: Timestamp) -> Result<Base, CatalogError> {
        let acl = Document::of(acl)?;
        on_either!(self, |conn| {
            let add = query(ADD_BASE).bind(name.owner.as_str()).bind(name.name.as_str());
            add.bind(acl).bind(at.as_micros()).execute(conn).await?;
        });
        self.base(name).await?.ok_or_else(|| sqlx::Error::RowNotFound.into())
    }

    /// Returns what a base was called before it was transferred.
    pub async fn former_names(&mut self, base: &Base) -> Result<Vec<BaseId>, CatalogError> {
        let owners: Vec<FormerOwner> =
            on_either!(self, |conn| query_as(FORMER_OWNERS).bind(base.id).fetch_all(conn).await?);
        let name = |former: FormerOwner| BaseId { owner: former.owner, name: base.name.name.clone() };
        Ok(owners.into_iter().map(name).collect())
    }

    /// Returns how many bytes the revisions of an owner's bases have, each in full.
    pub async fn bytes_of_owner(&mut self, owner: &UserName) -> Result<u64, CatalogError> {
        let n_bytes: i64 = on_either!(self, |conn| {
            query_scalar(BYTES_OF_OWNER).bind(owner.as_str()).fetch_one(conn).await?
        });
        Ok(n_bytes.cast_unsigned())
    }

    /// Gives a base to another owner, none of whose bases is or was called like it. Its former name still finds it.
    #[instrument(skip_all, fields(base = %base, owner = %owner))]
    pub async fn set_owner(&mut self, base: Id<Base>, owner: &UserName) -> Result<(), CatalogError> {
        on_either!(self, |conn| {
            query(ADD_FORMER_NAME).bind(base).execute(conn).await?;
        });
        on_either!(self, |conn| {
            query(REMOVE_FORMER_NAME).bind(base).bind(owner.as_str()).execute(conn).await?;
        });
        on_either!(self, |conn| {
            query(SET_OWNER).bind(base).bind(owner.as_str()).execute(conn).await?;
        });
        Ok(())
    }

    /// Sets who may do what.
    #[instrument(skip_all, fields(base = %base))]
    pub async fn set_acl(&mut self, base: Id<Base>, acl: &Acl) -> Result<(), CatalogError> {
        let acl = Document::of(acl)?;
        on_either!(self, |conn| {
            query(SET_ACL).bind(base).bind(acl).execute(conn).await?;
        });
        Ok(())
    }

    /// Keeps other writers away from the base until the end of the transaction.
    ///
    /// A transaction that is to change several bases locks all of them first, in the order of their ids.
    pub async fn lock_base(&mut self, base: Id<Base>) -> Result<(), CatalogError> {
        let lock = self.dialect(LOCK_BASE);
        on_either!(self, |conn| {
            query(lock).bind(base).execute(conn).await?;
        });
        Ok(())
    }

    /// Sets whether a reference without an owner means this base. Returns the base of the same name that it meant
    /// before and now does not.
    #[instrument(skip_all, fields(base = %base, is_promulgated))]
    pub async fn set_promulgated(
        &mut self,
        base: Id<Base>,
        is_promulgated: bool,
    ) -> Result<Option<Id<Base>>, CatalogError> {
        let mut displaced = None;
        if is_promulgated {
            displaced = on_either!(self, |conn| {
                query_scalar(DISPLACE_PROMULGATED).bind(base).fetch_optional(conn).await?
            });
        }
        on_either!(self, |conn| {
            query(SET_PROMULGATED).bind(base).bind(is_promulgated).execute(conn).await?;
        });
        Ok(displaced)
    }
}
