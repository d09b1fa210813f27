//! Objects as streams.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, BoxStream, Stream, StreamExt as _, TryStreamExt as _};
use rustix::buffer::spare_capacity;
use rustix::io::pread;
use tokio::runtime::Handle;

use crate::blocking::blocking;
use crate::error::BlobError;
use crate::key::ObjectKey;
use crate::remote::Remote;

/// How many bytes of a file are read at once: enough to keep a disk busy.
const BLOCK_LEN: u64 = 1 << 20;

/// How many blocks are read before they are wanted. Each is in memory until the receiver takes it.
const READ_AHEAD: usize = 3;

/// How many bytes are asked of a bucket at once, for a stream: they come as the receiver takes them, and the slowest
/// one has a request's time for that.
const WINDOW_LEN: u64 = 32 << 20;

/// How many bytes are asked of a bucket at once, to be held in memory.
const FETCH_LEN: u64 = 8 << 20;

/// An object that is open for reading.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) key: ObjectKey,
    /// Where in the object the bytes begin: ranges are counted from there.
    pub(crate) start: u64,
    pub(crate) place: Place,
}

/// Where the bytes are.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    File(Arc<File>),
    Bucket(Remote),
}

impl Source {
    /// Returns how many bytes are best fetched at once.
    pub(crate) fn block_len(&self) -> u64 {
        match self.place {
            Place::File(_) => BLOCK_LEN,
            Place::Bucket(_) => FETCH_LEN,
        }
    }

    fn in_object(&self, range: Range<u64>) -> Range<u64> {
        self.start.saturating_add(range.start)..self.start.saturating_add(range.end)
    }

    /// Returns a range, all of it or an error, on a thread that may block.
    pub(crate) fn fetch_blocking(&self, range: Range<u64>, runtime: &Handle) -> Result<Bytes, BlobError> {
        let range = self.in_object(range);
        match &self.place {
            Place::Bucket(remote) => runtime.block_on(remote.fetch(self.key, range)),
            Place::File(file) => read_file(file, self.key, range),
        }
    }

    /// Returns a range as a stream, which ends with an error if it is not all of it.
    pub(crate) async fn stream(
        self,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
        let range = self.in_object(range);
        match self.place {
            Place::File(file) => Ok(stream_file(file, self.key, range).boxed()),
            Place::Bucket(remote) => Ok(stream_bucket(remote, self.key, range).await?.boxed()),
        }
    }
}

/// No thread waits for a slow receiver: each block is read by a task of its own.
fn stream_file(
    file: Arc<File>,
    key: ObjectKey,
    range: Range<u64>,
) -> impl Stream<Item = Result<Bytes, BlobError>> + Send {
    let read = move |block| {
        let file = file.clone();
        blocking(move || read_file(&file, key, block))
    };
    stream::iter(blocks(range, BLOCK_LEN)).map(read).buffered(READ_AHEAD)
}

/// The first window is opened before the caller says that all is well: most of what can go wrong goes wrong here.
async fn stream_bucket(
    remote: Remote,
    key: ObjectKey,
    range: Range<u64>,
) -> Result<impl Stream<Item = Result<Bytes, BlobError>> + Send, BlobError> {
    let mut windows = blocks(range, WINDOW_LEN);
    let first = match windows.next() {
        Some(window) => Some(Ok(remote.stream(key, window).await?)),
        None => None,
    };
    let rest = stream::iter(windows).then(move |window| {
        let remote = remote.clone();
        async move { remote.stream(key, window).await }
    });
    Ok(stream::iter(first).chain(rest).try_flatten())
}

/// Cuts a range at multiples of `block_len`.
fn blocks(range: Range<u64>, block_len: u64) -> impl Iterator<Item = Range<u64>> + Send {
    let mut start = range.start;
    std::iter::from_fn(move || {
        let end = range.end.min((start / block_len + 1) * block_len);
        let block = start..end;
        start = end;
        (!block.is_empty()).then_some(block)
    })
}

fn read_file(file: &File, key: ObjectKey, range: Range<u64>) -> Result<Bytes, BlobError> {
    let len = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        let offset = range.start + bytes.len() as u64;
        match pread(file, spare_capacity(&mut bytes), offset) {
            Ok(0) => return Err(BlobError::Short { key, start: range.start, end: range.end }),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(BlobError::at(key.to_string().as_ref())(io::Error::from(error))),
        }
    }
    bytes.truncate(len);
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(0..0 => Vec::<Range<u64>>::new(); "nothing")]
    #[test_case(3..4 => vec![3..4]; "within a block")]
    #[test_case(8..16 => vec![8..16]; "a block")]
    #[test_case(7..17 => vec![7..8, 8..16, 16..17]; "over its edges")]
    fn a_range_is_cut_at_the_edges_of_blocks(range: Range<u64>) -> Vec<Range<u64>> {
        blocks(range, 8).collect()
    }
}
