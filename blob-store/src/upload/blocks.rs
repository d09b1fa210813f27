//! A body, cut into the blocks in which it is hashed and written.

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _};

use crate::error::{BlobError, BodyError};

/// A body that continues an object at some offset, in blocks that end at multiples of their length.
#[derive(Debug)]
pub(super) struct Blocks<S> {
    body: S,
    /// What came last and is in no block yet.
    frame: Bytes,
    offset: u64,
    size: u64,
    block_len: u64,
    /// How the body ended, once it has.
    end: Option<Result<(), BlobError>>,
}

impl<S, E> Blocks<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Into<BodyError>,
{
    pub(super) fn new(body: S, offset: u64, size: u64, block_len: u64) -> Self {
        Self { body, frame: Bytes::new(), offset, size, block_len, end: None }
    }

    /// Returns the next block. It is short at the end of the body, whatever ended it, and empty behind that.
    pub(super) async fn next(&mut self) -> Bytes {
        let n_wanted = self.n_wanted();
        let mut block = BytesMut::with_capacity(n_wanted);
        while block.len() < n_wanted && self.receive().await {
            let n_taken = self.frame.len().min(n_wanted - block.len());
            block.extend_from_slice(&self.frame.split_to(n_taken));
        }
        self.offset += block.len() as u64;
        if n_wanted == 0 && self.receive().await {
            self.end = Some(Err(BlobError::TooLong { size: self.size }));
            self.frame.clear();
        }
        block.freeze()
    }

    /// Returns how the body ended; an error once.
    pub(super) fn end(&mut self) -> Result<(), BlobError> {
        self.end.replace(Ok(())).unwrap_or(Ok(()))
    }

    fn n_wanted(&self) -> usize {
        let edge = (self.offset / self.block_len + 1) * self.block_len;
        let n_wanted = edge.min(self.size).saturating_sub(self.offset);
        usize::try_from(n_wanted).unwrap_or(usize::MAX)
    }

    /// Waits for bytes. Says whether there are any.
    async fn receive(&mut self) -> bool {
        while self.frame.is_empty() && self.end.is_none() {
            match self.body.next().await {
                Some(Ok(frame)) => self.frame = frame,
                Some(Err(error)) => self.end = Some(Err(BlobError::Body(error.into()))),
                None => self.end = Some(Ok(())),
            }
        }
        !self.frame.is_empty()
    }
}
