//! Blobs: which bytes there are, and who names them.

use charm_model::digest::{Content, Sha384};
use charm_model::timestamp::Timestamp;
use sqlx::{FromRow, query, query_as, query_scalar};
use tracing::{error, instrument};

use crate::column::{BytesOrNull, ContentColumns, bigint};
use crate::error::CatalogError;
use crate::id::Id;
use crate::object::ObjectState;
use crate::transaction::{Dialects, Transaction, on_either};

/// Immutable bytes.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Blob {
    /// Its row.
    #[sqlx(rename = "blob_id")]
    pub id: Id<Blob>,
    /// Size and digests.
    #[sqlx(flatten, try_from = "ContentColumns")]
    pub content: Content,
    /// The SHA-384 of the bytes, if it is known by now.
    #[sqlx(try_from = "BytesOrNull")]
    pub sha384: Option<Sha384>,
    /// The key of the object that holds them.
    pub object_key: String,
}

/// What became of bytes that were to be a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddedBlob {
    /// They are one now, and their object is live.
    Added(Id<Blob>),
    /// They were one already. Their new object stays pending, for the sweep.
    Existing(Blob),
    /// One digest is that of this other blob, or both are and the size is not: a broken hash, or a broken disk.
    Collision(Blob),
}

/// The columns of a [`Blob`].
macro_rules! blob_columns {
    () => {
        "blob.id AS blob_id, blob.size, blob.sha256, blob.blake3, blob.sha384, blob.object_key"
    };
}

pub(crate) use blob_columns;

/// Nothing names the blob, and nothing has since $1.
macro_rules! is_unnamed {
    () => {
        "last_named_at < $1
         AND NOT EXISTS (SELECT 1 FROM revision WHERE revision.blob_id = blob.id)
         AND NOT EXISTS (SELECT 1 FROM resource_file WHERE resource_file.blob_id = blob.id)
         AND NOT EXISTS (
             SELECT 1 FROM upload JOIN publish_session ON publish_session.id = upload.session_id
             WHERE upload.blob_id = blob.id AND publish_session.state = 'open')"
    };
}

/// The blob of $1, $2 and $3. The size is compared as well: whoever names a blob may lie about it, and what is read of
/// a blob, to check a proof for one, ends where its size says.
macro_rules! is_content {
    () => {
        "blob.sha256 = $1 AND blob.blake3 = $2 AND blob.size = $3"
    };
}

const BLOB: &str = concat!("SELECT ", blob_columns!(), " FROM blob WHERE ", is_content!());

const BLOB_BY_ID: &str = concat!("SELECT ", blob_columns!(), " FROM blob WHERE id = $1");

const ADD_BLOB: &str = "
    INSERT INTO blob (sha256, blake3, size, sha384, object_key, created_at, last_named_at)
    VALUES ($1, $2, $3, $4, $5, $6, $6)
    ON CONFLICT DO NOTHING
    RETURNING id";

const NAME_BLOB: &str = concat!(
    "UPDATE blob SET last_named_at = CASE WHEN last_named_at < $4 THEN $4 ELSE last_named_at END WHERE ",
    is_content!(),
    " RETURNING ",
    blob_columns!()
);

const HALF_EQUAL: &str =
    concat!("SELECT ", blob_columns!(), " FROM blob WHERE sha256 = $1 OR blake3 = $2 ORDER BY id LIMIT 1");

const BLOBS_WITHOUT_SHA384: &str =
    concat!("SELECT ", blob_columns!(), " FROM blob WHERE sha384 IS NULL ORDER BY id LIMIT $1");

const SET_SHA384: &str = "UPDATE blob SET sha384 = $2 WHERE id = $1";

const UNNAMED_BLOBS: &str = concat!(
    "SELECT ",
    blob_columns!(),
    " FROM blob WHERE ",
    is_unnamed!(),
    " ORDER BY last_named_at LIMIT $2"
);

/// Whoever is about to name the blob holds its row, and the statement after this one sees the name.
const LOCK_BLOB: Dialects = Dialects {
    sqlite: "SELECT id FROM blob WHERE id = $1",
    postgres: "SELECT id FROM blob WHERE id = $1 FOR UPDATE",
};

const REMOVE_UNNAMED_BLOB: &str =
    concat!("DELETE FROM blob WHERE id = $2 AND ", is_unnamed!(), " RETURNING object_key");

impl Transaction {
    /// Returns the blob of that pair of digests and that size.
    pub async fn blob(&mut self, content: &Content) -> Result<Option<Blob>, CatalogError> {
        let (sha256, blake3, size) = columns(content)?;
        let blob = on_either!(self, |conn| {
            query_as(BLOB).bind(sha256).bind(blake3).bind(size).fetch_optional(conn).await?
        });
        Ok(blob)
    }

    /// Returns the blob of that row.
    pub async fn blob_by_id(&mut self, blob: Id<Blob>) -> Result<Option<Blob>, CatalogError> {
        Ok(on_either!(self, |conn| query_as(BLOB_BY_ID).bind(blob).fetch_optional(conn).await?))
    }

    /// Makes a blob of the bytes that lie, flushed and verified, under the key of a pending object.
    ///
    /// # Errors
    ///
    /// [`CatalogError::ObjectGone`] if the sweep was faster, [`CatalogError::BlobGone`] if it took the blob that was
    /// there already.
    #[instrument(skip_all, fields(blob.digest = %content.digests.sha256))]
    pub async fn add_blob(
        &mut self,
        content: Content,
        sha384: Option<Sha384>,
        object: &str,
        at: Timestamp,
    ) -> Result<AddedBlob, CatalogError> {
        if let Some(id) = self.insert_blob(content, sha384, object, at).await? {
            let is_ours = self.set_object_state(object, ObjectState::Pending, ObjectState::Live, at).await?;
            return if is_ours {
                Ok(AddedBlob::Added(id))
            } else {
                Err(CatalogError::ObjectGone(object.into()))
            };
        }
        match self.name_blob(&content, at).await? {
            Some(blob) => Ok(AddedBlob::Existing(blob)),
            None => self.half_equal(content).await,
        }
    }

    async fn insert_blob(
        &mut self,
        content: Content,
        sha384: Option<Sha384>,
        object: &str,
        at: Timestamp,
    ) -> Result<Option<Id<Blob>>, CatalogError> {
        let (sha256, blake3, size) = columns(&content)?;
        let sha384 = sha384.as_ref().map(Sha384::as_bytes);
        let id = on_either!(self, |conn| {
            let insert = query_scalar(ADD_BLOB).bind(sha256).bind(blake3).bind(size).bind(sha384);
            insert.bind(object).bind(at.as_micros()).fetch_optional(conn).await?
        });
        Ok(id)
    }

    pub(crate) async fn half_equal(&mut self, content: Content) -> Result<AddedBlob, CatalogError> {
        let (sha256, blake3, _) = columns(&content)?;
        let other = on_either!(self, |conn| {
            query_as(HALF_EQUAL).bind(sha256).bind(blake3).fetch_optional(conn).await?
        });
        other.map(|other| collision(content, other)).ok_or(CatalogError::BlobGone)
    }

    /// Returns the blob of that pair of digests and that size, and begins its grace period anew. The sweep leaves it alone at least
    /// until the end of the transaction, by which time something should name it.
    pub async fn name_blob(
        &mut self,
        content: &Content,
        at: Timestamp,
    ) -> Result<Option<Blob>, CatalogError> {
        let (sha256, blake3, size) = columns(content)?;
        let blob = on_either!(self, |conn| {
            let name = query_as(NAME_BLOB).bind(sha256).bind(blake3).bind(size);
            name.bind(at.as_micros()).fetch_optional(conn).await?
        });
        Ok(blob)
    }

    /// Returns blobs whose SHA-384 is not known yet, oldest first, at most `limit`.
    pub async fn blobs_without_sha384(&mut self, limit: u32) -> Result<Vec<Blob>, CatalogError> {
        let blobs = on_either!(self, |conn| {
            query_as(BLOBS_WITHOUT_SHA384).bind(i64::from(limit)).fetch_all(conn).await?
        });
        Ok(blobs)
    }

    /// Notes the SHA-384 of a blob.
    pub async fn set_sha384(&mut self, blob: Id<Blob>, sha384: Sha384) -> Result<(), CatalogError> {
        on_either!(self, |conn| {
            query(SET_SHA384).bind(blob).bind(sha384.as_bytes()).execute(conn).await?;
        });
        Ok(())
    }

    /// Returns blobs that no revision and no open session names, and none has since `before`: longest first, at most
    /// `limit`.
    pub async fn unnamed_blobs(&mut self, before: Timestamp, limit: u32) -> Result<Vec<Blob>, CatalogError> {
        let blobs = on_either!(self, |conn| {
            query_as(UNNAMED_BLOBS).bind(before.as_micros()).bind(i64::from(limit)).fetch_all(conn).await?
        });
        Ok(blobs)
    }

    /// Removes a blob, if it is still true that nothing names it and nothing has since `before`, and marks its object
    /// as deleting. Returns the object's key.
    #[instrument(skip_all, fields(blob = %blob))]
    pub async fn remove_unnamed_blob(
        &mut self,
        blob: Id<Blob>,
        before: Timestamp,
        at: Timestamp,
    ) -> Result<Option<String>, CatalogError> {
        let lock = self.dialect(LOCK_BLOB);
        on_either!(self, |conn| {
            query(lock).bind(blob).execute(conn).await?;
        });
        let object: Option<String> = on_either!(self, |conn| {
            query_scalar(REMOVE_UNNAMED_BLOB).bind(before.as_micros()).bind(blob).fetch_optional(conn).await?
        });
        if let Some(object) = &object {
            self.set_object_state(object, ObjectState::Live, ObjectState::Deleting, at).await?;
        }
        Ok(object)
    }
}

pub(crate) fn columns(content: &Content) -> Result<(&[u8], &[u8], i64), CatalogError> {
    let Content { size, digests } = content;
    Ok((digests.sha256.as_bytes(), digests.blake3.as_bytes(), bigint(*size)?))
}

fn collision(content: Content, other: Blob) -> AddedBlob {
    error!(blob.digest = %content.digests.sha256, other = %other.id, "half of a pair of digests is another blob's");
    AddedBlob::Collision(other)
}
