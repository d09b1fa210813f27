//! Bases: what a publish may be made of beside what it sends.

use catalog::Transaction;
use catalog::base::Base;
use catalog::blob::{Blob, Held};
use charm_model::digest::Sha256;
use charm_model::rights::{Caller, Right};

use super::session::OpenSession;
use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// Returns the chunk map, as bytes, of a blob that the session may use as a base.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSession`]; [`StoreError::NotPlanned`] alike for a blob that does not exist, for one of another
    /// base, and for one that the caller may not read.
    pub async fn base_chunk_map(
        &self,
        caller: &Caller,
        session: &str,
        sha256: &Sha256,
    ) -> Result<Vec<u8>, StoreError> {
        let mut tx = self.database().read().await?;
        let open = self.own_session(&mut tx, caller, session).await?;
        let blob = usable(&mut tx, caller, &open, sha256).await?.ok_or(StoreError::NotPlanned(*sha256))?;
        drop(tx);
        Ok(self.chunk_map(&blob).await?.encode())
    }
}

/// Returns a blob that this session may use as a base: one that it has sent or proved, or one of its base that the
/// caller may read as it is published there. Without the second condition a publisher could copy the bytes of a stream
/// that is closed to it into one that is not.
pub(super) async fn usable(
    tx: &mut Transaction,
    caller: &Caller,
    open: &OpenSession,
    sha256: &Sha256,
) -> Result<Option<Blob>, StoreError> {
    let upload = tx.upload(&open.row.id, sha256).await?;
    if let Some(blob) = upload.and_then(|upload| upload.blob) {
        return Ok(tx.blob_by_id(blob).await?);
    }
    let Some(base) = tx.base(&open.plan.base).await? else { return Ok(None) };
    let held = tx.held_in_base(base.id, sha256).await?;
    Ok(held.into_iter().find(|held| may_read(caller, &base, held)).map(|held| held.blob))
}

fn may_read(caller: &Caller, base: &Base, held: &Held) -> bool {
    match &held.stream {
        Some(stream) => base.acl.allows_stream(caller, &base.name, stream),
        None => base.acl.allows(caller, &base.name, Right::Content),
    }
}
