//! Uploads: the files that a session still lacks, and how much of each has come.

use charm_model::digest::{Content, Sha256};
use sqlx::{FromRow, QueryBuilder, query, query_as, query_scalar};
use tracing::instrument;

use crate::blob::{Blob, columns};
use crate::column::{ContentColumns, bigint};
use crate::error::CatalogError;
use crate::id::Id;
use crate::transaction::{Transaction, on_either};

/// A file of a session that must be sent.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Upload {
    /// What it must turn out to be.
    #[sqlx(flatten, try_from = "ContentColumns")]
    pub content: Content,
    /// The key of the object that is being written.
    pub object_key: String,
    /// What the writer of the bytes needs in order to go on, in its own form.
    pub state: Vec<u8>,
    /// How many bytes have come and are flushed.
    #[sqlx(try_from = "i64")]
    pub received: u64,
    /// Which writing of the state this is, counted from 0.
    #[sqlx(try_from = "i64")]
    pub version: u64,
    /// The blob that it became, once it is whole.
    #[sqlx(rename = "blob_id")]
    pub blob: Option<Id<Blob>>,
}

/// A file that is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct NewUpload<'a> {
    /// The session.
    pub session: &'a str,
    /// What the file must turn out to be.
    pub content: Content,
    /// The key of the object that will be written.
    pub object_key: &'a str,
    /// What the writer of the bytes needs in order to begin, in its own form.
    pub state: &'a [u8],
}

/// How much of a file of a session has come, without what only the writer of its bytes needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct Arrived {
    /// What it must turn out to be.
    #[sqlx(flatten, try_from = "ContentColumns")]
    pub content: Content,
    /// How many bytes have come and are flushed.
    #[sqlx(try_from = "i64")]
    pub received: u64,
    /// The blob that it became, once it is whole.
    #[sqlx(rename = "blob_id")]
    pub blob: Option<Id<Blob>>,
}

/// Files per statement: 9 values each, and SQLite takes 32,766 of them.
const N_FILES_AT_ONCE: usize = 1000;

const ADD_WHOLE_UPLOADS: &str = "
    INSERT INTO upload (session_id, sha256, blake3, size, object_key, state, received, version, blob_id) ";

const ADD_UPLOAD: &str = "
    INSERT INTO upload (session_id, sha256, blake3, size, object_key, state, received, version)
    VALUES ($1, $2, $3, $4, $5, $6, 0, 0)
    ON CONFLICT (session_id, sha256) DO NOTHING";

const UPLOAD: &str = "SELECT * FROM upload WHERE session_id = $1 AND sha256 = $2";

const UPLOADS_OF: &str = "SELECT * FROM upload WHERE session_id = $1 ORDER BY sha256";

const RECEIVED_BYTES: &str =
    "SELECT CAST(COALESCE(SUM(received), 0) AS BIGINT) FROM upload WHERE session_id = $1";

const ADVANCE_UPLOAD: &str = "
    UPDATE upload SET state = $5, received = $6, version = version + 1
    WHERE session_id = $1 AND sha256 = $2 AND object_key = $3 AND version = $4 AND blob_id IS NULL";

const FINISH_UPLOAD: &str =
    "UPDATE upload SET blob_id = $3 WHERE session_id = $1 AND sha256 = $2 AND blob_id IS NULL";

const REMOVE_UPLOAD: &str = "
    DELETE FROM upload
    WHERE session_id = $1 AND sha256 = $2 AND object_key = $3 AND version = $4 AND blob_id IS NULL";

const UPLOAD_TO: &str = "SELECT * FROM upload WHERE object_key = $1 AND blob_id IS NULL";

impl Transaction {
    /// Announces a file that is to be sent, unless the session has it already, and returns how far it is.
    pub async fn add_upload(&mut self, new: NewUpload<'_>) -> Result<Upload, CatalogError> {
        let Content { size, digests } = new.content;
        let size = bigint(size)?;
        on_either!(self, |conn| {
            let add = query(ADD_UPLOAD).bind(new.session).bind(digests.sha256.as_bytes());
            let add = add.bind(digests.blake3.as_bytes()).bind(size).bind(new.object_key).bind(new.state);
            add.execute(conn).await?;
        });
        let upload = self.upload(new.session, &digests.sha256).await?;
        upload.ok_or_else(|| sqlx::Error::RowNotFound.into())
    }

    /// Notes files that came whole and are blobs. What the session has begun to take otherwise is left as it is.
    pub async fn add_whole_uploads(&mut self, session: &str, blobs: &[Blob]) -> Result<(), CatalogError> {
        for chunk in blobs.chunks(N_FILES_AT_ONCE) {
            let rows = chunk.iter().map(|blob| Ok((blob, columns(&blob.content)?)));
            let rows: Vec<_> = rows.collect::<Result<_, CatalogError>>()?;
            on_either!(self, |conn| {
                let mut insert = QueryBuilder::new(ADD_WHOLE_UPLOADS);
                insert.push_values(rows, |mut row, (blob, (sha256, blake3, size))| {
                    row.push_bind(session).push_bind(sha256).push_bind(blake3).push_bind(size);
                    row.push_bind(&blob.object_key).push_bind(&[][..] as &[u8]).push_bind(size);
                    row.push_bind(0_i64).push_bind(blob.id);
                });
                insert.push(" ON CONFLICT (session_id, sha256) DO NOTHING").build().execute(conn).await?;
            });
        }
        Ok(())
    }

    /// Returns how many bytes have come in the session.
    pub async fn received_bytes(&mut self, session: &str) -> Result<u64, CatalogError> {
        let n_bytes: i64 =
            on_either!(self, |conn| query_scalar(RECEIVED_BYTES).bind(session).fetch_one(conn).await?);
        Ok(n_bytes.cast_unsigned())
    }

    /// Returns a file of the session.
    pub async fn upload(&mut self, session: &str, sha256: &Sha256) -> Result<Option<Upload>, CatalogError> {
        let sha256 = sha256.as_bytes();
        Ok(on_either!(self, |conn| query_as(UPLOAD).bind(session).bind(sha256).fetch_optional(conn).await?))
    }

    /// Returns the files of the session.
    pub async fn uploads_of(&mut self, session: &str) -> Result<Vec<Upload>, CatalogError> {
        Ok(on_either!(self, |conn| query_as(UPLOADS_OF).bind(session).fetch_all(conn).await?))
    }

    /// Notes that more bytes have come and are flushed. Says whether the upload was still what it was when it was read,
    /// and not whole yet: of two who send the same part, one goes on and the other asks again.
    pub async fn advance_upload(
        &mut self,
        session: &str,
        from: &Upload,
        state: &[u8],
        received: u64,
    ) -> Result<bool, CatalogError> {
        let (sha256, version) = (from.content.digests.sha256, bigint(from.version)?);
        let received = bigint(received)?;
        let n_changed = on_either!(self, |conn| {
            // The object as well: an upload that was forgotten and begun anew counts its versions anew.
            let advance = query(ADVANCE_UPLOAD).bind(session).bind(sha256.as_bytes()).bind(&from.object_key);
            advance.bind(version).bind(state).bind(received).execute(conn).await?.rows_affected()
        });
        Ok(n_changed == 1)
    }

    /// Notes the blob that the file became. Says whether it was not one yet.
    #[instrument(skip_all, fields(session, blob.digest = %sha256))]
    pub async fn finish_upload(
        &mut self,
        session: &str,
        sha256: &Sha256,
        blob: Id<Blob>,
    ) -> Result<bool, CatalogError> {
        let n_changed = on_either!(self, |conn| {
            let finish = query(FINISH_UPLOAD).bind(session).bind(sha256.as_bytes()).bind(blob);
            finish.execute(conn).await?.rows_affected()
        });
        Ok(n_changed == 1)
    }

    /// Forgets a file that is not whole, so that it can be sent anew; its object is left to the sweep. Says whether it
    /// was still what it was when it was read: what somebody else goes on with is not forgotten.
    #[instrument(skip_all, fields(session, blob.digest = %upload.content.digests.sha256))]
    pub async fn remove_upload(&mut self, session: &str, upload: &Upload) -> Result<bool, CatalogError> {
        let (sha256, version) = (upload.content.digests.sha256, bigint(upload.version)?);
        let n_removed = on_either!(self, |conn| {
            let remove = query(REMOVE_UPLOAD).bind(session).bind(sha256.as_bytes());
            remove.bind(&upload.object_key).bind(version).execute(conn).await?.rows_affected()
        });
        Ok(n_removed == 1)
    }

    /// Returns the upload, of whatever session, that was to fill the object and is not whole.
    pub async fn upload_to(&mut self, object_key: &str) -> Result<Option<Upload>, CatalogError> {
        Ok(on_either!(self, |conn| query_as(UPLOAD_TO).bind(object_key).fetch_optional(conn).await?))
    }
}
