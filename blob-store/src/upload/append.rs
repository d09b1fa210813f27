//! One body on its way into an object: received, hashed and written at the same time, flushed a window behind.

use bytes::Bytes;
use futures::Stream;
use tokio::task::JoinHandle;

use crate::blocking::{blocking, joined};
use crate::error::{BlobError, BodyError};
use crate::sums::RunningSums;

use super::UploadState;
use super::blocks::Blocks;
use super::sink::Sink;

/// How many bytes are flushed at once, while the next as many are written. A crash loses at most both.
const WINDOW: u64 = 32 << 20;

/// From this size on, in bytes, a block is summed up on two threads: below, to wake the second takes as long.
const APART_FROM: usize = 128 << 10;

/// A body that is being written.
#[derive(Debug)]
pub(super) struct Append<S> {
    /// What has been written.
    state: UploadState,
    sink: Sink,
    blocks: Blocks<S>,
    /// The block that came while the one before it was written.
    next: Option<Bytes>,
    flushing: Option<Flushing>,
    /// Where the last flush ends, done or under way.
    flushed_to: u64,
}

/// A flush that is under way, and what is durable when it is done.
#[derive(Debug)]
struct Flushing {
    task: JoinHandle<Result<(), BlobError>>,
    state: UploadState,
}

impl<S, E> Append<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Into<BodyError>,
{
    pub(super) fn new(state: UploadState, sink: Sink, blocks: Blocks<S>) -> Self {
        let flushed_to = state.offset();
        Self { state, sink, blocks, next: None, flushing: None, flushed_to }
    }

    /// Writes on, and returns the next durable state; `None` at the end of the body. Not to be called after an error.
    pub(super) async fn checkpoint(&mut self) -> Result<Option<UploadState>, BlobError> {
        let mut is_over = false;
        while !is_over {
            is_over = !self.write_block().await?;
            let n_unflushed = self.state.offset() - self.flushed_to;
            if (n_unflushed >= WINDOW || is_over && n_unflushed > 0)
                && let Some(durable) = self.flush_window().await?
            {
                return Ok(Some(durable));
            }
        }
        let durable = self.end_flush().await?;
        if durable.is_none() {
            self.blocks.end()?;
        }
        Ok(durable)
    }

    /// Writes a block, if there is one that can be written, while the next comes in.
    async fn write_block(&mut self) -> Result<bool, BlobError> {
        let block = match self.next.take() {
            Some(block) => block,
            None => self.blocks.next().await,
        };
        let end = self.state.offset() + block.len() as u64;
        if block.is_empty() || !self.sink.takes(end, self.state.size) {
            return Ok(false);
        }
        let (written, next) = tokio::join!(write(&self.sink, &self.state, block), self.blocks.next());
        self.state = written?;
        self.next = Some(next);
        Ok(true)
    }

    /// Begins to flush what has been written, and returns what the flush before it made durable.
    async fn flush_window(&mut self) -> Result<Option<UploadState>, BlobError> {
        let durable = self.end_flush().await?;
        let sink = self.sink.clone();
        let task = tokio::spawn(async move { sink.flush().await });
        self.flushed_to = self.state.offset();
        self.flushing = Some(Flushing { task, state: self.state.clone() });
        Ok(durable)
    }

    /// Waits for the flush that is under way, if one is. The system tells about a failure once, so none may go unheard.
    async fn end_flush(&mut self) -> Result<Option<UploadState>, BlobError> {
        let Some(flushing) = self.flushing.take() else { return Ok(None) };
        joined(flushing.task.await)?;
        Ok(Some(flushing.state))
    }
}

/// Hashes a block and writes it, both at once, and returns the state behind it.
async fn write(sink: &Sink, state: &UploadState, block: Bytes) -> Result<UploadState, BlobError> {
    let hashed = hash(state.sums.clone(), block.clone());
    let (sums, tag) = tokio::try_join!(hashed, sink.write(state, block))?;
    let mut state = UploadState { sums, ..state.clone() };
    if let (Some(multipart), Some(tag)) = (&mut state.multipart, tag) {
        multipart.add(tag);
    }
    Ok(state)
}

async fn hash(mut sums: RunningSums, block: Bytes) -> Result<RunningSums, BlobError> {
    if block.len() >= APART_FROM {
        return sums.update_apart(block).await;
    }
    blocking(move || {
        sums.update(&block);
        Ok(sums)
    })
    .await
}
