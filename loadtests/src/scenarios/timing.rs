//! Whether the time of an answer tells a private name from one that nobody has.
//!
//! The measuring is as an attacker's on the same machine would be: one connection, one request at a time, both kinds
//! in random order. What is compared are not means but every time with every other: the area under the curve (AUC) is
//! how often a guess by time would be right, 0.5 being chance.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::charm::{self, Charm};
use crate::ground::Ground;
use crate::peer::Peer;
use crate::store::{OWNER, StoreServer};
use crate::table::Table;

/// How many pairs of requests of each kind.
const N_PAIRS: usize = 10_000;

/// How well a guess may do.
const MAX_AUC: f64 = 0.55;

/// A name as long as the private charm's, that nobody has.
const UNKNOWN: &str = "daol";

/// What is asked of each.
const ENDPOINTS: [(&str, &str); 4] = [
    ("resolve", "/v4/resolve?id=~OWNER/NAME"),
    ("archive", "/v4/~OWNER/NAME/archive"),
    ("status", "/v4/~OWNER/NAME/status"),
    ("a revision", "/v4/~OWNER/NAME-0/archive/metadata.yaml"),
];

pub(super) const PEERS: &[Peer] = &[];

pub(super) fn run(ground: &Ground) -> Result<Table> {
    let (server, room) = (StoreServer::start(ground)?, ground.room()?);
    let charm = Charm::write(room.path().join("charm"))?;
    charm.renew(0, 1 << 10)?;
    // A new base is under test: nobody else knows of it.
    server.publish(&charm)?;
    let mut table = Table::default();
    for (name, path) in ENDPOINTS {
        let auc = measure(&server, path)?;
        let text = format!(
            "{name}: of {N_PAIRS} pairs, time tells a private name from an unknown one in {:.1} % of guesses (50 % is chance, at most {:.0} %)",
            auc * 100.0,
            MAX_AUC * 100.0
        );
        table = table.promising(text, auc <= MAX_AUC);
    }
    Ok(table)
}

/// Returns how often a guess by time is right, between 0.5 and 1.
fn measure(server: &StoreServer<'_>, path: &str) -> Result<f64> {
    let host = server.url("").trim_start_matches("http://").trim_end_matches("/v4").to_owned();
    let mut connection = Connection::open(&host)?;
    let path = |name: &str| path.replace("OWNER", OWNER).replace("NAME", name);
    let (private, unknown) = (path(charm::NAME), path(UNKNOWN));
    let (mut of_private, mut of_unknown) = (Vec::new(), Vec::new());
    let mut random = 0x5eed_u64;
    for n in 0..N_PAIRS + 500 {
        // xorshift64: which of the two comes first.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let (first, second) = if random >> 63 == 0 { (&private, &unknown) } else { (&unknown, &private) };
        for path in [first, second] {
            let time = connection.time(path)?;
            // The first ones find caches empty.
            if n >= 500 {
                if path == &private { &mut of_private } else { &mut of_unknown }.push(time);
            }
        }
    }
    let auc = auc(&mut of_private, &mut of_unknown);
    Ok(auc.max(1.0 - auc))
}

/// Returns how often one of the first is larger than one of the second, and half of how often they are equal.
#[expect(clippy::cast_precision_loss, reason = "some ten thousand requests are counted")]
fn auc(first: &mut [Duration], second: &mut [Duration]) -> f64 {
    second.sort_unstable();
    let wins = first.iter().map(|time| {
        let n_smaller = second.partition_point(|other| other < time);
        let n_not_larger = second.partition_point(|other| other <= time);
        n_smaller as f64 + (n_not_larger - n_smaller) as f64 / 2.0
    });
    wins.sum::<f64>() / (first.len() as f64 * second.len() as f64)
}

struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    fn open(host: &str) -> Result<Self> {
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), host: host.to_owned() })
    }

    /// Returns how long the answer takes to come, the refusal that it is read whole.
    fn time(&mut self, path: &str) -> Result<Duration> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.host);
        let began = Instant::now();
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let time = began.elapsed();
        ensure!(line.contains(" 404 "), "{path} was answered {line}");
        let mut n_bytes = 0;
        while line.trim() != "" {
            line.clear();
            self.stream.read_line(&mut line)?;
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                n_bytes = value.trim().parse().context("content-length")?;
            }
        }
        self.stream.read_exact(&mut vec![0; n_bytes])?;
        Ok(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(values: &[u64]) -> Vec<Duration> {
        values.iter().copied().map(Duration::from_millis).collect()
    }

    #[test]
    fn a_guess_is_chance_among_equals_and_certain_among_different() {
        assert!((auc(&mut millis(&[1, 2, 3]), &mut millis(&[1, 2, 3])) - 0.5).abs() < 1e-9);
        assert!((auc(&mut millis(&[4, 5]), &mut millis(&[1, 2, 3])) - 1.0).abs() < 1e-9);
        assert!((auc(&mut millis(&[1]), &mut millis(&[2, 3])) - 0.0).abs() < 1e-9);
    }
}
