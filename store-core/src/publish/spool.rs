//! A body that is taken in before anything scarce is held for it: how fast it comes is the sender's affair alone.

use std::fs::File;
use std::io::ErrorKind::{ConnectionAborted, StorageFull};
use std::io::{self, Read, SeekFrom};

use blob_store::{BlobError, BodyError};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};

use crate::error::StoreError;

/// A body, as much of it as came: read to its end, it says why there is no more.
pub(super) struct Spooled {
    file: File,
    broken: Option<BodyError>,
}

impl Read for Spooled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.file.read(buffer)?;
        match self.broken.take_if(|_| n_bytes == 0) {
            Some(error) => Err(io::Error::new(ConnectionAborted, error)),
            None => Ok(n_bytes),
        }
    }
}

/// Takes a body into a temporary file without a name.
///
/// # Errors
///
/// [`StoreError::TooLarge`] if it has more bytes than that; [`BlobError::NoSpace`] and [`BlobError::Io`].
pub(super) async fn spooled<E: Into<BodyError>>(
    mut body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin,
    limit: u64,
) -> Result<Spooled, StoreError> {
    let file = tokio::task::spawn_blocking(tempfile::tempfile).await?;
    let mut file = tokio::fs::File::from_std(file.map_err(unwritable)?);
    let (mut n_bytes, mut broken) = (0, None);
    while let Some(frame) = body.next().await {
        match frame {
            Ok(frame) => {
                n_bytes += frame.len() as u64;
                if n_bytes > limit {
                    return Err(StoreError::TooLarge {
                        what: "the part's size".to_owned(),
                        found: n_bytes,
                        limit,
                    });
                }
                file.write_all(&frame).await.map_err(unwritable)?;
            }
            Err(error) => {
                broken = Some(error.into());
                break;
            }
        }
    }
    file.flush().await.map_err(unwritable)?;
    file.seek(SeekFrom::Start(0)).await.map_err(unwritable)?;
    Ok(Spooled { file: file.into_std().await, broken })
}

fn unwritable(source: io::Error) -> StoreError {
    let path = std::env::temp_dir().display().to_string();
    let error = match source.kind() {
        StorageFull => BlobError::NoSpace { path, source },
        _ => BlobError::Io { path, source },
    };
    error.into()
}
