//! The bytes of one file in an archive, unpacked as they are asked for.

use std::io::{self, BufReader, Read as _};
use std::ops::Range;

use bytes::Bytes;
use charm_archive::entry_reader::EntryReader;
use charm_archive::{Entry, open_entry};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

use crate::error::StoreError;
use crate::verified::{VerifiedFile, unwrapped};

/// How many bytes are unpacked at a time.
const PIECE_BYTES: u64 = 256 << 10;

/// Returns a range of a file. The stream ends with an error rather than short.
///
/// Each piece is a blocking task of its own, so that no thread waits for a slow listener: a few hundred of those would
/// otherwise take every thread there is.
pub(crate) fn unpack(
    archive: VerifiedFile,
    entry: &Entry,
    range: Range<u64>,
) -> Result<BoxStream<'static, Result<Bytes, StoreError>>, StoreError> {
    let path = entry.path.clone();
    let failed = move |error| unwrapped(&path, error);
    let reader = open_entry(archive, entry).map_err(&failed)?;
    let first = Unpacking { reader, n_skipped: range.start, n_left: range.end - range.start };
    let pieces = stream::try_unfold(first, move |unpacking| {
        let failed = failed.clone();
        async move { tokio::task::spawn_blocking(|| unpacking.next()).await?.map_err(failed) }
    });
    Ok(pieces.boxed())
}

struct Unpacking {
    reader: EntryReader<BufReader<VerifiedFile>>,
    /// Bytes before the range. They have to be unpacked as well.
    n_skipped: u64,
    n_left: u64,
}

impl Unpacking {
    /// Returns the next piece and what comes behind it; none at the end.
    fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        io::copy(&mut (&mut self.reader).take(self.n_skipped), &mut io::sink())?;
        self.n_skipped = 0;
        let mut piece = Vec::new();
        let n_read = (&mut self.reader).take(self.n_left.min(PIECE_BYTES)).read_to_end(&mut piece)?;
        self.n_left -= n_read as u64;
        Ok((n_read > 0).then(|| (piece.into(), self)))
    }
}
