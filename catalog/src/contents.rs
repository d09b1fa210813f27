//! Questions about many contents at once: a publish names thousands, and a statement for each costs more than the rest.

use std::collections::BTreeSet;

use charm_model::digest::{Content, Sha256};
use charm_model::timestamp::Timestamp;
use sqlx::{FromRow, QueryBuilder};
use tracing::instrument;

use crate::base::Base;
use crate::blob::{Blob, blob_columns, columns};
use crate::error::CatalogError;
use crate::id::Id;
use crate::transaction::{Dialects, Transaction, on_either};
use crate::upload::Arrived;

/// Contents per statement: 3 values each, and SQLite takes 32,766 of them. More would hardly be faster.
const N_CONTENTS_AT_ONCE: usize = 500;

/// A base that has a content in a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct Holder {
    /// Which content.
    #[sqlx(try_from = "Vec<u8>")]
    pub sha256: Sha256,
    /// The base.
    #[sqlx(rename = "base_id")]
    pub base: Id<Base>,
}

#[derive(FromRow)]
struct Found {
    #[sqlx(try_from = "Vec<u8>")]
    sha256: Sha256,
}

/// Begins a statement that has the contents as the table `wanted`.
macro_rules! about {
    ($contents:expr) => {{
        let mut query = QueryBuilder::new("WITH wanted (sha256, blake3, size) AS (");
        query.push_values($contents, |mut row, (sha256, blake3, size)| {
            row.push_bind(*sha256).push_bind(*blake3).push_bind(*size);
        });
        query.push(") ");
        query
    }};
}

/// The blobs of the contents, with further tables, up to a condition that more may be added to. The size is compared as
/// well, as in `blob.rs`.
///
/// SQLite takes the tables of a `CROSS JOIN` in the order in which they stand. Left to choose, it went through all blobs that
/// there are for every statement. To PostgreSQL, which knows how many there are, it is a join like any other.
macro_rules! wanted_blobs {
    ($($tables:literal)?) => {
        concat!(
            "wanted CROSS JOIN blob ",
            $($tables,)?
            "WHERE blob.sha256 = wanted.sha256 AND blob.blake3 = wanted.blake3 AND blob.size = wanted.size "
        )
    };
}

const BLOBS: &str = concat!("SELECT ", blob_columns!(), " FROM ", wanted_blobs!());

const NAME_BLOBS: &str = "UPDATE blob SET last_named_at = CASE WHEN last_named_at < ";

/// Two transactions that name some of the same blobs take them in the same order.
const NAMED_BLOBS: Dialects = Dialects {
    sqlite: concat!(
        " ELSE last_named_at END WHERE id IN (SELECT blob.id FROM ",
        wanted_blobs!(),
        ") RETURNING ",
        blob_columns!()
    ),
    postgres: concat!(
        " ELSE last_named_at END WHERE id IN (SELECT blob.id FROM ",
        wanted_blobs!(),
        "ORDER BY blob.sha256 FOR UPDATE OF blob) RETURNING ",
        blob_columns!()
    ),
};

const IN_REVISION: &str = concat!(
    "SELECT wanted.sha256 FROM ",
    wanted_blobs!(),
    "AND (EXISTS (SELECT 1 FROM revision WHERE revision.blob_id = blob.id AND revision.base_id = "
);

const OR_IN_RESOURCES: &str = ") OR EXISTS (
    SELECT 1 FROM resource_file
    JOIN resource_revision ON resource_revision.id = resource_file.resource_revision_id
    WHERE resource_file.blob_id = blob.id AND resource_revision.base_id = ";

const HOLDERS: &str = concat!(
    ", holder (sha256, base_id) AS (SELECT wanted.sha256, revision.base_id FROM ",
    wanted_blobs!("CROSS JOIN revision "),
    "   AND revision.blob_id = blob.id
        UNION SELECT wanted.sha256, resource_revision.base_id FROM ",
    wanted_blobs!("CROSS JOIN resource_file CROSS JOIN resource_revision "),
    "   AND resource_file.blob_id = blob.id AND resource_revision.id = resource_file.resource_revision_id)
     SELECT sha256, base_id FROM (
        SELECT sha256, base_id, row_number() OVER (PARTITION BY sha256 ORDER BY base_id) AS place FROM holder
     ) AS placed
     WHERE place <= "
);

const ARRIVALS: &str = "
    SELECT upload.size, upload.sha256, upload.blake3, upload.received, upload.blob_id
    FROM wanted CROSS JOIN upload WHERE upload.sha256 = wanted.sha256 AND upload.session_id = ";

impl Transaction {
    /// Returns the blobs of these contents; what is no blob is not among them.
    pub async fn blobs(&mut self, contents: &[Content]) -> Result<Vec<Blob>, CatalogError> {
        let mut blobs = Vec::with_capacity(contents.len());
        for rows in chunks(contents)? {
            let found: Vec<Blob> = on_either!(self, |conn| {
                about!(&rows).push(BLOBS).build_query_as().fetch_all(conn).await?
            });
            blobs.extend(found);
        }
        Ok(blobs)
    }

    /// Returns the blobs of these contents, ascending by SHA-256, and begins their grace periods anew. The sweep leaves
    /// them alone at least until the end of the transaction, by which time something should name them.
    #[instrument(skip_all, fields(n_contents = contents.len()))]
    pub async fn name_blobs(
        &mut self,
        contents: &[Content],
        at: Timestamp,
    ) -> Result<Vec<Blob>, CatalogError> {
        let (named, at) = (self.dialect(NAMED_BLOBS), at.as_micros());
        let mut blobs = Vec::with_capacity(contents.len());
        for rows in chunks(contents)? {
            let found: Vec<Blob> = on_either!(self, |conn| {
                let mut name = about!(&rows);
                name.push(NAME_BLOBS).push_bind(at).push(" THEN ").push_bind(at).push(named);
                name.build_query_as().fetch_all(conn).await?
            });
            blobs.extend(found);
        }
        Ok(blobs)
    }

    /// Returns which of these contents the base has exactly so in a revision of its own.
    pub async fn contents_in_base(
        &mut self,
        base: Id<Base>,
        contents: &[Content],
    ) -> Result<BTreeSet<Sha256>, CatalogError> {
        let mut present = BTreeSet::new();
        for rows in chunks(contents)? {
            let found: Vec<Found> = on_either!(self, |conn| {
                let mut select = about!(&rows);
                select.push(IN_REVISION).push_bind(base).push(OR_IN_RESOURCES).push_bind(base).push("))");
                select.build_query_as().fetch_all(conn).await?
            });
            present.extend(found.into_iter().map(|found| found.sha256));
        }
        Ok(present)
    }

    /// Returns bases that have these contents in a revision: of each content at most `limit`, the oldest.
    pub async fn holders(&mut self, contents: &[Content], limit: u32) -> Result<Vec<Holder>, CatalogError> {
        let mut holders = Vec::new();
        for rows in chunks(contents)? {
            let found: Vec<Holder> = on_either!(self, |conn| {
                let mut select = about!(&rows);
                select.push(HOLDERS).push_bind(i64::from(limit)).push(" ORDER BY sha256, base_id");
                select.build_query_as().fetch_all(conn).await?
            });
            holders.extend(found);
        }
        Ok(holders)
    }

    /// Returns how far those of these contents are that the session has begun to take.
    pub async fn arrivals(
        &mut self,
        session: &str,
        contents: &[Content],
    ) -> Result<Vec<Arrived>, CatalogError> {
        let mut arrivals = Vec::new();
        for rows in chunks(contents)? {
            let found: Vec<Arrived> = on_either!(self, |conn| {
                about!(&rows).push(ARRIVALS).push_bind(session).build_query_as().fetch_all(conn).await?
            });
            arrivals.extend(found);
        }
        Ok(arrivals)
    }
}

type Rows<'a> = Vec<(&'a [u8], &'a [u8], i64)>;

fn chunks(contents: &[Content]) -> Result<Vec<Rows<'_>>, CatalogError> {
    contents.chunks(N_CONTENTS_AT_ONCE).map(|chunk| chunk.iter().map(columns).collect()).collect()
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

    use super::*;
    use crate::database::Database;
    use crate::transaction::Driver;

    /// What has a row for each content that is asked about, or for each that was found.
    const ASKED: [&str; 5] = ["wanted", "500 CONSTANT ROWS", "holder", "placed", "(subquery"];

    const LOOKUPS: [&str; 2] = ["SEARCH blob USING", "SEARCH upload USING"];

    /// Returns in which order SQLite goes through which tables.
    async fn order(conn: &mut SqliteConnection, statement: &str) -> Vec<String> {
        let values = vec!["(x'00', x'00', 1)"; N_CONTENTS_AT_ONCE].join(", ");
        let wanted = format!("WITH wanted (sha256, blake3, size) AS (VALUES {values})");
        let explain = format!("EXPLAIN QUERY PLAN {wanted} {statement}");
        let rows = sqlx::query(AssertSqlSafe(explain)).fetch_all(conn).await.unwrap();
        rows.iter().map(|row| row.get("detail")).collect()
    }

    #[tokio::test]
    async fn what_is_asked_about_is_looked_up_however_much_there_is() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(&format!("sqlite:{}", dir.path().join("it").display())).await.unwrap();
        database.migrate().await.unwrap();
        let Driver::Sqlite(mut transaction) = database.write().await.unwrap().driver else { unreachable!() };
        let conn = &mut *transaction;
        for statement in [
            BLOBS.to_owned(),
            format!("{NAME_BLOBS} 1 THEN 1 {}", NAMED_BLOBS.sqlite),
            format!("{IN_REVISION} 1 {OR_IN_RESOURCES} 1))"),
            format!("{HOLDERS} 1"),
            format!("{ARRIVALS} 'a'"),
        ] {
            let order = order(conn, &statement).await;
            let is_short = |table: &str| ASKED.iter().any(|it| table.starts_with(it));
            let mut scanned = order.iter().filter_map(|step| step.strip_prefix("SCAN "));
            assert!(scanned.all(is_short), "{statement}\n{order:#?}");
            let is_lookup = |step: &String| LOOKUPS.iter().any(|it| step.starts_with(it));
            assert!(order.iter().any(is_lookup), "{statement}\n{order:#?}");
        }
    }
}
