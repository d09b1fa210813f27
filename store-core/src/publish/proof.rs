//! Checking that a publisher has content whose digest it may see.

use blob_store::ObjectKey;
use catalog::blob::Blob;
use charm_model::digest::{Blake3, Content};
use charm_model::name::UserName;
use charm_model::proof::ProofKey;
use charm_model::timestamp::Timestamp;
use subtle::ConstantTimeEq as _;

use crate::error::StoreError;
use crate::store::Store;

const MICROS_PER_HOUR: i64 = 3_600_000_000;

impl Store {
    /// Returns the blob that a proof is about, if the proof holds. A proof that does not is no error: its blob has to
    /// be sent, like any other, and nothing tells why.
    ///
    /// The salt is used up by the attempt, whatever comes of it.
    pub(super) async fn proved(
        &self,
        session: &str,
        account: &UserName,
        content: &Content,
        answer: Blake3,
    ) -> Result<Option<Blob>, StoreError> {
        let now = self.now();
        let mut tx = self.database().write().await?;
        // Before anything else: an answer that nobody asked for must not keep a blob from the sweep.
        let Some(salt) = tx.use_challenge(session, &content.digests.sha256, account, now).await? else {
            return Ok(None);
        };
        let blob = tx.name_blob(content, now).await?;
        let hour = Timestamp::from_micros(now.as_micros() - now.as_micros().rem_euclid(MICROS_PER_HOUR));
        let limit = self.limits().proof_bytes_per_hour;
        let is_affordable =
            blob.is_some() && tx.spend_proof_bytes(account, hour, content.size, limit).await?;
        tx.commit().await?;
        let Some(blob) = blob.filter(|_| is_affordable) else { return Ok(None) };
        let key = ProofKey::derive(&salt, session, account.as_str(), content);
        let object: ObjectKey = blob.object_key.parse()?;
        let expected = self.blobs().possession(object, content.size, key).await?;
        let is_right: bool = expected.as_bytes().ct_eq(answer.as_bytes()).into();
        Ok(is_right.then_some(blob))
    }
}
