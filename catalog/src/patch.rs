//! Patches: what leads from one blob to another in fewer bytes than the other has.

use std::ops::RangeInclusive;

use charm_model::digest::{Content, Sha256};
use charm_model::timestamp::Timestamp;
use sqlx::{FromRow, query, query_as, query_scalar};
use tracing::instrument;

use crate::blob::Blob;
use crate::column::{ContentColumns, bigint};
use crate::error::CatalogError;
use crate::id::Id;
use crate::object::ObjectState;
use crate::resources::Resources;
use crate::transaction::{Transaction, on_either};

/// A patch that somebody wants and nobody has made yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct WantedPatch {
    /// What it begins with.
    #[sqlx(rename = "from_blob_id")]
    pub from: Id<Blob>,
    /// What it makes.
    #[sqlx(rename = "to_blob_id")]
    pub to: Id<Blob>,
    /// How often it has been tried.
    #[sqlx(try_from = "i64")]
    pub attempts: u64,
}

/// A patch that is made: a recipe in an object of its own.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Patch {
    /// Size and digests of the recipe.
    #[sqlx(flatten, try_from = "ContentColumns")]
    pub content: Content,
    /// The key of the object that holds it.
    pub object_key: String,
}

const WANT_PATCH: &str = "
    INSERT INTO patch (from_blob_id, to_blob_id, state, attempts, wanted_at) VALUES ($1, $2, 'wanted', 0, $3)
    ON CONFLICT (from_blob_id, to_blob_id) DO NOTHING";

/// `WHERE` keeps SQLite from taking `ON CONFLICT` for a part of the join.
const WANT_PATCHES_BETWEEN: &str = "
    INSERT INTO patch (from_blob_id, to_blob_id, state, attempts, wanted_at)
    SELECT DISTINCT old.blob_id, new.blob_id, 'wanted', 0, $5
    FROM resource_file AS old JOIN resource_file AS new ON new.tree = old.tree AND new.path = old.path
    JOIN blob AS old_blob ON old_blob.id = old.blob_id JOIN blob AS new_blob ON new_blob.id = new.blob_id
    WHERE old.resource_revision_id = $1 AND new.resource_revision_id = $2 AND old.blob_id <> new.blob_id
      AND old_blob.size BETWEEN $3 AND $4 AND new_blob.size BETWEEN $3 AND $4
    ON CONFLICT (from_blob_id, to_blob_id) DO NOTHING";

const WANTED_PATCHES: &str = "
    SELECT from_blob_id, to_blob_id, attempts FROM patch WHERE state = 'wanted' ORDER BY attempts, wanted_at LIMIT $1";

const TRY_PATCH: &str = "
    UPDATE patch SET attempts = attempts + 1 WHERE from_blob_id = $1 AND to_blob_id = $2 AND state = 'wanted'";

const KEEP_PATCH: &str = "
    UPDATE patch SET state = 'made', sha256 = $3, blake3 = $4, size = $5, object_key = $6
    WHERE from_blob_id = $1 AND to_blob_id = $2 AND state = 'wanted'";

const GIVE_PATCH_UP: &str = "
    UPDATE patch SET state = 'useless' WHERE from_blob_id = $1 AND to_blob_id = $2 AND state = 'wanted'";

const PATCH: &str = "
    SELECT patch.size, patch.sha256, patch.blake3, patch.object_key
    FROM patch JOIN blob ON blob.id = patch.from_blob_id
    WHERE blob.sha256 = $1 AND patch.to_blob_id = $2 AND patch.state = 'made'";

const IS_WANTED: &str = "
    SELECT 1 FROM patch JOIN blob ON blob.id = patch.from_blob_id
    WHERE blob.sha256 = $1 AND patch.to_blob_id = $2 AND patch.state = 'wanted'";

const FORGET_WANTED: &str =
    "DELETE FROM patch WHERE from_blob_id = $1 AND to_blob_id = $2 AND state = 'wanted'";

const FORGET_PATCHES: &str =
    "DELETE FROM patch WHERE from_blob_id = $1 OR to_blob_id = $1 RETURNING object_key";

impl Transaction {
    /// Asks for a patch, unless it was asked for before.
    pub async fn want_patch(
        &mut self,
        from: Id<Blob>,
        to: Id<Blob>,
        at: Timestamp,
    ) -> Result<(), CatalogError> {
        on_either!(self, |conn| {
            query(WANT_PATCH).bind(from).bind(to).bind(at.as_micros()).execute(conn).await?;
        });
        Ok(())
    }

    /// Asks for patches between the files that two resource revisions have at the same places, where both have a size
    /// within the range.
    pub async fn want_patches_between(
        &mut self,
        from: Id<Resources>,
        to: Id<Resources>,
        sizes: &RangeInclusive<u64>,
        at: Timestamp,
    ) -> Result<(), CatalogError> {
        let (least, most) = (bigint(*sizes.start())?, bigint(*sizes.end())?);
        on_either!(self, |conn| {
            let want = query(WANT_PATCHES_BETWEEN).bind(from).bind(to).bind(least).bind(most);
            want.bind(at.as_micros()).execute(conn).await?;
        });
        Ok(())
    }

    /// Returns patches that are to be made, the least tried and longest wanted first, at most `limit`.
    pub async fn wanted_patches(&mut self, limit: u32) -> Result<Vec<WantedPatch>, CatalogError> {
        let wanted = on_either!(self, |conn| {
            query_as(WANTED_PATCHES).bind(i64::from(limit)).fetch_all(conn).await?
        });
        Ok(wanted)
    }

    /// Counts an attempt that is about to begin. Says whether the patch is still wanted.
    pub async fn try_patch(&mut self, wanted: &WantedPatch) -> Result<bool, CatalogError> {
        let n_changed = on_either!(self, |conn| {
            query(TRY_PATCH).bind(wanted.from).bind(wanted.to).execute(conn).await?.rows_affected()
        });
        Ok(n_changed == 1)
    }

    /// Notes that a patch is made, and that its object is live. Says whether it was still wanted, and the object not yet
    /// taken by the sweep: otherwise nothing is noted, and the object is the sweep's.
    #[instrument(skip_all, fields(from = %wanted.from, to = %wanted.to, object = object_key))]
    pub async fn keep_patch(
        &mut self,
        wanted: &WantedPatch,
        content: &Content,
        object_key: &str,
        at: Timestamp,
    ) -> Result<bool, CatalogError> {
        if !self.set_object_state(object_key, ObjectState::Pending, ObjectState::Live, at).await? {
            return Ok(false);
        }
        let (sha256, blake3) = (content.digests.sha256, content.digests.blake3);
        let size = bigint(content.size)?;
        let n_changed = on_either!(self, |conn| {
            let keep = query(KEEP_PATCH).bind(wanted.from).bind(wanted.to).bind(sha256.as_bytes());
            let keep = keep.bind(blake3.as_bytes()).bind(size).bind(object_key);
            keep.execute(conn).await?.rows_affected()
        });
        if n_changed == 0 {
            self.set_object_state(object_key, ObjectState::Live, ObjectState::Deleting, at).await?;
        }
        Ok(n_changed == 1)
    }

    /// Notes that a patch is not worth its way, or cannot be made.
    pub async fn give_patch_up(&mut self, wanted: &WantedPatch) -> Result<(), CatalogError> {
        on_either!(self, |conn| {
            query(GIVE_PATCH_UP).bind(wanted.from).bind(wanted.to).execute(conn).await?;
        });
        Ok(())
    }

    /// Returns the patch from a blob, known by its SHA-256, to another, if it is made.
    pub async fn patch(&mut self, from: &Sha256, to: Id<Blob>) -> Result<Option<Patch>, CatalogError> {
        let patch = on_either!(self, |conn| {
            query_as(PATCH).bind(from.as_bytes()).bind(to).fetch_optional(conn).await?
        });
        Ok(patch)
    }

    /// Says whether the patch from a blob, known by its SHA-256, to another is still to be tried.
    pub async fn is_patch_wanted(&mut self, from: &Sha256, to: Id<Blob>) -> Result<bool, CatalogError> {
        let found: Option<i32> = on_either!(self, |conn| {
            query_scalar(IS_WANTED).bind(from.as_bytes()).bind(to).fetch_optional(conn).await?
        });
        Ok(found.is_some())
    }

    /// Forgets that a patch is wanted: one of its blobs is gone, and with it whoever could ask.
    pub async fn forget_wanted_patch(&mut self, wanted: &WantedPatch) -> Result<(), CatalogError> {
        on_either!(self, |conn| {
            query(FORGET_WANTED).bind(wanted.from).bind(wanted.to).execute(conn).await?;
        });
        Ok(())
    }

    /// Forgets the patches of a blob that is gone, and returns the objects of those that were made.
    pub(crate) async fn forget_patches(&mut self, blob: Id<Blob>) -> Result<Vec<String>, CatalogError> {
        let objects: Vec<Option<String>> =
            on_either!(self, |conn| query_scalar(FORGET_PATCHES).bind(blob).fetch_all(conn).await?);
        Ok(objects.into_iter().flatten().collect())
    }
}
