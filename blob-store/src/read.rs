//! Objects as streams.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};
use rustix::buffer::spare_capacity;
use rustix::io::pread;
use tokio::runtime::Handle;

use crate::blocking::blocking;
use crate::error::BlobError;
use crate::key::ObjectKey;
use crate::remote::Remote;

/// How many blocks are read before they are wanted. Each is in memory until the receiver takes it.
const READ_AHEAD: usize = 3;

/// An object that is open for reading.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) key: ObjectKey,
    pub(crate) place: Place,
}

/// Where the bytes are.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    File(Arc<File>),
    Bucket(Remote),
}

impl Source {
    /// Returns how many bytes are best fetched at once: a megabyte keeps a disk busy, a request wants more.
    fn block_len(&self) -> u64 {
        match self.place {
            Place::File(_) => 1 << 20,
            Place::Bucket(_) => 4 << 20,
        }
    }

    /// Returns a range; all of it, or an error.
    pub(crate) async fn fetch(&self, range: Range<u64>) -> Result<Bytes, BlobError> {
        match &self.place {
            Place::Bucket(remote) => remote.fetch(self.key, range).await,
            Place::File(file) => {
                let (file, key) = (file.clone(), self.key);
                blocking(move || read_file(&file, key, range)).await
            }
        }
    }

    /// Returns a range, on a thread that may block.
    pub(crate) fn fetch_blocking(&self, range: Range<u64>, runtime: &Handle) -> Result<Bytes, BlobError> {
        match &self.place {
            Place::Bucket(remote) => runtime.block_on(remote.fetch(self.key, range)),
            Place::File(file) => read_file(file, self.key, range),
        }
    }

    /// Returns a range as a stream of blocks.
    ///
    /// No thread waits for a slow receiver: each block is read by a task of its own.
    pub(crate) async fn stream(
        self,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
        let mut blocks = blocks(range, self.block_len());
        // Fetched before the caller says that all is well: most of what can go wrong goes wrong here.
        let first = match blocks.next() {
            Some(block) => Some(Ok(self.fetch(block).await?)),
            None => None,
        };
        let rest = stream::iter(blocks).map(move |block| {
            let source = self.clone();
            async move { source.fetch(block).await }
        });
        Ok(stream::iter(first).chain(rest.buffered(READ_AHEAD)).boxed())
    }
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
