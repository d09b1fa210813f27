//! A part of a file on its way into a request.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::{Stream, stream};
use tokio::sync::mpsc;

use crate::hash::READ_BYTES;

/// How many reads the disk may be ahead of the network.
const READS_AHEAD: usize = 4;

/// What is known of a part while the request that it belongs to is under way.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    n_sent: AtomicU64,
    fault: Mutex<Option<io::Error>>,
}

impl Meter {
    /// Returns how many bytes the network has taken.
    pub(crate) fn n_sent(&self) -> u64 {
        self.n_sent.load(Ordering::Relaxed)
    }

    /// Returns why the file could not be read. A request that fails for want of its body says less.
    pub(crate) fn fault(&self) -> Option<io::Error> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn pass(&self, read: io::Result<Bytes>) -> io::Result<Bytes> {
        match read {
            Ok(bytes) => {
                self.n_sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                Ok(bytes)
            }
            Err(error) => {
                *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
    }
}

/// Returns a file's bytes in that range. A file that ends before is an error, not a short part.
pub(crate) fn read_part(
    path: &Path,
    range: Range<u64>,
    meter: Arc<Meter>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let (sender, receiver) = mpsc::channel(READS_AHEAD);
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || {
        if let Err(error) = feed(&path, range, &sender) {
            // Nobody listens where the request has failed already.
            let _ = sender.blocking_send(Err(error));
        }
    });
    stream::unfold((receiver, meter), |(mut receiver, meter)| async move {
        let read = receiver.recv().await?;
        Some((meter.pass(read), (receiver, meter)))
    })
}

fn feed(path: &Path, range: Range<u64>, sender: &mpsc::Sender<io::Result<Bytes>>) -> io::Result<()> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(range.start))?;
    let mut n_left = range.end - range.start;
    while n_left > 0 {
        let mut buffer = vec![0; usize::try_from(n_left).unwrap_or(READ_BYTES).min(READ_BYTES)];
        file.read_exact(&mut buffer)?;
        n_left -= buffer.len() as u64;
        if sender.blocking_send(Ok(buffer.into())).is_err() {
            return Ok(());
        }
    }
    Ok(())
}
