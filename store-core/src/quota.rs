//! How much an owner may have.

use catalog::Transaction;
use charm_model::name::UserName;

use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// Refuses what would be more than an owner may have, with so many bytes that are still to come.
    ///
    /// How much there is stays unsaid: of the owner's bases, the caller may know of one alone.
    pub(crate) async fn check_quota(
        &self,
        tx: &mut Transaction,
        owner: &UserName,
        n_coming: u64,
    ) -> Result<(), StoreError> {
        let Some(limit) = self.limits().owner_bytes else { return Ok(()) };
        let bytes = tx.bytes_of_owner(owner).await?.saturating_add(n_coming);
        if bytes > limit { Err(StoreError::Quota { owner: owner.clone(), limit }) } else { Ok(()) }
    }

    /// Refuses what a transaction has made if the owner has more than it may, and has others of the same owner wait for
    /// its end: each of several at a time would find room for itself.
    pub(crate) async fn keep_quota(&self, tx: &mut Transaction, owner: &UserName) -> Result<(), StoreError> {
        if self.limits().owner_bytes.is_some() {
            tx.lock_principal(owner).await?;
        }
        self.check_quota(tx, owner, 0).await
    }
}
