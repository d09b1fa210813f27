//! Objects in a bucket.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{Stream, TryStreamExt as _};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{GetOptions, GetResult, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload};
use serde::{Deserialize, Serialize};

use crate::derived::Derived;
use crate::error::BlobError;
use crate::key::ObjectKey;

/// The least length of a part, in bytes; S3 asks for 5 MiB, and every part under way is in memory.
const MIN_PART_LEN: u64 = 8 << 20;

/// The most parts of one upload.
/// Source: "Amazon S3 multipart upload limits".
const MAX_PARTS: u64 = 10_000;

/// The largest object that can be copied with one request, in bytes.
/// Source: the API reference of `CopyObject`.
const MAX_COPY: u64 = 5 << 30;

/// What is asked of an object store. Every one of `object_store`'s that knows multipart uploads will do.
pub trait Bucket: ObjectStore + MultipartStore {}

impl<T: ObjectStore + MultipartStore> Bucket for T {}

/// A prefix in a bucket.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    bucket: Arc<dyn Bucket>,
    prefix: Path,
}

/// An upload in parts, as the object store knows it.
///
/// Small objects are uploaded so as well, though one request would do: the bytes have no name before they are verified,
/// and a part that arrives late, from a request that was abandoned, is not among the tags with which it is completed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Multipart {
    id: String,
    tags: Vec<String>,
}

impl Multipart {
    /// Notes that the next part has been taken.
    pub(crate) fn add(&mut self, tag: String) {
        self.tags.push(tag);
    }
}

/// Returns the length of every part but the last of an object of `size` bytes.
pub(crate) fn part_len(size: u64) -> u64 {
    size.div_ceil(MAX_PARTS).next_multiple_of(1 << 20).max(MIN_PART_LEN)
}

impl Remote {
    pub(crate) fn new(bucket: Arc<dyn Bucket>, prefix: &str) -> Self {
        Self { bucket, prefix: Path::from(prefix) }
    }

    fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.prefix.clone(), Path::join)
    }

    fn object(&self, key: ObjectKey) -> Path {
        self.path(&key.to_string())
    }

    /// Returns the size of an object, in bytes.
    pub(crate) async fn size(&self, key: ObjectKey) -> Result<Option<u64>, BlobError> {
        Ok(if_found(self.bucket.head(&self.object(key)).await)?.map(|meta| meta.size))
    }

    /// Returns a range of an object; all of it, or an error.
    pub(crate) async fn fetch(&self, key: ObjectKey, range: Range<u64>) -> Result<Bytes, BlobError> {
        Ok(self.get(key, range).await?.bytes().await?)
    }

    /// Returns a range of an object as it comes; all of it, or an error.
    pub(crate) async fn stream(
        &self,
        key: ObjectKey,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = Result<Bytes, BlobError>> + Send + use<>, BlobError> {
        Ok(self.get(key, range).await?.into_stream().map_err(BlobError::Store))
    }

    async fn get(&self, key: ObjectKey, range: Range<u64>) -> Result<GetResult, BlobError> {
        let options = GetOptions::new().with_range(Some(range.clone()));
        match self.bucket.get_opts(&self.object(key), options).await {
            Ok(got) if got.range == range => Ok(got),
            Ok(_) => Err(short(key, &range)),
            Err(error) => Err(self.explain(key, range, error).await),
        }
    }

    /// A range that begins behind the end is an error of its own kind for each object store.
    async fn explain(&self, key: ObjectKey, range: Range<u64>, error: object_store::Error) -> BlobError {
        match self.size(key).await {
            Ok(None) => BlobError::NotFound(key),
            Ok(Some(size)) if size < range.end => short(key, &range),
            Ok(Some(_)) | Err(_) => error.into(),
        }
    }

    /// Writes an object in one piece.
    pub(crate) async fn put(&self, key: ObjectKey, bytes: Bytes) -> Result<(), BlobError> {
        self.bucket.put(&self.object(key), bytes.into()).await?;
        Ok(())
    }

    pub(crate) async fn begin_parts(&self, key: ObjectKey) -> Result<Multipart, BlobError> {
        let id = self.bucket.create_multipart(&self.object(key)).await?;
        Ok(Multipart { id, tags: Vec::new() })
    }

    /// Uploads the part that follows those that `multipart` has, and returns its tag.
    pub(crate) async fn put_part(
        &self,
        key: ObjectKey,
        multipart: &Multipart,
        part: Bytes,
    ) -> Result<String, BlobError> {
        let n_parts = multipart.tags.len();
        match self.bucket.put_part(&self.object(key), &multipart.id, n_parts, part.into()).await {
            Ok(part) => Ok(part.content_id),
            // Another request has just finished this upload: it is neither lost nor broken.
            Err(_) if self.size(key).await?.is_some() => Err(BlobError::Busy(key)),
            Err(object_store::Error::NotFound { .. }) => Err(BlobError::Lost(key)),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the parts, which are whole and verified, their name. May be repeated.
    pub(crate) async fn name(
        &self,
        key: ObjectKey,
        size: u64,
        multipart: Multipart,
    ) -> Result<(), BlobError> {
        let parts = multipart.tags.into_iter().map(|content_id| PartId { content_id }).collect();
        match self.bucket.complete_multipart(&self.object(key), &multipart.id, parts).await {
            Ok(_) => Ok(()),
            // A key is used once: what has the name is this upload, of which an earlier answer was lost.
            Err(_) if self.size(key).await? == Some(size) => Ok(()),
            Err(object_store::Error::NotFound { .. }) => Err(BlobError::Lost(key)),
            Err(error) => Err(error.into()),
        }
    }

    /// Drops the parts. An upload that is not there any more is a success.
    pub(crate) async fn abort(&self, key: ObjectKey, multipart: &Multipart) -> Result<(), BlobError> {
        if_found(self.bucket.abort_multipart(&self.object(key), &multipart.id).await)?;
        Ok(())
    }

    /// Moves an object into the trash. One that is not there is left alone.
    pub(crate) async fn trash(&self, key: ObjectKey) -> Result<(), BlobError> {
        self.rename(&self.object(key), &self.path(&key.in_trash())).await.map(drop)
    }

    /// Moves an object out of the trash. Says whether it was in there.
    pub(crate) async fn restore(&self, key: ObjectKey) -> Result<bool, BlobError> {
        self.rename(&self.path(&key.in_trash()), &self.object(key)).await
    }

    /// Deletes whatever lies under the key, named or in the trash.
    pub(crate) async fn delete(&self, key: ObjectKey) -> Result<(), BlobError> {
        let derived = Derived::ALL.map(|kind| self.path(&key.derived(kind)));
        for path in [self.object(key), self.path(&key.in_trash())].iter().chain(&derived) {
            if_found(self.bucket.delete(path).await)?;
        }
        Ok(())
    }

    /// Keeps what was derived.
    pub(crate) async fn put_derived(
        &self,
        key: ObjectKey,
        kind: Derived,
        bytes: Bytes,
    ) -> Result<(), BlobError> {
        self.bucket.put(&self.path(&key.derived(kind)), bytes.into()).await?;
        Ok(())
    }

    /// Returns what was derived.
    pub(crate) async fn derived(&self, key: ObjectKey, kind: Derived) -> Result<Option<Bytes>, BlobError> {
        match if_found(self.bucket.get(&self.path(&key.derived(kind))).await)? {
            Some(found) => Ok(Some(found.bytes().await?)),
            None => Ok(None),
        }
    }

    async fn rename(&self, from: &Path, to: &Path) -> Result<bool, BlobError> {
        let Some(meta) = if_found(self.bucket.head(from).await)? else { return Ok(false) };
        if meta.size <= MAX_COPY {
            self.bucket.copy(from, to).await?;
        } else {
            self.copy_in_parts(from, to, meta.size).await?;
        }
        self.bucket.delete(from).await?;
        Ok(true)
    }

    async fn copy_in_parts(&self, from: &Path, to: &Path, size: u64) -> Result<(), BlobError> {
        let id = self.bucket.create_multipart(to).await?;
        let mut parts = Vec::new();
        let mut offset = 0;
        while offset < size {
            let end = size.min(offset + part_len(size));
            let part = self.bucket.get_range(from, offset..end).await?;
            parts.push(self.bucket.put_part(to, &id, parts.len(), part.into()).await?);
            offset = end;
        }
        self.bucket.complete_multipart(to, &id, parts).await?;
        Ok(())
    }

    /// Writes, reads and deletes an object. Says whether the object store refuses to write it twice if told so.
    pub(crate) async fn probe(&self, key: ObjectKey) -> Result<bool, BlobError> {
        let path = self.path(&key.in_probe());
        self.bucket.put(&path, PutPayload::from_static(b"probe")).await?;
        self.bucket.get_range(&path, 0..5).await?;
        let again =
            self.bucket.put_opts(&path, PutPayload::from_static(b"again"), PutMode::Create.into()).await;
        self.bucket.delete(&path).await?;
        Ok(matches!(again, Err(object_store::Error::AlreadyExists { .. })))
    }
}

fn short(key: ObjectKey, range: &Range<u64>) -> BlobError {
    BlobError::Short { key, start: range.start, end: range.end }
}

fn if_found<T>(done: object_store::Result<T>) -> Result<Option<T>, BlobError> {
    match done {
        Ok(value) => Ok(Some(value)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;
    use test_case::test_case;

    use super::*;

    #[test_case(0 => 8 << 20; "nothing")]
    #[test_case(80_000 << 20 => 8 << 20; "as many parts of the least length as there may be")]
    #[test_case((80_000 << 20) + 1 => 9 << 20; "a byte more")]
    #[test_case(5 << 40 => 525 << 20; "the largest object of S3")]
    fn a_part_is_as_long_as_it_must_be(size: u64) -> u64 {
        part_len(size)
    }

    #[tokio::test]
    async fn an_object_too_large_to_be_copied_is_copied_in_parts() {
        let remote = Remote::new(Arc::new(InMemory::new()), "");
        let bytes: Bytes = (0_u32..5 << 20).flat_map(u32::to_le_bytes).collect();
        let (from, to) = (Path::from("from"), Path::from("to"));
        remote.bucket.put(&from, bytes.clone().into()).await.unwrap();
        remote.copy_in_parts(&from, &to, bytes.len() as u64).await.unwrap();
        assert_eq!(remote.bucket.get(&to).await.unwrap().bytes().await.unwrap(), bytes);
    }
}
