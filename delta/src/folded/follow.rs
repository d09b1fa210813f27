//! Following a recipe, whichever form it has.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use charm_model::digest::Sha256;

use super::header::{BEGINNING, BEGINNING_BYTES, BaseView, FoldedHeader};
use crate::error::DeltaError;
use crate::fold::{Stop, View, refold, unfold_again, unfold_text};
use crate::limits::{Limits, MAX_FOLD_DEPTH, view_bytes};
use crate::recipe::{Bases, Moved, assemble};

/// How much of a view is gathered before it is written.
const BUFFER_BYTES: usize = 1 << 20;

/// Writes what a recipe of either form makes to `target`, and returns what moved. Nothing is read behind the recipe's end.
///
/// For a folded recipe views lie in `scratch`, in files without a name, of at most [`view_bytes`] of both files. What came
/// of it is checked by nobody here, as in [`assemble`].
pub fn follow(
    mut recipe: impl Read,
    limits: Limits,
    bases: &mut impl Bases,
    scratch: &Path,
    target: &mut impl Write,
) -> Result<Moved, DeltaError> {
    follow_at(MAX_FOLD_DEPTH, &mut recipe, limits, bases, scratch, target)
}

/// Follows a recipe that may be folded so many times more.
fn follow_at(
    depth: u32,
    recipe: &mut dyn Read,
    limits: Limits,
    mut bases: &mut dyn Bases,
    scratch: &Path,
    mut target: &mut dyn Write,
) -> Result<Moved, DeltaError> {
    let mut beginning = [0; BEGINNING_BYTES];
    let broken = |source| DeltaError::Recipe { frame: 0, at: 0, source };
    recipe.read_exact(&mut beginning).map_err(broken)?;
    if beginning != BEGINNING {
        return assemble(beginning.chain(recipe), limits, &mut bases, &mut target);
    }
    if depth == 0 {
        return Err(DeltaError::Header { problem: "is folded deeper than it may be" });
    }
    let mut recipe = Counted { inner: recipe, n_bytes: BEGINNING_BYTES as u64 };
    let header = FoldedHeader::read(&mut recipe, &limits)?;
    let base = unfold_base(&header, bases, scratch)?;
    let mut view =
        View { file: tempfile::tempfile_in(scratch).map_err(DeltaError::View)?, lengths: header.view };
    let n_view = view.n_bytes();
    let mut spool = BufWriter::with_capacity(BUFFER_BYTES, &mut view.file);
    let mut unfolded = Unfolded { file: &base.file };
    let moved =
        follow_at(depth - 1, &mut recipe, Limits::for_target(n_view), &mut unfolded, scratch, &mut spool)?;
    spool.flush().map_err(DeltaError::View)?;
    drop(spool);
    let mut exactly = Exactly { inner: target, n_left: header.n_bytes, fault: None };
    let refolded = refold(&view, &header.folds, &mut exactly);
    let at = header.n_bytes - exactly.n_left;
    if let Some(source) = exactly.fault {
        return Err(DeltaError::WriteTarget { at, source });
    }
    match refolded {
        Err(error) if !is_unlike(&error) => Err(DeltaError::View(error)),
        Ok(()) if exactly.n_left == 0 => Ok(Moved {
            n_frames: moved.n_frames,
            recipe_bytes: recipe.n_bytes,
            patched_bytes: header.n_bytes,
            base_bytes: header.base_bytes,
            ..Moved::default()
        }),
        _ => Err(DeltaError::Header { problem: "makes a view that does not fold" }),
    }
}

/// Says whether an error is the view's, and not the disk's.
pub(super) fn is_unlike(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, QuotaExceeded, UnexpectedEof};
    matches!(error.kind(), InvalidData | UnexpectedEof | QuotaExceeded)
}

fn unfold_base(header: &FoldedHeader, bases: &mut dyn Bases, scratch: &Path) -> Result<View, DeltaError> {
    let &FoldedHeader { base, base_bytes: length, .. } = header;
    let mut file = BaseFile { bases, base, length, at: 0, fault: None };
    let (folds, most_bytes) = (&header.base_folds, view_bytes(length));
    let view = match header.base_view {
        BaseView::Body => unfold_text(&mut file, length, folds, scratch, most_bytes),
        BaseView::Whole => unfold_again(&mut file, length, folds, scratch, most_bytes),
    };
    if let Some((offset, n_bytes, source)) = file.fault {
        return Err(DeltaError::Base { base, offset, length: n_bytes, source });
    }
    view.map_err(|stop| match stop {
        Stop::Io(error) => DeltaError::View(error),
        Stop::Unlike => DeltaError::Header { problem: "has a base that does not unfold" },
    })
}

/// A recipe that is read, and how many bytes of it.
struct Counted<'a> {
    inner: &'a mut dyn Read,
    n_bytes: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_read = self.inner.read(buffer)?;
        self.n_bytes += n_read as u64;
        Ok(n_read)
    }
}

/// A base as a file.
struct BaseFile<'a> {
    bases: &'a mut dyn Bases,
    base: Sha256,
    length: u64,
    at: u64,
    /// What could not be read, and why.
    fault: Option<(u64, u64, io::Error)>,
}

impl Read for BaseFile<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_left = self.length.saturating_sub(self.at);
        let n_bytes = buffer.len().min(usize::try_from(n_left).unwrap_or(usize::MAX));
        if let Err(error) = self.bases.read_at(&self.base, self.at, &mut buffer[..n_bytes]) {
            let kind = error.kind();
            self.fault = Some((self.at, n_bytes as u64, error));
            return Err(kind.into());
        }
        self.at += n_bytes as u64;
        Ok(n_bytes)
    }
}

impl Seek for BaseFile<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// The view of the base that a header names: a recipe within has no other.
struct Unfolded<'a> {
    file: &'a File,
}

impl Bases for Unfolded<'_> {
    fn read_at(&mut self, _: &Sha256, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

/// Lets so many bytes pass and no more.
struct Exactly<'a> {
    inner: &'a mut dyn Write,
    n_left: u64,
    fault: Option<io::Error>,
}

impl Write for Exactly<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n_left = self.n_left.checked_sub(bytes.len() as u64).ok_or(io::ErrorKind::QuotaExceeded)?;
        if let Err(error) = self.inner.write_all(bytes) {
            let kind = error.kind();
            self.fault = Some(error);
            return Err(kind.into());
        }
        self.n_left = n_left;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
