//! Disks that fail, and an object store that does, before it has done what it was asked for or after.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use blob_store::{BlobError, BlobStore, ObjectKey};
use charm_model::digest::Content;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartId, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use test_case::test_case;

use crate::body::{begin, bytes, get, put, send_rest};
use crate::place::Place;

/// What fails, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Create,
    PutPart,
    Complete,
    Get,
    Copy,
}

/// Whether the operation has its effect all the same, and only the answer is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Before,
    After,
}

#[derive(Debug, Default)]
struct FaultyStore {
    inner: InMemory,
    fault: Mutex<Option<(Operation, Moment)>>,
}

impl FaultyStore {
    fn break_once(&self, operation: Operation, moment: Moment) {
        *self.fault.lock().unwrap() = Some((operation, moment));
    }

    fn check(&self, operation: Operation, moment: Moment) -> Result<()> {
        let is_due = self.fault.lock().unwrap().take_if(|fault| *fault == (operation, moment)).is_some();
        if is_due { Err(Error::Generic { store: "faulty", source: "broken".into() }) } else { Ok(()) }
    }

    async fn run<T>(&self, operation: Operation, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.check(operation, Moment::Before)?;
        let done = work.await?;
        self.check(operation, Moment::After)?;
        Ok(done)
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a faulty store")
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
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
        // How a failed completion is told from a lost answer must not fail with it.
        if options.head {
            return self.inner.get_opts(path, options).await;
        }
        self.run(Operation::Get, self.inner.get_opts(path, options)).await
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
        self.run(Operation::Copy, self.inner.copy_opts(from, to, options)).await
    }
}

#[async_trait]
impl MultipartStore for FaultyStore {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        self.run(Operation::Create, self.inner.create_multipart(path)).await
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        index: usize,
        part: PutPayload,
    ) -> Result<PartId> {
        self.run(Operation::PutPart, self.inner.put_part(path, id, index, part)).await
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> Result<PutResult> {
        self.run(Operation::Complete, self.inner.complete_multipart(path, id, parts)).await
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        self.inner.abort_multipart(path, id).await
    }
}

fn faulty() -> (Arc<FaultyStore>, BlobStore) {
    let bucket = Arc::new(FaultyStore::default());
    (bucket.clone(), BlobStore::in_bucket(bucket, ""))
}

#[test_case(Operation::Create, Moment::Before; "before it is begun")]
#[test_case(Operation::Create, Moment::After; "after it was begun")]
#[test_case(Operation::PutPart, Moment::Before; "before a part is written")]
#[test_case(Operation::PutPart, Moment::After; "after a part was written")]
#[tokio::test]
async fn an_upload_that_failed_goes_on(operation: Operation, moment: Moment) {
    let (bucket, store) = faulty();
    let bytes = bytes(30, 20 << 20);
    let mut state = begin(&bytes);
    bucket.break_once(operation, moment);
    let sent = send_rest(&store, &mut state, &bytes).await;
    assert!(matches!(sent, Err(BlobError::Store(_))), "{sent:?}");
    assert_eq!(store.size(state.key()).await.unwrap(), None);
    send_rest(&store, &mut state, &bytes).await.unwrap();
    store.finish(&state, &Content::of(&bytes).digests).await.unwrap();
    assert!(get(&store, state.key(), 0..state.size()).await.unwrap() == bytes);
}

#[tokio::test]
async fn a_finish_that_failed_can_be_repeated() {
    let (bucket, store) = faulty();
    let bytes = bytes(31, 9 << 20);
    let mut state = begin(&bytes);
    send_rest(&store, &mut state, &bytes).await.unwrap();
    bucket.break_once(Operation::Complete, Moment::Before);
    let finished = store.finish(&state, &Content::of(&bytes).digests).await;
    assert!(matches!(finished, Err(BlobError::Store(_))), "{finished:?}");
    assert_eq!(store.size(state.key()).await.unwrap(), None);
    store.finish(&state, &Content::of(&bytes).digests).await.unwrap();
}

#[tokio::test]
async fn a_finish_whose_answer_was_lost_is_a_success() {
    let (bucket, store) = faulty();
    let bytes = bytes(32, 9 << 20);
    let mut state = begin(&bytes);
    send_rest(&store, &mut state, &bytes).await.unwrap();
    bucket.break_once(Operation::Complete, Moment::After);
    store.finish(&state, &Content::of(&bytes).digests).await.unwrap();
    assert!(get(&store, state.key(), 0..state.size()).await.unwrap() == bytes);
}

#[tokio::test]
async fn a_read_that_fails_ends_with_an_error() {
    let (bucket, store) = faulty();
    let (key, _) = put(&store, &bytes(33, 20 << 20)).await;
    bucket.break_once(Operation::Get, Moment::Before);
    assert!(matches!(get(&store, key, 0..20 << 20).await, Err(BlobError::Store(_))));
}

#[test_case(Moment::Before; "before the copy")]
#[test_case(Moment::After; "after the copy")]
#[tokio::test]
async fn what_was_half_way_into_the_trash_is_lost_to_nobody(moment: Moment) {
    let (bucket, store) = faulty();
    let bytes = bytes(34, 1000);
    let (key, _) = put(&store, &bytes).await;
    bucket.break_once(Operation::Copy, moment);
    store.trash(key).await.unwrap_err();
    assert!(get(&store, key, 0..1000).await.unwrap() == bytes);
    store.trash(key).await.unwrap();
    store.restore(key).await.unwrap();
    assert!(get(&store, key, 0..1000).await.unwrap() == bytes);
}

/// Returns the key's digits, which name it in `staging/`.
fn digits(key: ObjectKey) -> String {
    key.to_string().rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_full_disk_fails_the_upload_and_a_later_attempt_goes_on() {
    let place = Place::local();
    let bytes = bytes(35, 3000);
    let mut state = begin(&bytes);
    place.replace_by_device(&format!("staging/{}", digits(state.key())), "/dev/full");
    let sent = send_rest(&place.store, &mut state, &bytes).await;
    assert!(matches!(sent, Err(BlobError::NoSpace { .. })), "{sent:?}");
    assert_eq!(place.store.size(state.key()).await.unwrap(), None);
    put(&place.store, &bytes).await;
    place.store.abort(&state).await.unwrap();
    send_rest(&place.store, &mut state, &bytes).await.unwrap();
    place.store.finish(&state, &Content::of(&bytes).digests).await.unwrap();
}

#[tokio::test]
async fn a_broken_disk_fails_the_read() {
    let place = Place::local();
    let key = ObjectKey::fresh().unwrap();
    // Nothing is mapped at its beginning, and reading there is an I/O error.
    place.replace_by_device(&key.to_string(), "/proc/self/mem");
    let got = get(&place.store, key, 0..10).await;
    assert!(matches!(got, Err(BlobError::Io { .. })), "{got:?}");
}

#[tokio::test]
async fn an_object_that_was_cut_off_is_never_read_short_without_an_error() {
    let place = Place::local();
    let (key, _) = put(&place.store, &bytes(36, 3 << 20)).await;
    place.cut_off(&key.to_string(), (2 << 20) + 1);
    let got = get(&place.store, key, 0..3 << 20).await;
    assert!(matches!(got, Err(BlobError::Short { .. })), "{got:?}");
    let proven = place.store.sha384(key, 3 << 20).await;
    assert!(matches!(proven, Err(BlobError::Short { .. })), "{proven:?}");
}
