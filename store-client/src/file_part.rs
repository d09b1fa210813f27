//! A part of a file on its way into a request.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use charm_model::digest::Content;
use futures::{Stream, stream};
use tokio::sync::mpsc;

use crate::error::ClientError;
use crate::hash::READ_BYTES;
use crate::publish::Source;
use crate::recheck::{Beginning, Beginnings};
use crate::store::Store;

/// How many reads the disk may be ahead of the network.
const READS_AHEAD: usize = 4;

/// What is known of a part while the request that it belongs to is under way.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    n_sent: AtomicU64,
    fault: Mutex<Option<Fault>>,
}

/// Why a file could not be read to its end.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It is not what it was.
    Changed,
    /// The disk says why.
    Io(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        // The file ends before the size that it had.
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Changed } else { Self::Io(error) }
    }
}

impl Fault {
    pub(crate) fn of(self, path: PathBuf) -> ClientError {
        match self {
            Self::Changed => ClientError::Changed(path),
            Self::Io(source) => ClientError::Io { path, source },
        }
    }
}

impl Meter {
    /// Returns how many bytes the network has taken.
    pub(crate) fn n_sent(&self) -> u64 {
        self.n_sent.load(Ordering::Relaxed)
    }

    /// Returns why the file could not be read. A request that fails for want of its body says less.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn sent(&self, bytes: &Bytes) {
        self.n_sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    }

    fn blame(&self, fault: Fault) -> io::Error {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
        io::ErrorKind::BrokenPipe.into()
    }
}

/// Where bytes go that are read for a request.
pub(crate) type Sender = mpsc::Sender<Result<Bytes, Fault>>;

/// What is read, and what has been read of it before.
#[derive(Clone)]
pub(crate) struct FilePart {
    pub(crate) source: Source,
    pub(crate) range: Range<u64>,
    pub(crate) beginnings: Arc<Beginnings>,
}

impl FilePart {
    /// Returns the part's bytes at the store's pace. A file that ends before, or is not what it was, is an error before
    /// the last of its bytes leaves.
    pub(crate) fn read(
        self,
        store: Store,
        meter: Arc<Meter>,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        outgoing(store, meter, move |sender| self.feed(sender))
    }

    fn feed(&self, sender: &Sender) -> Result<(), Fault> {
        let mut file = File::open(&self.source.path)?;
        let mut read = self.beginnings.within(self.range.start);
        file.seek(SeekFrom::Start(read.n_bytes()))?;
        while read.n_bytes() < self.range.start {
            read_on(&mut file, &mut read, self.range.start)?;
        }
        self.beginnings.keep(&read);
        while read.n_bytes() < self.range.end {
            let bytes = read_on(&mut file, &mut read, self.range.end)?;
            check(&read, &self.source.content)?;
            if sender.blocking_send(Ok(bytes)).is_err() {
                return Ok(());
            }
        }
        self.beginnings.keep(&read);
        Ok(())
    }
}

fn read_on(file: &mut File, read: &mut Beginning, end: u64) -> io::Result<Bytes> {
    let n_left = usize::try_from(end - read.n_bytes()).unwrap_or(usize::MAX);
    let mut buffer = vec![0; n_left.min(READ_BYTES)];
    file.read_exact(&mut buffer)?;
    read.add(&buffer);
    Ok(buffer.into())
}

/// Holds what was read against what was announced, once all of it is there.
fn check(read: &Beginning, announced: &Content) -> Result<(), Fault> {
    if read.n_bytes() < announced.size || read.is(announced) { Ok(()) } else { Err(Fault::Changed) }
}

/// Returns what `feed` sends, at the store's pace. Where it fails, so does the stream.
pub(crate) fn outgoing(
    store: Store,
    meter: Arc<Meter>,
    feed: impl FnOnce(&Sender) -> Result<(), Fault> + Send + 'static,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let (sender, receiver) = mpsc::channel(READS_AHEAD);
    tokio::task::spawn_blocking(move || {
        if let Err(fault) = feed(&sender) {
            // Nobody listens where the request has failed already.
            let _ = sender.blocking_send(Err(fault));
        }
    });
    let frames = Frames { store, meter, receiver, rest: Bytes::new() };
    stream::unfold(frames, |mut frames| async move { Some((frames.next().await?, frames)) })
}

/// Reads cut into pieces small enough that a slow line is seen to move.
struct Frames {
    store: Store,
    meter: Arc<Meter>,
    receiver: mpsc::Receiver<Result<Bytes, Fault>>,
    rest: Bytes,
}

impl Frames {
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.rest.is_empty() {
            match self.receiver.recv().await? {
                Ok(bytes) => self.rest = bytes,
                Err(fault) => return Some(Err(self.meter.blame(fault))),
            }
        }
        let n_bytes = self.rest.len().min(self.store.pace().frame_bytes());
        let frame = self.rest.split_to(n_bytes);
        self.store.pace().take(n_bytes).await;
        self.meter.sent(&frame);
        self.store.counters().sent(n_bytes);
        Some(Ok(frame))
    }
}
