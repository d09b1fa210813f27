//! Receiving: the parts of a blob, each acknowledged once it is flushed.

use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::atomic::{AtomicU64, Ordering};

use blob_store::{BlobError, ObjectKey, Sums, UploadState};
use bytes::Bytes;
use catalog::CatalogError;
use catalog::blob::AddedBlob;
use catalog::upload::{Arrived, NewUpload, Upload};
use charm_model::digest::{Content, Sha256};
use charm_model::rights::Caller;
use futures::{Stream, TryStreamExt as _};
use v4_wire::publish::UploadProgress;

use super::session::OpenSession;
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
        match self.upload_at(caller, session, sha256, offset).await? {
            Break(done) => Ok(done),
            Continue(mut upload) => self.take_and_forget(session, &mut upload, body, None).await,
        }
    }

    /// Returns the upload that goes on at exactly this offset; or how far it is, if nothing is left to come.
    pub(super) async fn upload_at(
        &self,
        caller: &Caller,
        session: &str,
        sha256: &Sha256,
        offset: u64,
    ) -> Result<ControlFlow<UploadProgress, Upload>, StoreError> {
        let upload = self.begin_or_go_on(caller, session, sha256).await?;
        if upload.blob.is_some() {
            return Ok(Break(progress(&upload)));
        }
        if upload.received != offset {
            return Err(StoreError::Offset { expected: upload.received, found: offset });
        }
        Ok(Continue(upload))
    }

    /// Takes a body, and lets the upload begin anew if what came is of no use.
    ///
    /// `travelled` counts the bytes of the recipe that makes the body, where there is one.
    pub(super) async fn take_and_forget<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        &self,
        session: &str,
        upload: &mut Upload,
        body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin,
        travelled: Option<&AtomicU64>,
    ) -> Result<UploadProgress, StoreError> {
        let taken = self.take(session, upload, body, travelled).await;
        if let Err(StoreError::Blob(BlobError::Mismatch { .. } | BlobError::Lost(_))) = &taken {
            self.forget(session, upload).await?;
        }
        taken
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

    async fn take<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        &self,
        session: &str,
        upload: &mut Upload,
        body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin,
        travelled: Option<&AtomicU64>,
    ) -> Result<UploadProgress, StoreError> {
        let state = self.append(session, upload, body, travelled).await?;
        if state.offset() < state.size() {
            return Ok(UploadProgress { offset: state.offset(), complete: false });
        }
        self.complete(session, upload.content, &state).await
    }

    /// Writes a body, and writes down every state that is flushed before the next bytes are taken.
    ///
    /// Nobody else writes from here on; but somebody may have, between our look at the upload and now. What they wrote is
    /// summed up and flushed, so other bytes in its place would become a blob under a digest that is not theirs. So the
    /// upload is taken as it was seen, in the database, before the first byte.
    async fn append<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        &self,
        session: &str,
        upload: &mut Upload,
        body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin,
        travelled: Option<&AtomicU64>,
    ) -> Result<UploadState, StoreError> {
        let mut state: UploadState = serde_json::from_slice(&upload.state)?;
        let mut flushed = self.blobs().append(state.clone(), body).await?;
        self.write_down(session, upload, &state, None).await?;
        while let Some(durable) = flushed.try_next().await? {
            self.write_down(session, upload, &durable, travelled).await?;
            state = durable;
        }
        Ok(state)
    }

    /// Writes down how far the upload is, unless another request has done so since it was looked at.
    async fn write_down(
        &self,
        session: &str,
        upload: &mut Upload,
        state: &UploadState,
        travelled: Option<&AtomicU64>,
    ) -> Result<(), StoreError> {
        let mut tx = self.database().write().await?;
        let bytes = serde_json::to_vec(state)?;
        if !tx.advance_upload(session, upload, &bytes, state.offset()).await? {
            return Err(StoreError::Busy);
        }
        if let Some(travelled) = travelled {
            let (n_made, n_came) = (state.offset() - upload.received, travelled.swap(0, Ordering::Relaxed));
            let saved = n_made.cast_signed().saturating_sub(n_came.cast_signed());
            tx.note_saved(session, &upload.content.digests.sha256, saved).await?;
        }
        tx.commit().await?;
        upload.version += 1;
        upload.received = state.offset();
        Ok(())
    }

    /// Verifies what arrived and makes a blob of it.
    async fn complete(
        &self,
        session: &str,
        content: Content,
        state: &UploadState,
    ) -> Result<UploadProgress, StoreError> {
        let sums = self.blobs().finish(state, &content.digests).await?;
        loop {
            match self.name_blob(session, &sums, state.key()).await {
                // The sweep took the same content, which nothing had named for long, while we looked at it.
                Err(StoreError::Catalog(CatalogError::BlobGone)) => {}
                named => break named?,
            }
        }
        Ok(UploadProgress { offset: content.size, complete: true })
    }

    /// Makes the session's blob of an object that is whole and verified, or of the same content if it is there already.
    async fn name_blob(&self, session: &str, sums: &Sums, object: ObjectKey) -> Result<(), StoreError> {
        let content = sums.content;
        let mut tx = self.database().write().await?;
        let blob = match tx.add_blob(content, sums.sha384, &object.to_string(), self.now()).await? {
            AddedBlob::Added(id) => id,
            AddedBlob::Existing(blob) => blob.id,
            AddedBlob::Collision(other) => {
                tracing::error!(blob = %other.id, ?content, "one digest of an upload is another blob's");
                return Err(StoreError::Collision(content.digests));
            }
        };
        tx.finish_upload(session, &content.digests.sha256, blob).await?;
        Ok(tx.commit().await?)
    }

    /// Lets an upload begin anew.
    async fn forget(&self, session: &str, upload: &Upload) -> Result<(), StoreError> {
        let mut tx = self.database().write().await?;
        tx.remove_upload(session, upload).await?;
        Ok(tx.commit().await?)
    }

    /// Drops what came of an upload that is not gone on with. Of one into a bucket, only its state names the parts.
    pub(crate) async fn drop_staged(&self, upload: &Upload) -> Result<(), StoreError> {
        // What was proved, or came in a pack, was never staged.
        if upload.state.is_empty() {
            return Ok(());
        }
        let state: UploadState = serde_json::from_slice(&upload.state)?;
        Ok(self.blobs().abort(&state).await?)
    }
}

pub(super) const NOTHING_YET: UploadProgress = UploadProgress { offset: 0, complete: false };

fn planned(open: &OpenSession, sha256: &Sha256) -> Result<Content, StoreError> {
    open.plan.blobs.get(sha256).copied().ok_or(StoreError::NotPlanned(*sha256))
}

fn progress(upload: &Upload) -> UploadProgress {
    let Upload { content, received, blob, .. } = *upload;
    arrived(&Arrived { content, received, blob })
}

pub(super) fn arrived(it: &Arrived) -> UploadProgress {
    match it.blob {
        Some(_) => UploadProgress { offset: it.content.size, complete: true },
        None => UploadProgress { offset: it.received, complete: false },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::convert::Infallible;
    use std::io;

    use blob_store::BlobStore;
    use catalog::Database;
    use futures::stream;
    use v4_wire::publish::PlanRequest;

    use super::*;
    use crate::store::StoreOptions;

    fn body(bytes: &'static [u8]) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + Unpin {
        stream::iter([Ok(Bytes::from_static(bytes))])
    }

    #[tokio::test]
    async fn a_part_that_was_overtaken_writes_nothing() {
        const BYTES: &[u8] = b"first half, second half";
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open("sqlite::memory:").await.unwrap();
        database.migrate().await.unwrap();
        let blobs = BlobStore::open(dir.path().to_str().unwrap()).unwrap();
        let (store, caller) = (Store::new(StoreOptions::new(database, blobs)), &Caller::Admin);
        let content = Content::of(BYTES);
        let (base, archive) = ("~alice/mysql".parse().unwrap(), Some(content));
        let plan = PlanRequest { base, archive, series: None, streams: BTreeMap::new(), dry_run: false };
        let session = store.plan(caller, &plan).await.unwrap().session.unwrap().id;
        let sha256 = &content.digests.sha256;

        let Continue(mut late) = store.upload_at(caller, &session, sha256, 0).await.unwrap() else {
            panic!()
        };
        store.receive(caller, &session, sha256, 0, body(&BYTES[..11])).await.unwrap();
        let overtaken = store.take_and_forget(&session, &mut late, body(b"other bytes"), None).await;
        assert!(matches!(overtaken, Err(StoreError::Busy)), "{overtaken:?}");
        let done = store.receive(caller, &session, sha256, 11, body(&BYTES[11..])).await.unwrap();
        assert!(done.complete);

        let reader = store.blobs().reader(late.object_key.parse().unwrap(), content.size).await.unwrap();
        let stored = tokio::task::spawn_blocking(move || io::read_to_string(reader)).await.unwrap();
        assert_eq!(stored.unwrap().as_bytes(), BYTES);
    }
}
