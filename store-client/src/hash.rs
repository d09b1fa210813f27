//! What some bytes are, summed up once as they pass.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use charm_model::digest::{Content, Digests, Sha256, Summing};

use crate::error::ClientError;
use crate::progress::{Event, Progress};

/// How many bytes are read at once.
pub(crate) const READ_BYTES: usize = 1 << 20;

/// How many pieces of a file are in memory while it is summed up on two threads.
const N_PIECES: usize = 3;

/// Returns what a file is: its size and both digests, in one pass on threads for blocking work.
pub async fn hash_file(path: &Path, progress: Arc<dyn Progress>) -> Result<Content, ClientError> {
    let at = path.to_owned();
    blocking(move || sum_up(&mut File::open(at)?, progress.as_ref())).await.map_err(ClientError::io(path))
}

/// Returns what everything is that a reader has. Blocks.
pub fn content_of(mut reader: impl Read) -> io::Result<Content> {
    sum_up(&mut reader, &())
}

/// Sums up what a reader has: on one thread what fits into one piece, else on two.
fn sum_up(reader: &mut impl Read, progress: &dyn Progress) -> io::Result<Content> {
    let mut first = Piece::empty();
    first.fill(reader, progress)?;
    if first.n_bytes < READ_BYTES {
        return Ok(Content::of(first.bytes()));
    }
    thread::scope(|scope| {
        let (to_sum_up, filled) = channel();
        let (done, emptied) = channel();
        let sha256 = scope.spawn(move || sha256_of(&filled, &done));
        let summed = feed(reader, first, (to_sum_up, emptied), progress);
        let sha256 = sha256.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let (size, blake3) = summed?;
        Ok(Content { size, digests: Digests { sha256, blake3: blake3.into() } })
    })
}

/// Reads on and sums up as BLAKE3, which is soon done, while the other thread is at SHA-256, which is not. Returns how many
/// bytes there were.
fn feed(
    reader: &mut impl Read,
    mut piece: Piece,
    (to_sum_up, emptied): (Sender<Piece>, Receiver<Piece>),
    progress: &dyn Progress,
) -> io::Result<(u64, blake3::Hash)> {
    let mut blake3 = blake3::Hasher::new();
    let mut n_made = 1;
    while piece.n_bytes > 0 {
        blake3.update(piece.bytes());
        // Neither end is dropped before the other, but where a thread has panicked, which is told elsewhere.
        let _ = to_sum_up.send(piece);
        piece = match emptied.try_recv() {
            Ok(emptied) => emptied,
            Err(_) if n_made < N_PIECES => {
                n_made += 1;
                Piece::empty()
            }
            Err(_) => emptied.recv().map_err(io::Error::other)?,
        };
        piece.fill(reader, progress)?;
    }
    Ok((blake3.count(), blake3.finalize()))
}

fn sha256_of(filled: &Receiver<Piece>, done: &Sender<Piece>) -> Sha256 {
    let mut sha256 = sha256::Hasher::new();
    for piece in filled {
        sha256.update(piece.bytes());
        // Nobody waits for the last ones.
        let _ = done.send(piece);
    }
    Sha256(sha256.finalize())
}

/// A piece of a file in memory.
struct Piece {
    buffer: Box<[u8]>,
    n_bytes: usize,
}

impl Piece {
    fn empty() -> Self {
        Self { buffer: vec![0; READ_BYTES].into(), n_bytes: 0 }
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[..self.n_bytes]
    }

    /// Reads on; less than a whole piece only at the end.
    fn fill(&mut self, reader: &mut impl Read, progress: &dyn Progress) -> io::Result<()> {
        self.n_bytes = 0;
        while self.n_bytes < self.buffer.len() {
            match reader.read(&mut self.buffer[self.n_bytes..]) {
                Ok(0) => break,
                Ok(n_bytes) => {
                    self.n_bytes += n_bytes;
                    progress.note(Event::Hashed { n_bytes: n_bytes as u64 });
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Adds all that a reader has.
pub(crate) fn add_all(sums: &mut Summing, reader: &mut impl Read) -> io::Result<()> {
    let mut piece = Piece::empty();
    loop {
        piece.fill(reader, &())?;
        sums.update(piece.bytes());
        if piece.n_bytes < READ_BYTES {
            return Ok(());
        }
    }
}

/// Runs blocking work; a panic in it is this one's panic.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only a runtime that shuts down cancels blocking work, and it does not poll this any more.
            Err(_) => std::future::pending().await,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_and_its_bytes_have_the_same_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let bytes: Vec<u8> = (0_u32..2 << 20).flat_map(u32::to_le_bytes).collect();
        for n_bytes in [0, 1, READ_BYTES - 1, READ_BYTES, READ_BYTES + 1, 7 * READ_BYTES, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..n_bytes]).unwrap();
            let content = Content::of(&bytes[..n_bytes]);
            assert_eq!(hash_file(&path, Arc::new(())).await.unwrap(), content, "{n_bytes}");
            let mut sums = Summing::default();
            add_all(&mut sums, &mut File::open(&path).unwrap()).unwrap();
            assert_eq!(sums.content(), content, "{n_bytes}");
        }
        assert!(hash_file(dir.path(), Arc::new(())).await.is_err());
    }

    /// Has so many zeros, and then fails.
    struct Broken(usize);

    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n_bytes = buffer.len().min(self.0);
            self.0 -= n_bytes;
            if n_bytes > 0 { Ok(n_bytes) } else { Err(io::ErrorKind::TimedOut.into()) }
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_to_its_end_has_no_content() {
        for n_bytes in [0, 1, READ_BYTES, 9 * READ_BYTES] {
            assert_eq!(content_of(Broken(n_bytes)).unwrap_err().kind(), io::ErrorKind::TimedOut, "{n_bytes}");
        }
    }
}
