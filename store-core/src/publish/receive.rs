//! Receiving: the parts of a blob, each acknowledged once it is flushed.

use blob_store::{BlobError, ObjectKey, UploadState};
use bytes::Bytes;
use catalog::blob::AddedBlob;
use catalog::upload::{NewUpload, Upload};
use charm_model::digest::{Content, Sha256};
use charm_model::rights::Caller;
use futures::{Stream, TryStreamExt as _};
use v4_wire::publish::UploadProgress;

use super::session::{OpenSession, blobs};
use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// Says how far an upload is.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSession`] and [`StoreError::NotPlanned`].
    pub async fn progress(
        &self,
        caller: &Caller,
        session: &str,
        sha256: &Sha256,
    ) -> Result<UploadProgress, StoreError> {
        let mut tx = self.database().read().await?;
        let open = self.own_session(&mut tx, caller, session).await?;
        planned(&open, sha256)?;
        let upload = tx.upload(session, sha256).await?;
        Ok(upload.as_ref().map_or(NOTHING_YET, progress))
    }

    /// Takes the next part of a blob. The last part is acknowledged once all of it is what was announced.
    ///
    /// A body that breaks off leaves what was flushed of it: ask how far the upload is, and go on from there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Offset`] if the part does not begin where the store's bytes end, [`StoreError::Busy`] if another
    /// request is sending the same blob, [`BlobError::Mismatch`] if the whole is not what was announced: then nothing
    /// of it is kept.
    pub async fn receive<E>(
        &self,
        caller: &Caller,
        session: &str,
        sha256: &Sha256,
        offset: u64,
        body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin,
    ) -> Result<UploadProgress, StoreError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let upload = self.begin_or_go_on(caller, session, sha256).await?;
        if upload.blob.is_some() {
            return Ok(progress(&upload));
        }
        if upload.received != offset {
            return Err(StoreError::Offset { expected: upload.received, found: offset });
        }
        match self.append(session, &upload, body).await {
            Ok(state) if state.offset() == state.size() => {
                self.complete(session, upload.content, &state).await
            }
            Ok(state) => Ok(UploadProgress { offset: state.offset(), complete: false }),
            Err(error @ StoreError::Blob(BlobError::Lost(_))) => {
                self.forget(session, &upload.content).await?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn begin_or_go_on(
        &self,
        caller: &Caller,
        session: &str,
        sha256: &Sha256,
    ) -> Result<Upload, StoreError> {
        let mut tx = self.database().write().await?;
        let open = self.own_session(&mut tx, caller, session).await?;
        let content = planned(&open, sha256)?;
        if let Some(upload) = tx.upload(session, sha256).await? {
            return Ok(upload);
        }
        // The row names the object before its first byte is written, so that a crash leaves nothing unknown behind.
        let key = ObjectKey::fresh()?;
        let with_sha384 = content.size <= self.limits().inline_sha384_bytes;
        let state = serde_json::to_vec(&UploadState::begin(key, content.size, with_sha384))?;
        tx.add_object(&key.to_string(), self.now()).await?;
        let object_key = key.to_string();
        tx.add_upload(NewUpload { session, content, object_key: &object_key, state: &state }).await?;
        let upload = tx.upload(session, sha256).await?.ok_or(StoreError::Busy)?;
        tx.commit().await?;
        Ok(upload)
    }

    /// Writes a body, and writes down every state that is flushed before the next bytes are taken.
    async fn append<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        &self,
        session: &str,
        upload: &Upload,
        body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin,
    ) -> Result<UploadState, StoreError> {
        let mut state: UploadState = serde_json::from_slice(&upload.state)?;
        let mut flushed = self.blobs().append(state.clone(), body).await?;
        let mut version = upload.version;
        while let Some(durable) = flushed.try_next().await? {
            self.write_down(session, &upload.content.digests.sha256, version, &durable).await?;
            version += 1;
            state = durable;
        }
        Ok(state)
    }

    async fn write_down(
        &self,
        session: &str,
        sha256: &Sha256,
        version: u64,
        state: &UploadState,
    ) -> Result<(), StoreError> {
        let mut tx = self.database().write().await?;
        let bytes = serde_json::to_vec(state)?;
        if !tx.advance_upload(session, sha256, version, &bytes, state.offset()).await? {
            return Err(StoreError::Busy);
        }
        Ok(tx.commit().await?)
    }

    /// Verifies what arrived and makes a blob of it, or drops it and lets the upload begin anew.
    async fn complete(
        &self,
        session: &str,
        content: Content,
        state: &UploadState,
    ) -> Result<UploadProgress, StoreError> {
        let sums = match self.blobs().finish(state, &content.digests).await {
            Ok(sums) => sums,
            Err(error @ (BlobError::Mismatch { .. } | BlobError::Lost(_))) => {
                self.forget(session, &content).await?;
                return Err(error.into());
            }
            Err(error) => return Err(error.into()),
        };
        let mut tx = self.database().write().await?;
        let blob = match tx.add_blob(content, sums.sha384, &state.key().to_string(), self.now()).await? {
            AddedBlob::Added(id) => id,
            AddedBlob::Existing(blob) => blob.id,
            AddedBlob::Collision(other) => {
                tracing::error!(blob = %other.id, ?content, "one digest of an upload is another blob's");
                return Err(StoreError::Collision(content.digests));
            }
        };
        tx.finish_upload(session, &content.digests.sha256, blob).await?;
        tx.commit().await?;
        Ok(UploadProgress { offset: content.size, complete: true })
    }

    async fn forget(&self, session: &str, content: &Content) -> Result<(), StoreError> {
        let mut tx = self.database().write().await?;
        tx.remove_upload(session, &content.digests.sha256).await?;
        Ok(tx.commit().await?)
    }
}

const NOTHING_YET: UploadProgress = UploadProgress { offset: 0, complete: false };

fn planned(open: &OpenSession, sha256: &Sha256) -> Result<Content, StoreError> {
    blobs(&open.plan)?.get(sha256).copied().ok_or(StoreError::NotPlanned(*sha256))
}

pub(super) fn progress(upload: &Upload) -> UploadProgress {
    match upload.blob {
        Some(_) => UploadProgress { offset: upload.content.size, complete: true },
        None => UploadProgress { offset: upload.received, complete: false },
    }
}
