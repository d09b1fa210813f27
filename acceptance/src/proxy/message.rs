//! HTTP/1.1 on the wire: heads, and where bodies end (RFC 9112 §6).

use std::io::{self, BufRead, ErrorKind, Read as _, Write};

use super::gate::Gate;

const MAX_HEAD_BYTES: u64 = 64 << 10;
const PIECE_BYTES: u64 = 64 << 10;

/// The head of a request or an answer.
#[derive(Debug, Clone)]
pub(super) struct Head {
    /// The request line or the status line.
    pub(super) first: String,
    lines: Vec<String>,
}

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

impl Head {
    /// Reads a head; `None` if the other side has nothing more to say.
    pub(super) fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut from = from.take(MAX_HEAD_BYTES);
        let first = line(&mut from)?;
        if first.is_empty() {
            return Ok(None);
        }
        let mut lines = Vec::new();
        loop {
            match line(&mut from)? {
                it if it == "\r\n" => return Ok(Some(Self { first: first.trim_end().to_owned(), lines })),
                it if it.is_empty() => return Err(ErrorKind::UnexpectedEof.into()),
                it => lines.push(it.trim_end().to_owned()),
            }
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut pairs = self.lines.iter().filter_map(|line| line.split_once(':'));
        pairs.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Returns the status of an answer.
    pub(super) fn status(&self) -> Option<u16> {
        self.first.split(' ').nth(1)?.parse().ok()
    }

    /// Writes it, and that nothing follows on this connection.
    pub(super) fn write_last(&self, to: &mut impl Write) -> io::Result<()> {
        let is_kept = |line: &&String| !line.to_ascii_lowercase().starts_with("connection:");
        let lines: String = self.lines.iter().filter(is_kept).flat_map(|it| [it, "\r\n"]).collect();
        to.write_all(format!("{}\r\n{lines}connection: close\r\n\r\n", self.first).as_bytes())
    }

    /// Returns where the body of a request ends.
    pub(super) fn framing_of_request(&self) -> Framing {
        self.framing().unwrap_or(Framing::Length(0))
    }

    /// Returns where the body of an answer ends.
    pub(super) fn framing_of_answer(&self) -> Framing {
        match self.status() {
            Some(100..=199 | 204 | 304) => Framing::Length(0),
            _ => self.framing().unwrap_or(Framing::UntilClose),
        }
    }

    fn framing(&self) -> Option<Framing> {
        if self.header("transfer-encoding").is_some_and(|it| it.eq_ignore_ascii_case("chunked")) {
            return Some(Framing::Chunked);
        }
        self.header("content-length")?.parse().ok().map(Framing::Length)
    }
}

/// Passes a body on, as the gate lets it.
pub(super) fn pass(
    framing: Framing,
    from: &mut impl BufRead,
    to: &mut impl Write,
    gate: &mut Gate,
) -> io::Result<()> {
    gate.room()?;
    match framing {
        Framing::Length(n_bytes) => pass_bytes(n_bytes, from, to, gate),
        Framing::Chunked => pass_chunks(from, to, gate),
        Framing::UntilClose => match pass_bytes(u64::MAX, from, to, gate) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(()),
            passed => passed,
        },
    }
}

fn pass_chunks(from: &mut impl BufRead, to: &mut impl Write, gate: &mut Gate) -> io::Result<()> {
    loop {
        let size = line(from)?;
        to.write_all(size.as_bytes())?;
        let n_bytes = u64::from_str_radix(size.trim_end(), 16).map_err(|_| ErrorKind::InvalidData)?;
        pass_bytes(n_bytes, from, to, gate)?;
        // Behind the last chunk, which is empty, stands the empty line of no trailers.
        to.write_all(line(from)?.as_bytes())?;
        if n_bytes == 0 {
            return Ok(());
        }
    }
}

fn pass_bytes(
    mut n_left: u64,
    from: &mut impl BufRead,
    to: &mut impl Write,
    gate: &mut Gate,
) -> io::Result<()> {
    while n_left > 0 {
        let room = gate.room()?.min(n_left).min(PIECE_BYTES);
        let buffer = from.fill_buf()?;
        if buffer.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let n_bytes = buffer.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let mut piece = buffer[..n_bytes].to_vec();
        from.consume(n_bytes);
        gate.see(&mut piece);
        to.write_all(&piece)?;
        n_left -= n_bytes as u64;
    }
    gate.room().map(drop)
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    Ok(line)
}
