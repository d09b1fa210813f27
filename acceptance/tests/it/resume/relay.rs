//! A line to a server on which every byte is counted.

use std::io::{self, Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The longest that a test waits for bytes to move.
const DEADLINE: Duration = Duration::from_mins(1);

/// A line to a server. It takes connections until the tests end.
#[derive(Clone)]
pub(super) struct Relay {
    address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    up: AtomicU64,
    down: AtomicU64,
    /// What each connection began with.
    heads: Mutex<Vec<String>>,
}

impl Relay {
    /// Opens a line to the server at that URL.
    pub(super) fn to(server: &str) -> Self {
        let server: SocketAddr = server.trim_start_matches("http://").parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let seen = relay.seen.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let seen = seen.clone();
                thread::spawn(move || pass(&client, server, &seen));
            }
        });
        relay
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns how many bytes went up and down so far.
    pub(super) fn counted(&self) -> (u64, u64) {
        (self.seen.up.load(Ordering::SeqCst), self.seen.down.load(Ordering::SeqCst))
    }

    /// Returns the first line of every connection so far.
    pub(super) fn first_lines(&self) -> Vec<String> {
        let heads = self.seen.heads.lock().unwrap();
        heads.iter().filter_map(|head| head.lines().next().map(str::to_owned)).collect()
    }

    /// Waits until that holds for what was counted.
    pub(super) fn wait(&self, until: impl Fn(u64, u64) -> bool) {
        let began = Instant::now();
        while !until(self.counted().0, self.counted().1) {
            assert!(began.elapsed() < DEADLINE, "nothing moves: {:?}", self.counted());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn pass(mut client: &TcpStream, server: SocketAddr, seen: &Arc<Seen>) {
    let Ok(server) = TcpStream::connect(server) else {
        // What a client says to a server that is away is worth knowing too.
        let mut head = [0; 256];
        let n_bytes = client.read(&mut head).unwrap_or(0);
        seen.heads.lock().unwrap().push(String::from_utf8_lossy(&head[..n_bytes]).into_owned());
        return;
    };
    let (from_server, to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let counted = seen.clone();
    let down = thread::spawn(move || copy(&from_server, &to_client, |bytes| add(&counted.down, bytes)));
    let mut is_first = true;
    copy(client, &server, |bytes| {
        add(&seen.up, bytes);
        if std::mem::take(&mut is_first) {
            seen.heads.lock().unwrap().push(String::from_utf8_lossy(bytes).into_owned());
        }
    });
    down.join().unwrap();
}

fn add(counter: &AtomicU64, bytes: &[u8]) {
    counter.fetch_add(bytes.len() as u64, Ordering::SeqCst);
}

/// Copies until either side ends, and ends both.
fn copy(mut from: &TcpStream, mut to: &TcpStream, mut count: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let outcome: io::Result<usize> = from.read(&mut buffer);
        let Ok(n_bytes @ 1..) = outcome else { break };
        count(&buffer[..n_bytes]);
        if to.write_all(&buffer[..n_bytes]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
