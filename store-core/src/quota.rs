//! How much an owner may have.

use catalog::Transaction;
use charm_model::name::UserName;

use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// Refuses what would be more than an owner may have, with so many bytes that are still to come.
    ///
    /// Two commits at the same moment, to two bases of an owner, can both be let through: by one publish, once.
    pub(crate) async fn check_quota(
        &self,
        tx: &mut Transaction,
        owner: &UserName,
        n_coming: u64,
    ) -> Result<(), StoreError> {
        let Some(limit) = self.limits().owner_bytes else { return Ok(()) };
        let bytes = tx.bytes_of_owner(owner).await?.saturating_add(n_coming);
        if bytes > limit { Err(StoreError::Quota { owner: owner.clone(), bytes, limit }) } else { Ok(()) }
    }
}
