//! A body that is taken in before anything scarce is held for it: how fast it comes is the sender's affair alone.

use std::io::ErrorKind::StorageFull;
use std::io::{self, SeekFrom};

use blob_store::{BlobError, BodyError};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};
use tokio_util::io::ReaderStream;

use crate::error::StoreError;

/// How many bytes are read back at once.
const PIECE_BYTES: usize = 1 << 20;

/// Takes a body into a temporary file without a name, and returns it as it came: with what came before it broke off, and
/// then with why it did.
///
/// # Errors
///
/// [`StoreError::TooLarge`] if it has more bytes than that; [`BlobError::NoSpace`] and [`BlobError::Io`].
pub(super) async fn spooled<E: Into<BodyError>>(
    mut body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin,
    limit: u64,
) -> Result<impl Stream<Item = Result<Bytes, BodyError>> + Send + Unpin, StoreError> {
    let file = tokio::task::spawn_blocking(tempfile::tempfile).await?;
    let mut file = File::from_std(file.map_err(unwritable)?);
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
                broken = Some(Err(error.into()));
                break;
            }
        }
    }
    file.flush().await.map_err(unwritable)?;
    file.seek(SeekFrom::Start(0)).await.map_err(unwritable)?;
    let pieces = ReaderStream::with_capacity(file, PIECE_BYTES).map_err(BodyError::from);
    Ok(pieces.chain(stream::iter(broken)))
}

fn unwritable(source: io::Error) -> StoreError {
    let path = std::env::temp_dir().display().to_string();
    let error = match source.kind() {
        StorageFull => BlobError::NoSpace { path, source },
        _ => BlobError::Io { path, source },
    };
    error.into()
}
