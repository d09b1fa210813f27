//! Objects: the keys under which bytes lie in the object store, from before the first byte until after the last.

use charm_model::timestamp::Timestamp;
use sqlx::{FromRow, query, query_as, query_scalar};
use tracing::instrument;

use crate::column::{Micros, stored_enum};
use crate::error::CatalogError;
use crate::transaction::{Dialects, Transaction, on_either};

stored_enum! {
    /// How far an object is.
    ObjectState {
        /// Its bytes are being written, or were when the writer died.
        Pending = "pending",
        /// A blob has it.
        Live = "live",
        /// Nobody may name it any more, and its bytes may be gone.
        Deleting = "deleting",
    }
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Object {
    /// Its key in the object store: random, never used twice.
    pub key: String,
    /// How far it is.
    #[sqlx(try_from = "String")]
    pub state: ObjectState,
    /// Since when.
    #[sqlx(try_from = "Micros")]
    pub changed_at: Timestamp,
}

const ADD_OBJECT: &str =
    "INSERT INTO object (key, state, created_at, changed_at) VALUES ($1, 'pending', $2, $2)";

const SET_OBJECT_STATE: &str = "UPDATE object SET state = $3, changed_at = $4 WHERE key = $1 AND state = $2";

/// Of two who remove the last blobs of a pack, the second sees that the first is gone.
const LOCK_PACK: Dialects = Dialects {
    sqlite: "SELECT pack_key FROM object WHERE key = $1 AND pack_key IS NOT NULL",
    postgres: "SELECT key FROM object WHERE key = (SELECT pack_key FROM object WHERE key = $1) FOR UPDATE",
};

const REMOVE_OBJECT: &str = "DELETE FROM object WHERE key = $1 AND state = 'deleting'";

const CONDEMN_EMPTY_PACK: &str = "
    UPDATE object SET state = 'deleting', changed_at = $2
    WHERE key = $1 AND state = 'live' AND NOT EXISTS (SELECT 1 FROM object AS part WHERE part.pack_key = $1)";

/// What an open session still writes is not stale, however slow its client.
const STALE_OBJECTS: &str = "
    SELECT key, state, changed_at FROM object
    WHERE state <> 'live' AND changed_at < $1
      AND NOT EXISTS (
          SELECT 1 FROM upload JOIN publish_session ON publish_session.id = upload.session_id
          WHERE upload.object_key = object.key AND upload.blob_id IS NULL AND publish_session.state = 'open')
    ORDER BY changed_at LIMIT $2";

impl Transaction {
    /// Announces bytes that are about to be written under a fresh key. To be committed before the first of them.
    pub async fn add_object(&mut self, key: &str, at: Timestamp) -> Result<(), CatalogError> {
        on_either!(self, |conn| {
            query(ADD_OBJECT).bind(key).bind(at.as_micros()).execute(conn).await?;
        });
        Ok(())
    }

    /// Moves an object from one state to another. Says whether it was in the first: of two who try, one does it.
    #[instrument(skip_all, fields(object = key, from = from.as_str(), to = to.as_str()))]
    pub async fn set_object_state(
        &mut self,
        key: &str,
        from: ObjectState,
        to: ObjectState,
        at: Timestamp,
    ) -> Result<bool, CatalogError> {
        let n_changed = on_either!(self, |conn| {
            let set = query(SET_OBJECT_STATE).bind(key).bind(from.as_str()).bind(to.as_str());
            set.bind(at.as_micros()).execute(conn).await?.rows_affected()
        });
        Ok(n_changed == 1)
    }

    /// Forgets an object whose bytes are gone. Says whether it was being deleted: no other is forgotten. With the last
    /// that is in a pack, the pack's own object begins to be deleted.
    pub async fn remove_object(&mut self, key: &str, at: Timestamp) -> Result<bool, CatalogError> {
        let lock = self.dialect(LOCK_PACK);
        let pack: Option<String> =
            on_either!(self, |conn| query_scalar(lock).bind(key).fetch_optional(conn).await?);
        let n_removed =
            on_either!(self, |conn| query(REMOVE_OBJECT).bind(key).execute(conn).await?.rows_affected());
        if let Some(pack) = pack {
            on_either!(self, |conn| {
                query(CONDEMN_EMPTY_PACK).bind(pack).bind(at.as_micros()).execute(conn).await?;
            });
        }
        Ok(n_removed == 1)
    }

    /// Returns objects that have been pending or deleting since before `before`, oldest first, at most `limit`; not
    /// those that an open session still writes.
    pub async fn stale_objects(
        &mut self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<Object>, CatalogError> {
        let objects = on_either!(self, |conn| {
            query_as(STALE_OBJECTS).bind(before.as_micros()).bind(i64::from(limit)).fetch_all(conn).await?
        });
        Ok(objects)
    }
}
