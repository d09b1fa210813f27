//! Receiving many small blobs at once: verified as a whole, written as one object, made blobs in one transaction.

use std::collections::BTreeMap;

use blob_store::{BlobError, ObjectKey};
use bytes::{Bytes, BytesMut};
use catalog::CatalogError;
use catalog::pack::{AddedPack, PackedBlob};
use charm_model::digest::{Content, Sha256, Sha384};
use charm_model::rights::Caller;
use delta::{DeltaError, PackLimits, PackReader, pack};
use futures::{Stream, StreamExt as _};
use sha2::Digest as _;
use v4_wire::publish::PackAnswer;

use super::receive::arrived;
use super::session::{OpenSession, Plan};
use crate::error::StoreError;
use crate::store::Store;

/// A pack that was read, and is what its session's plan announced.
struct Verified {
    /// Where each blob's bytes begin.
    starts: BTreeMap<Sha256, u64>,
    blobs: Vec<(Content, Sha384)>,
}

impl Store {
    /// Takes a pack of small blobs: all of them, or nothing of it. A pack that came before is answered, not kept again.
    ///
    /// A blob that the session has begun to take in parts is left to those; the answer says how far it is.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotPlanned`], [`StoreError::TooLarge`] and [`StoreError::BadRequest`] if it is not what a pack may
    /// be, [`BlobError::Mismatch`] if one of its blobs is not what was announced, [`StoreError::Collision`].
    pub async fn receive_pack<E>(
        &self,
        caller: &Caller,
        session: &str,
        body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin,
    ) -> Result<PackAnswer, StoreError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut tx = self.database().read().await?;
        let open = self.own_session(&mut tx, caller, session).await?;
        drop(tx);
        let bytes = self.whole(body).await?;
        let pack = self.verified(&open, bytes.clone()).await?;
        let answer = self.answer(session, &pack).await?;
        if answer.blobs.len() == pack.blobs.len() {
            return Ok(answer);
        }
        let key = self.write_pack(bytes).await?;
        loop {
            match self.name_pack(session, &pack, key).await {
                // The sweep took some of the same content, which nothing had named for long, while we looked at it.
                Err(StoreError::Catalog(CatalogError::BlobGone)) => {}
                named => break named?,
            }
        }
        self.answer(session, &pack).await
    }

    /// Holds the body in memory, which is no more than a part on its way into a bucket.
    async fn whole<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        &self,
        mut body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin,
    ) -> Result<Bytes, StoreError> {
        let limit = self.limits().pack().encoded_bytes();
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.next().await {
            let frame = frame.map_err(|error| BlobError::Body(error.into()))?;
            let found = (bytes.len() + frame.len()) as u64;
            if found > limit {
                return Err(StoreError::TooLarge { what: "the pack's size".to_owned(), found, limit });
            }
            bytes.extend_from_slice(&frame);
        }
        Ok(bytes.freeze())
    }

    async fn verified(&self, open: &OpenSession, bytes: Bytes) -> Result<Verified, StoreError> {
        let (plan, limits) = (open.plan.clone(), self.limits().pack());
        tokio::task::spawn_blocking(move || verify(&bytes, limits, &plan)).await?
    }

    /// Writes the pack as it came, under a key that is written down before.
    async fn write_pack(&self, bytes: Bytes) -> Result<ObjectKey, StoreError> {
        let key = ObjectKey::fresh()?;
        let mut tx = self.database().write().await?;
        tx.add_object(&key.to_string(), self.now()).await?;
        tx.commit().await?;
        self.blobs().put(key, bytes).await?;
        Ok(key)
    }

    async fn name_pack(&self, session: &str, pack: &Verified, key: ObjectKey) -> Result<(), StoreError> {
        let blob = |(content, sha384): &(Content, Sha384)| PackedBlob {
            content: *content,
            sha384: Some(*sha384),
            object_key: key.in_pack(pack.starts[&content.digests.sha256]).to_string(),
        };
        let blobs: Vec<_> = pack.blobs.iter().map(blob).collect();
        let mut tx = self.database().write().await?;
        match tx.add_pack(&key.to_string(), &blobs, self.now()).await? {
            AddedPack::Added(blobs) => tx.add_whole_uploads(session, &blobs).await?,
            AddedPack::Collision(content) => {
                tracing::error!(?content, "one digest of a blob in a pack is another blob's");
                return Err(StoreError::Collision(content.digests));
            }
        }
        Ok(tx.commit().await?)
    }

    /// Says how far the pack's blobs are that the session has.
    async fn answer(&self, session: &str, pack: &Verified) -> Result<PackAnswer, StoreError> {
        let contents: Vec<_> = pack.blobs.iter().map(|(content, _)| *content).collect();
        let arrivals = self.database().read().await?.arrivals(session, &contents).await?;
        let blobs = arrivals.iter().map(|it| (it.content.digests.sha256, arrived(it))).collect();
        Ok(PackAnswer { blobs })
    }
}

/// Reads a pack, and holds every blob against what was announced.
fn verify(bytes: &[u8], limits: PackLimits, plan: &Plan) -> Result<Verified, StoreError> {
    let mut reader = PackReader::new(bytes, limits).map_err(|error| not_a_pack(&error))?;
    let mut verified = Verified { starts: BTreeMap::new(), blobs: Vec::new() };
    let mut end = pack::HEADER_BYTES as u64;
    while let Some(blob) = reader.next_blob().map_err(|error| not_a_pack(&error))? {
        let content = *plan.blobs.get(&blob.sha256).ok_or(StoreError::NotPlanned(blob.sha256))?;
        if plan.archive == Some(content) {
            return Err(StoreError::BadRequest(format!("the archive {} comes in no pack", blob.sha256)));
        }
        check(&content, blob.bytes)?;
        end = blob.start + content.size;
        verified.starts.insert(blob.sha256, blob.start);
        verified.blobs.push((content, Sha384(sha2::Sha384::digest(blob.bytes).into())));
    }
    if end == bytes.len() as u64 {
        Ok(verified)
    } else {
        Err(StoreError::BadRequest("more comes than the blobs that the pack announces".to_owned()))
    }
}

fn check(announced: &Content, bytes: &[u8]) -> Result<(), StoreError> {
    let (expected, actual) = (announced.digests, Content::of(bytes).digests);
    if expected != actual {
        return Err(BlobError::Mismatch { expected: expected.into(), actual: actual.into() }.into());
    }
    if announced.size != bytes.len() as u64 {
        let (sha256, size) = (expected.sha256, announced.size);
        let message = format!("{sha256} has {} bytes, and {size} were announced", bytes.len());
        return Err(StoreError::BadRequest(message));
    }
    Ok(())
}

fn not_a_pack(error: &DeltaError) -> StoreError {
    StoreError::BadRequest(error.to_string())
}
