//! The view of a file: its bytes with every fold's text in its place, and behind them how the folds were made.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// How much of a section is gathered before it is written or read.
const BUFFER_BYTES: usize = 64 << 10;

/// The sections of a view, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// What is no deflate as it is, and the text of what is.
    Body,
    /// After how many right guesses one is wrong, and whether a literal stands there: numbers of seven bits a byte.
    Runs,
    /// The lengths of matches that were not guessed, less three.
    Lengths,
    /// Their distances, less one, at two bytes.
    Distances,
    /// What a stream says of its blocks.
    Blocks,
}

impl Section {
    /// All of them, in their order.
    #[cfg(test)]
    pub(super) const ALL: [Self; N_SECTIONS] =
        [Self::Body, Self::Runs, Self::Lengths, Self::Distances, Self::Blocks];
}

/// How many sections there are.
pub(crate) const N_SECTIONS: usize = 5;

/// How many bytes each section has.
pub(crate) type SectionLengths = [u64; N_SECTIONS];

/// A view in a file without a name.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) file: File,
    pub(crate) lengths: SectionLengths,
}

impl View {
    /// Returns how many bytes it has.
    pub(crate) fn n_bytes(&self) -> u64 {
        self.lengths.iter().sum()
    }

    /// Returns how many bytes of it say what was guessed wrongly.
    pub(crate) fn n_choices(&self) -> u64 {
        self.lengths[Section::Runs as usize..Section::Blocks as usize].iter().sum()
    }

    /// Reads one section from its beginning.
    pub(super) fn section(&self, section: Section) -> BufReader<SectionReader<'_>> {
        let (before, rest) = self.lengths.split_at(section as usize);
        let at = before.iter().sum();
        let end = at + rest[0];
        BufReader::with_capacity(BUFFER_BYTES, SectionReader { file: &self.file, at, end })
    }
}

/// Some bytes of a file, whoever else reads it.
pub(super) struct SectionReader<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for SectionReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let n_read = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += n_read as u64;
        Ok(n_read)
    }
}

/// A view as it is made.
pub(super) struct ViewWriter {
    sections: [BufWriter<File>; N_SECTIONS],
    lengths: SectionLengths,
    most_bytes: u64,
}

impl ViewWriter {
    /// Begins a view of at most so many bytes in a directory.
    pub(super) fn new(scratch: &Path, most_bytes: u64) -> io::Result<Self> {
        let spool =
            || tempfile::tempfile_in(scratch).map(|file| BufWriter::with_capacity(BUFFER_BYTES, file));
        let sections = [spool()?, spool()?, spool()?, spool()?, spool()?];
        Ok(Self { sections, lengths: [0; N_SECTIONS], most_bytes })
    }

    /// Adds bytes to a section.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::QuotaExceeded`] if the view would have too many.
    #[inline]
    pub(super) fn add(&mut self, section: Section, bytes: &[u8]) -> io::Result<()> {
        self.most_bytes =
            self.most_bytes.checked_sub(bytes.len() as u64).ok_or(io::ErrorKind::QuotaExceeded)?;
        self.lengths[section as usize] += bytes.len() as u64;
        self.sections[section as usize].write_all(bytes)
    }

    /// Adds a number to a section.
    #[inline]
    pub(super) fn add_number(&mut self, section: Section, number: u64) -> io::Result<()> {
        let (bytes, n_bytes) = encode(number);
        self.add(section, &bytes[..n_bytes])
    }

    /// Puts the sections behind each other.
    pub(super) fn finish(self) -> io::Result<View> {
        let mut files = Vec::with_capacity(N_SECTIONS);
        for section in self.sections {
            files.push(section.into_inner().map_err(io::IntoInnerError::into_error)?);
        }
        let (body, columns) = files.split_first_mut().ok_or(io::ErrorKind::InvalidInput)?;
        for column in columns {
            column.seek(SeekFrom::Start(0))?;
            io::copy(column, body)?;
        }
        Ok(View { file: files.swap_remove(0), lengths: self.lengths })
    }
}

/// Returns a number, seven bits a byte, the lowest first, and how many bytes it takes.
#[inline]
pub(super) fn encode(mut number: u64) -> ([u8; 10], usize) {
    let (mut bytes, mut n_bytes) = ([0; 10], 0);
    loop {
        let low = number.to_le_bytes()[0] & 0x7f;
        number >>= 7;
        bytes[n_bytes] = if number > 0 { low | 0x80 } else { low };
        n_bytes += 1;
        if number == 0 {
            return (bytes, n_bytes);
        }
    }
}

/// Reads a number as [`encode`] makes it.
#[inline]
pub(super) fn read_number(input: &mut impl Read) -> io::Result<u64> {
    let (mut number, mut n_bits) = (0, 0);
    loop {
        let mut byte = [0];
        input.read_exact(&mut byte)?;
        number |= u64::from(byte[0] & 0x7f) << n_bits;
        if byte[0] & 0x80 == 0 {
            return Ok(number);
        }
        n_bits += 7;
        if n_bits > 56 {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}
