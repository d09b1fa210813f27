//! What is done beside requests: sweeping what nothing names, and SHA-384 of large blobs.
//!
//! Each round takes a lease, so that of several servers one does it and another takes over.

use std::time::Duration;

use catalog::blob::Blob;
use catalog::object::{Object, ObjectState};
use catalog::session::SessionState;
use charm_model::timestamp::Timestamp;

use crate::error::StoreError;
use crate::store::Store;

/// How long a lease holds. A round that takes longer may be repeated by another server, which does no harm.
const LEASE: Duration = Duration::from_mins(10);

/// How long it is kept what an account spent on proofs; longer than the hour that it counts for.
const PROOF_BUDGETS_KEPT: Duration = Duration::from_hours(24);

/// How long a token is listed after its end.
const ENDED_TOKENS_KEPT: Duration = Duration::from_hours(30 * 24);

/// How long it is kept that a token of another issuer was used, after its end; longer than clocks differ.
const USED_TOKENS_KEPT: Duration = Duration::from_hours(1);

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
        self.forget_old().await?;
        Ok(Swept { sessions, objects, sha384 })
    }

    pub(crate) async fn hold_lease(&self, name: &str, holder: &str) -> Result<bool, StoreError> {
        let now = self.now();
        let mut tx = self.database().write().await?;
        let is_ours = tx.acquire_lease(name, holder, now, now.plus(LEASE)).await?;
        tx.commit().await?;
        Ok(is_ours)
    }

    pub(crate) async fn release_lease(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        let mut tx = self.database().write().await?;
        tx.release_lease(name, holder).await?;
        Ok(tx.commit().await?)
    }

    /// Computes the SHA-384 that v4 clients ask for, of blobs that were too large to do it on the way in.
    async fn sum_large_blobs(&self) -> Result<usize, StoreError> {
        let blobs = self.database().read().await?.blobs_without_sha384(BATCH).await?;
        let mut n_summed = 0;
        for blob in &blobs {
            // One damaged object must not keep the rest waiting, nor the sweep.
            match self.sum_up(blob).await {
                Ok(()) => n_summed += 1,
                Err(error) => warn(&blob.object_key, &error, "SHA-384 could not be computed"),
            }
        }
        Ok(n_summed)
    }

    async fn sum_up(&self, blob: &Blob) -> Result<(), StoreError> {
        let sha384 = self.blobs().sha384(blob.object_key.parse()?, blob.content.size).await?;
        let mut tx = self.database().write().await?;
        tx.set_sha384(blob.id, sha384).await?;
        Ok(tx.commit().await?)
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
        let before = self.before(self.limits().blob_grace);
        let unnamed = self.database().read().await?.unnamed_blobs(before, BATCH).await?;
        for blob in unnamed {
            let mut tx = self.database().write().await?;
            tx.remove_unnamed_blob(blob.id, before, self.now()).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Deletes bytes that no upload goes on with and no blob has.
    async fn delete_stale(&self) -> Result<usize, StoreError> {
        let before = self.before(self.limits().object_grace);
        let stale = self.database().read().await?.stale_objects(before, BATCH).await?;
        let mut n_deleted = 0;
        for object in &stale {
            match self.delete_object(object).await {
                Ok(is_deleted) => n_deleted += usize::from(is_deleted),
                Err(error) => warn(&object.key, &error, "object could not be deleted"),
            }
        }
        Ok(n_deleted)
    }

    /// Deletes an object, unless it has become a blob's meanwhile. Its row goes last: a crash repeats the deletion.
    async fn delete_object(&self, object: &Object) -> Result<bool, StoreError> {
        if object.state == ObjectState::Pending && !self.claim(&object.key).await? {
            return Ok(false);
        }
        let upload = self.database().read().await?.upload_to(&object.key).await?;
        if let Some(upload) = upload {
            self.drop_staged(&upload).await?;
        }
        self.blobs().delete(object.key.parse()?).await?;
        let mut tx = self.database().write().await?;
        tx.remove_object(&object.key, self.now()).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Takes a pending object away from whoever might still want to make a blob of it.
    async fn claim(&self, key: &str) -> Result<bool, StoreError> {
        let mut tx = self.database().write().await?;
        let is_ours =
            tx.set_object_state(key, ObjectState::Pending, ObjectState::Deleting, self.now()).await?;
        tx.commit().await?;
        Ok(is_ours)
    }

    /// Forgets sessions that are over, tokens that nobody can use again, and what was spent on proofs long before this hour.
    async fn forget_old(&self) -> Result<(), StoreError> {
        let mut tx = self.database().write().await?;
        tx.forget_sessions(self.now(), BATCH).await?;
        tx.forget_tokens(self.before(ENDED_TOKENS_KEPT), BATCH).await?;
        tx.forget_used_tokens(self.before(USED_TOKENS_KEPT)).await?;
        tx.forget_proof_budgets(self.before(PROOF_BUDGETS_KEPT)).await?;
        Ok(tx.commit().await?)
    }

    fn before(&self, age: Duration) -> Timestamp {
        let micros = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(self.now().as_micros().saturating_sub(micros))
    }
}

fn warn(object: &str, error: &StoreError, what: &str) {
    tracing::warn!(object, error = error as &dyn std::error::Error, "{what}");
}
