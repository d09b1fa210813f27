//! What is done beside requests: sweeping what nothing names, and SHA-384 of large blobs.
//!
//! Each round takes a lease, so that of several servers one does it and another takes over.

use std::time::Duration;

use blob_store::ObjectKey;
use catalog::object::ObjectState;
use catalog::session::SessionState;

use crate::error::StoreError;
use crate::store::Store;

/// How long a lease holds. A round that takes longer may be repeated by another server, which does no harm.
const LEASE: Duration = Duration::from_secs(600);

/// How long nothing may have named a blob before it goes: longer than any publish takes from plan to commit.
const GRACE: Duration = Duration::from_secs(4 * 24 * 3600);

/// How long an object may be pending after its session has ended.
const LEFTOVER: Duration = Duration::from_secs(3600);

/// How many rows one round takes of a kind. What is left waits for the next.
const BATCH: u32 = 500;

/// What a round of housekeeping did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Publishes that were given up by their publishers.
    pub sessions: usize,
    /// Objects whose bytes were deleted.
    pub objects: usize,
    /// Blobs whose SHA-384 was computed.
    pub sha384: usize,
}

impl Store {
    /// Does one round of housekeeping, unless another server is at it.
    ///
    /// # Errors
    ///
    /// The first failure; the next round goes on from there.
    pub async fn keep_house(&self, holder: &str) -> Result<Swept, StoreError> {
        if !self.hold_lease("housekeeping", holder).await? {
            return Ok(Swept::default());
        }
        let sha384 = self.sum_large_blobs().await?;
        let sessions = self.close_expired().await?;
        self.condemn_unnamed().await?;
        let objects = self.delete_stale().await?;
        Ok(Swept { sessions, objects, sha384 })
    }

    async fn hold_lease(&self, name: &str, holder: &str) -> Result<bool, StoreError> {
        let now = self.now();
        let mut tx = self.database().write().await?;
        let is_ours = tx.acquire_lease(name, holder, now, now.plus(LEASE)).await?;
        tx.commit().await?;
        Ok(is_ours)
    }

    /// Computes the SHA-384 that v4 clients ask for, of blobs that were too large to do it on the way in.
    async fn sum_large_blobs(&self) -> Result<usize, StoreError> {
        let blobs = self.database().read().await?.blobs_without_sha384(BATCH).await?;
        for blob in &blobs {
            let object: ObjectKey = blob.object_key.parse()?;
            let sha384 = self.blobs().sha384(object, blob.content.size).await?;
            let mut tx = self.database().write().await?;
            tx.set_sha384(blob.id, sha384).await?;
            tx.commit().await?;
        }
        Ok(blobs.len())
    }

    async fn close_expired(&self) -> Result<usize, StoreError> {
        let mut tx = self.database().write().await?;
        let expired = tx.expired_sessions(self.now(), BATCH).await?;
        for session in &expired {
            tx.close_session(&session.id, SessionState::Abandoned, None).await?;
        }
        tx.commit().await?;
        Ok(expired.len())
    }

    /// Removes blobs that nothing names, each in a transaction that looks again. Their bytes go a round later.
    async fn condemn_unnamed(&self) -> Result<(), StoreError> {
        let before = self.before(GRACE);
        let unnamed = self.database().read().await?.unnamed_blobs(before, BATCH).await?;
        for blob in unnamed {
            let mut tx = self.database().write().await?;
            tx.remove_unnamed_blob(blob.id, before, self.now()).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Deletes bytes that no upload goes on with and no blob has. The row goes last: a crash repeats the deletion.
    async fn delete_stale(&self) -> Result<usize, StoreError> {
        let stale = self.database().read().await?.stale_objects(self.before(LEFTOVER), BATCH).await?;
        let mut n_deleted = 0;
        for object in stale {
            if object.state == ObjectState::Pending && !self.claim(&object.key).await? {
                continue;
            }
            let key: ObjectKey = object.key.parse()?;
            self.blobs().delete(key).await?;
            let mut tx = self.database().write().await?;
            tx.remove_object(&object.key).await?;
            tx.commit().await?;
            n_deleted += 1;
        }
        Ok(n_deleted)
    }

    /// Takes a pending object away from whoever might still want to make a blob of it.
    async fn claim(&self, key: &str) -> Result<bool, StoreError> {
        let mut tx = self.database().write().await?;
        let is_ours =
            tx.set_object_state(key, ObjectState::Pending, ObjectState::Deleting, self.now()).await?;
        tx.commit().await?;
        Ok(is_ours)
    }

    fn before(&self, age: Duration) -> charm_model::timestamp::Timestamp {
        let micros = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
        charm_model::timestamp::Timestamp::from_micros(self.now().as_micros() - micros)
    }
}
