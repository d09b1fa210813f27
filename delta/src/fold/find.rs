//! Where in a file deflate streams are: members of zips by their local headers, and gzip by its own.
//!
//! Whatever stands around them does not matter, so those in a tar, or in a zip that is not compressed, are found as well.
//! Nothing depends on what is found but the size of a patch.

use std::io::{self, Read, Seek};

use super::bits::BitReader;
use super::inflate::{Block, Stop, Tokens, inflate};
use super::input::Input;
use crate::limits::MAX_FOLD_TEXT_BYTES;

/// How few bytes are not worth a fold.
const MIN_STREAM_BYTES: u64 = 64;

/// How many bytes may be read in vain, besides as many as the file has.
const MAX_VAIN_BYTES: u64 = 1 << 20;

/// A deflate stream of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) n_text: u32,
    /// Of the bytes between start and end.
    pub(crate) digest: [u8; 32],
}

/// Finds streams, up to `most` of them.
pub(crate) fn find(file: impl Read + Seek, n_bytes: u64, most: usize) -> io::Result<Vec<Found>> {
    let mut input = Input::new(file)?;
    let mut found: Vec<Found> = Vec::new();
    let mut n_vain = 0;
    while found.len() < most && n_vain <= n_bytes + MAX_VAIN_BYTES {
        let Some(start) = next_start(&mut input)? else { break };
        let mut bits = BitReader::new(&mut input);
        let outcome = inflate(&mut bits, MAX_FOLD_TEXT_BYTES, &mut Nothing);
        let end = bits.release()?.position();
        match outcome {
            Ok(n_text) if end - start >= MIN_STREAM_BYTES => {
                let digest = digest(&mut input, start, end)?;
                found.push(Found { start, end, n_text, digest });
            }
            Ok(_) => {}
            Err(Stop::Unlike) => {
                n_vain += end - start;
                input.seek(start)?;
            }
            Err(Stop::Io(error)) => return Err(error),
        }
    }
    Ok(found)
}

fn digest<R: Read + Seek>(input: &mut Input<R>, start: u64, end: u64) -> io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    input.seek(start)?;
    input.pass(end, |bytes| {
        hasher.update(bytes);
        io::Result::Ok(())
    })?;
    Ok(hasher.finalize().into())
}

/// Goes to where the next stream may begin, and returns where that is.
fn next_start<R: Read + Seek>(input: &mut Input<R>) -> io::Result<Option<u64>> {
    loop {
        let position = input.position();
        let ahead = input.ahead()?;
        if ahead.is_empty() {
            return Ok(None);
        }
        let candidate = ahead.iter().position(|byte| matches!(byte, b'P' | 0x1f));
        let Some(n_before) = candidate else {
            let n = ahead.len();
            input.skip(n);
            continue;
        };
        let at = position + n_before as u64;
        input.seek(at)?;
        if let Some(n_bytes) = header(input)? {
            input.seek(at + n_bytes)?;
            return Ok(Some(at + n_bytes));
        }
        input.seek(at + 1)?;
    }
}

/// Returns how long the header is that stands here, if one does.
fn header<R: Read + Seek>(input: &mut Input<R>) -> io::Result<Option<u64>> {
    let mut first = [0; 30];
    let n_read = fill(input, &mut first)?;
    match first {
        // A local header of a member that is compressed and not encrypted. APPNOTE.TXT 4.3.7.
        [b'P', b'K', 3, 4, _, _, flags, _, 8, 0, .., n0, n1, x0, x1] if n_read == 30 && flags & 1 == 0 => {
            Ok(Some(30 + u64::from(u16::from_le_bytes([n0, n1])) + u64::from(u16::from_le_bytes([x0, x1]))))
        }
        // RFC 1952 §2.3.
        [0x1f, 0x8b, 8, flags, ..] if n_read >= 18 && flags & 0xe0 == 0 => gzip_header(input, &first, n_read),
        _ => Ok(None),
    }
}

fn gzip_header<R: Read + Seek>(
    input: &mut Input<R>,
    first: &[u8; 30],
    n_read: usize,
) -> io::Result<Option<u64>> {
    let flags = first[3];
    let start = input.position() - n_read as u64;
    let mut n_bytes = 10;
    if flags & 4 > 0 {
        n_bytes += 2 + u64::from(u16::from_le_bytes([first[10], first[11]]));
    }
    input.seek(start + n_bytes)?;
    for _ in 0..(flags >> 3 & 1) + (flags >> 4 & 1) {
        loop {
            let mut byte = [1];
            if fill(input, &mut byte)? == 0 || n_bytes > 4096 {
                return Ok(None);
            }
            n_bytes += 1;
            if byte == [0] {
                break;
            }
        }
    }
    Ok(Some(n_bytes + if flags & 2 > 0 { 2 } else { 0 }))
}

/// Fills the buffer as far as the file goes.
fn fill<R: Read + Seek>(input: &mut Input<R>, buffer: &mut [u8]) -> io::Result<usize> {
    let mut n_done = 0;
    while n_done < buffer.len() {
        let ahead = input.ahead()?;
        if ahead.is_empty() {
            break;
        }
        let n = ahead.len().min(buffer.len() - n_done);
        buffer[n_done..n_done + n].copy_from_slice(&ahead[..n]);
        input.skip(n);
        n_done += n;
    }
    Ok(n_done)
}

/// Takes no notice of what a stream has.
struct Nothing;

impl Tokens for Nothing {
    fn begin(&mut self, _: &Block<'_>) -> Result<(), Stop> {
        Ok(())
    }

    #[inline]
    fn literal(&mut self, _: u8) -> Result<(), Stop> {
        Ok(())
    }

    #[inline]
    fn matched(&mut self, _: u32, _: u32) -> Result<(), Stop> {
        Ok(())
    }

    fn stored(&mut self, _: &[u8]) -> Result<(), Stop> {
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        Ok(())
    }

    fn finish(&mut self, _: u8) -> Result<(), Stop> {
        Ok(())
    }
}
