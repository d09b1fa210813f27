//! Whether the time of an answer tells a private name from one that nobody has.
//!
//! The measuring is as an attacker's on the same machine would be: one connection, one request at a time, both kinds
//! in random order. What is compared are not means but every time with every other: the area under the curve (AUC) is
//! how often a guess by time would be right, 0.5 being chance.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use charm_model::digest::Content;
use serde_json::json;

use crate::charm::{self, Charm};
use crate::ground::Ground;
use crate::noise;
use crate::peer::Peer;
use crate::store::{OWNER, StoreServer};
use crate::table::Table;

/// How many pairs of requests of each kind.
const N_PAIRS: usize = 10_000;

/// How well a guess may do.
const MAX_AUC: f64 = 0.55;

/// A name as long as the private charm's, that nobody has.
const UNKNOWN: &str = "daol";

/// Somebody who may know of no private charm.
const STRANGER: &str = "eve";

/// How many pairs come first, and find caches empty.
const N_FIRST: usize = 500;

/// What is asked by name, by nobody and by a stranger.
const BY_NAME: [(&str, &str); 5] = [
    ("resolve", "/v4/resolve?id=~OWNER/NAME"),
    ("archive", "/v4/~OWNER/NAME/archive"),
    ("status", "/v4/~OWNER/NAME/status"),
    ("rights", "/v4/~OWNER/NAME/rights"),
    ("a revision", "/v4/~OWNER/NAME-0/archive/metadata.yaml"),
];

pub(super) const PEERS: &[Peer] = &[];

pub(super) fn run(ground: &Ground) -> Result<Table> {
    let (server, room) = (StoreServer::start(ground)?, ground.room()?);
    let charm = Charm::write(room.path().join("charm"))?;
    charm.renew(0, 1 << 10)?;
    // A new base is under test: nobody else knows of it.
    server.publish(&charm)?;
    let host = server.url("").trim_start_matches("http://").trim_end_matches("/v4").to_owned();
    let stranger = server.make_user(STRANGER)?;
    let mut table = Table::default();
    let mut measure = |name: String, private: &Ask, unknown: &Ask| {
        let auc = measure(&host, private, unknown)?;
        let text = format!(
            "{name}: of {N_PAIRS} pairs, time tells what is private from what is not there in {:.1} % of guesses (50 % is chance, at most {:.0} %)",
            auc * 100.0,
            MAX_AUC * 100.0
        );
        table = std::mem::take(&mut table).promising(text, auc <= MAX_AUC);
        Ok::<_, anyhow::Error>(())
    };
    for (who, token) in [("nobody", None), ("a stranger", Some(stranger.as_str()))] {
        for (name, path) in BY_NAME {
            let ask = |base: &str| Ask {
                method: "GET",
                path: path.replace("OWNER", OWNER).replace("NAME", base),
                token: token.map(str::to_owned),
                body: String::new(),
                status: 404,
            };
            measure(format!("{name}, {who}"), &ask(charm::NAME), &ask(UNKNOWN))?;
        }
    }
    let plan = |content: Content, base: &str, status| {
        let body = json!({ "base": base, "series": "jammy", "archive": content, "dry_run": true });
        let (token, body) = (Some(stranger.clone()), body.to_string());
        Ask { method: "POST", path: "/v4/publish".to_owned(), token, body, status }
    };
    let private = Content::of(&fs::read(charm.resource())?);
    let unknown = Content::of(&noise::bytes(1, private.size));
    let own = format!("~{STRANGER}/{}", charm::NAME);
    measure(
        "content that somebody else has".to_owned(),
        &plan(private, &own, 200),
        &plan(unknown, &own, 200),
    )?;
    let [there, not_there] =
        [charm::NAME, UNKNOWN].map(|name| plan(private, &format!("~{OWNER}/{name}"), 401));
    measure("a publish to it, a stranger".to_owned(), &there, &not_there)?;
    Ok(table)
}

/// A request, and how it is to be answered.
struct Ask {
    method: &'static str,
    path: String,
    token: Option<String>,
    body: String,
    status: u16,
}

/// Returns how often a guess by time is right, between 0.5 and 1.
fn measure(host: &str, private: &Ask, unknown: &Ask) -> Result<f64> {
    let mut connection = Connection::open(host)?;
    let (mut of_private, mut of_unknown) = (Vec::new(), Vec::new());
    let mut random = 0x5eed_u64;
    for n in 0..N_PAIRS + N_FIRST {
        // xorshift64: which of the two comes first.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let private_first = random >> 63 == 0;
        for is_private in [private_first, !private_first] {
            let (ask, times) =
                if is_private { (private, &mut of_private) } else { (unknown, &mut of_unknown) };
            let time = connection.time(ask)?;
            if n >= N_FIRST {
                times.push(time);
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

    /// Returns how long it takes until the answer begins; it is read whole.
    fn time(&mut self, ask: &Ask) -> Result<Duration> {
        let Ask { method, path, token, body, status } = ask;
        let token = token.as_ref().map(|token| format!("authorization: Bearer {token}\r\n"));
        let content = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\n{}{}\r\n{body}",
            self.host,
            token.unwrap_or_default(),
            if body.is_empty() { "" } else { &content }
        );
        let began = Instant::now();
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let time = began.elapsed();
        ensure!(line.contains(&format!(" {status} ")), "{path} was answered {line}");
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
