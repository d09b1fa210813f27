//! The bytes of one entry, checked as they pass.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Take};

use flate2::{Decompress, FlushDecompress, Status};

use crate::entry::{Entry, Method};
use crate::error::ArchiveError;

/// Opens an entry by its row of the table, without reading anything else of the archive.
///
/// The reader fails rather than end with bytes that do not have the announced size and CRC-32. It never
/// returns more than the announced size, whatever the archive holds.
pub fn open_entry<R: Read + Seek>(mut file: R, entry: &Entry) -> io::Result<EntryReader<BufReader<R>>> {
    file.seek(SeekFrom::Start(entry.data_offset))?;
    Ok(EntryReader::new(BufReader::new(file), entry))
}

/// Reads one entry's uncompressed bytes.
#[derive(Debug)]
pub struct EntryReader<R> {
    path: String,
    compressed: Take<R>,
    inflater: Option<Inflater>,
    n_left: u64,
    crc32: crc32fast::Hasher,
    expected_crc32: u32,
    is_checked: bool,
}

impl<R: BufRead> EntryReader<R> {
    /// Makes a reader of input that stands at the entry's data.
    pub(crate) fn new(input: R, entry: &Entry) -> Self {
        Self {
            path: entry.path.clone(),
            compressed: input.take(entry.compressed_size),
            inflater: (entry.method == Method::Deflated).then(Inflater::new),
            n_left: entry.size,
            crc32: crc32fast::Hasher::new(),
            expected_crc32: entry.crc32,
            is_checked: false,
        }
    }

    /// Reads some bytes; none only if none are left.
    fn fill_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.n_left == 0 {
            return Ok(0);
        }
        match self.fill(buffer)? {
            0 => Err(self.corrupt("it is shorter than announced")),
            n_read => Ok(n_read),
        }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.inflater {
            None => self.compressed.read(buffer),
            Some(inflater) => inflater.read(&mut self.compressed, buffer).map_err(|error| match error {
                InflateError::Io(error) => error,
                InflateError::Stream(problem) => self.corrupt(problem),
            }),
        }
    }

    /// Checks what can be known only once all bytes passed.
    fn check_end(&mut self) -> io::Result<()> {
        if self.fill(&mut [0])? != 0 {
            return Err(self.corrupt("it is longer than announced"));
        }
        if self.compressed.limit() != 0 {
            // What no reader inflates is a place to hide bytes in.
            return Err(self.corrupt("bytes stand behind its compressed data"));
        }
        if self.crc32.clone().finalize() != self.expected_crc32 {
            return Err(self.corrupt("its CRC-32 differs"));
        }
        self.is_checked = true;
        Ok(())
    }

    fn corrupt(&self, problem: &'static str) -> io::Error {
        let error = ArchiveError::Corrupt { path: self.path.clone(), problem };
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

impl<R: BufRead> Read for EntryReader<R> {
    /// Reads some bytes. The last of them come only once all are checked, so that a caller who counts them,
    /// and does not wait for the end, is safe as well.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let n_wanted = usize::try_from(self.n_left).map_or(buffer.len(), |it| it.min(buffer.len()));
        let n_read = self.fill_some(&mut buffer[..n_wanted])?;
        self.crc32.update(&buffer[..n_read]);
        self.n_left -= n_read as u64;
        if self.n_left == 0 && !self.is_checked {
            self.check_end()?;
        }
        Ok(n_read)
    }
}

/// A deflate stream (RFC 1951) that is known to have ended, or not.
#[derive(Debug)]
struct Inflater {
    stream: Decompress,
    has_ended: bool,
}

enum InflateError {
    Io(io::Error),
    Stream(&'static str),
}

impl Inflater {
    fn new() -> Self {
        Self { stream: Decompress::new(false), has_ended: false }
    }

    /// Inflates into the buffer; 0 only at the end of the stream, which is not always that of the input.
    fn read(&mut self, input: &mut impl BufRead, buffer: &mut [u8]) -> Result<usize, InflateError> {
        while !self.has_ended {
            let available = input.fill_buf().map_err(InflateError::Io)?;
            let is_last = available.is_empty();
            let (n_read, n_written) = self.step(available, buffer)?;
            input.consume(n_read);
            if n_written > 0 {
                return Ok(n_written);
            }
            if is_last && !self.has_ended {
                return Err(InflateError::Stream("its compressed data is cut off"));
            }
        }
        Ok(0)
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<(usize, usize), InflateError> {
        let before = (self.stream.total_in(), self.stream.total_out());
        let status = self.stream.decompress(input, output, FlushDecompress::None);
        let status = status.map_err(|_| InflateError::Stream("its compressed data is malformed"))?;
        self.has_ended = status == Status::StreamEnd;
        let difference = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
        let n_read = difference(self.stream.total_in(), before.0);
        Ok((n_read, difference(self.stream.total_out(), before.1)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use charm_model::digest::Content;
    use charm_model::tree::EntryKind;
    use flate2::Compression;
    use flate2::write::DeflateEncoder;
    use test_case::test_case;

    use super::*;

    const TEXT: &[u8] = b"one two one two one two one two";

    fn deflated(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn entry(method: Method, data: &[u8]) -> Entry {
        Entry {
            path: "a".into(),
            kind: EntryKind::File { executable: false },
            size: TEXT.len() as u64,
            compressed_size: data.len() as u64,
            data_offset: 3,
            method,
            crc32: crc32fast::hash(TEXT),
            sha256: Content::of(TEXT).digests.sha256,
        }
    }

    fn read(entry: &Entry, data: &[u8]) -> Result<Vec<u8>, String> {
        let file = io::Cursor::new([b"...", data, b"..."].concat());
        let mut bytes = Vec::new();
        let mut reader = open_entry(file, entry).unwrap();
        reader.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    #[test]
    fn stored_and_deflated_entries_are_read_by_their_row() {
        assert_eq!(read(&entry(Method::Stored, TEXT), TEXT).unwrap(), TEXT);
        let data = deflated(TEXT);
        assert_eq!(read(&entry(Method::Deflated, &data), &data).unwrap(), TEXT);
    }

    #[test_case(|it| it.crc32 += 1, "its CRC-32 differs"; "crc")]
    #[test_case(|it| it.size += 1, "it is shorter than announced"; "shorter")]
    #[test_case(|it| it.size -= 1, "it is longer than announced"; "longer")]
    #[test_case(|it| it.size = 0, "it is longer than announced"; "not empty")]
    #[test_case(|it| it.compressed_size -= 1, "its compressed data is cut off"; "cut off")]
    #[test_case(|it| it.compressed_size += 1, "bytes stand behind its compressed data"; "behind")]
    #[test_case(|it| it.data_offset += 1, "its compressed data is malformed"; "malformed")]
    fn a_row_that_lies_is_an_error(lie: impl FnOnce(&mut Entry), why: &str) {
        let data = deflated(TEXT);
        let mut entry = entry(Method::Deflated, &data);
        lie(&mut entry);
        assert_eq!(read(&entry, &data), Err(format!("`a` is damaged: {why}")));
    }

    #[test]
    fn the_last_bytes_come_only_once_all_are_checked() {
        let lying = Entry { crc32: 1, ..entry(Method::Stored, TEXT) };
        let file = io::Cursor::new([b"...", TEXT].concat());
        let mut all_bytes = vec![0; TEXT.len()];
        assert!(open_entry(file, &lying).unwrap().read_exact(&mut all_bytes).is_err());
    }
}
