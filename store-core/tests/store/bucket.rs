//! A bucket that is full for a while, and knows which uploads into it were begun and neither completed nor aborted.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use blob_store::BlobError;
use charm_model::digest::Content;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartId, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use store_core::StoreError;
use v4_wire::rights::RightsRequest;

use crate::audit::audit;
use crate::place::Place;
use crate::publisher::{body, check, prove, publish};
use crate::sample::{Sample, bytes, reference, user};

/// Takes no bytes while it is full, and gives what it has.
#[derive(Debug, Default)]
struct Bucket {
    inner: InMemory,
    is_full: AtomicBool,
    /// What a real bucket keeps, and charges for, until somebody completes or aborts it.
    multiparts: Mutex<BTreeSet<MultipartId>>,
}

impl Bucket {
    fn room(&self) -> Result<()> {
        let is_full = self.is_full.load(Ordering::Relaxed);
        if is_full { Err(Error::Generic { store: "full", source: "no space left".into() }) } else { Ok(()) }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bucket that is full at times")
    }
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.room()?;
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[async_trait]
impl MultipartStore for Bucket {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        let id = self.inner.create_multipart(path).await?;
        self.multiparts.lock().unwrap().insert(id.clone());
        Ok(id)
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        index: usize,
        part: PutPayload,
    ) -> Result<PartId> {
        self.room()?;
        self.inner.put_part(path, id, index, part).await
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> Result<PutResult> {
        let done = self.inner.complete_multipart(path, id, parts).await?;
        self.multiparts.lock().unwrap().remove(id);
        Ok(done)
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        self.multiparts.lock().unwrap().remove(id);
        self.inner.abort_multipart(path, id).await
    }
}

#[tokio::test]
async fn want_of_space_fails_the_upload_alone_and_the_same_publish_goes_on_later() {
    let bucket = Arc::new(Bucket::default());
    let place = Place::with_bucket(bucket.clone()).await;
    let (store, alice) = (place.server().await, user("alice"));
    let sample = |word| Sample::declaring("~alice/one", word, &[("stable", &["common/a"])]);
    let old = sample("old").with("stable", "common/a", bytes("old", 1000));
    let published = publish(&store, &alice, &old).await.unwrap();

    bucket.is_full.store(true, Ordering::Relaxed);
    let new = sample("new").with("stable", "common/a", bytes("new", 9 << 20));
    let failed = publish(&store, &alice, &new).await;
    assert!(matches!(failed, Err(StoreError::Blob(BlobError::Store(_)))), "{failed:?}");
    check(&store, &alice, &old, &published).await;
    // What needs no bytes goes on as well.
    let again = publish(&store, &alice, &old).await.unwrap();
    assert!(!again.charm.new && again.event.is_none());
    store.keep_house("h").await.unwrap();

    bucket.is_full.store(false, Ordering::Relaxed);
    let published = publish(&store, &alice, &new).await.unwrap();
    check(&store, &alice, &new, &published).await;
    audit(&place).await;
}

#[tokio::test]
async fn a_session_that_is_given_up_leaves_no_parts_in_the_bucket() {
    let bucket = Arc::new(Bucket::default());
    let place = Place::with_bucket(bucket.clone()).await;
    let (store, alice) = (place.server().await, user("alice"));
    let sample = Sample::declaring("~alice/one", "one", &[("stable", &["common/a"])]);
    let large = bytes("large", 20 << 20);
    let sample = sample.with("stable", "common/a", large.clone());
    let session = store.plan(&alice, &sample.plan()).await.unwrap().session.unwrap().id;
    let sha256 = Content::of(&large).digests.sha256;
    store.receive(&alice, &session, &sha256, 0, body(large.slice(..9 << 20))).await.unwrap();
    assert_eq!(bucket.multiparts.lock().unwrap().len(), 1);
    audit(&place).await;
    assert_eq!(bucket.multiparts.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn what_was_sent_before_a_proof_leaves_no_parts_in_the_bucket() {
    let bucket = Arc::new(Bucket::default());
    let place = Place::with_bucket(bucket.clone()).await;
    let (store, alice, bob) = (place.server().await, user("alice"), user("bob"));
    let sample = Sample::new("~alice/one", "one");
    publish(&store, &alice, &sample).await.unwrap();
    let public = RightsRequest { preset: Some("public".to_owned()), ..RightsRequest::default() };
    store.set_rights(&alice, &reference("~alice/one"), public).await.unwrap();
    let same = Sample { base: "~bob/one".to_owned(), ..sample };
    let answer = store.plan(&bob, &same.plan()).await.unwrap();
    let session = answer.session.as_ref().unwrap().id.clone();
    for (sha256, bytes) in same.blobs() {
        store.receive(&bob, &session, &sha256, 0, body(bytes.slice(..9))).await.unwrap();
    }
    assert_eq!(bucket.multiparts.lock().unwrap().len(), 1);
    store.commit(&bob, &session, &prove(&answer, &same)).await.unwrap();
    assert_eq!(bucket.multiparts.lock().unwrap().len(), 0);
    audit(&place).await;
}
