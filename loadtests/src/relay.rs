//! A relay between clients and a server: it counts what travels, headers and all.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use anyhow::Result;

/// How much is passed on at once, in bytes.
const PIECE: usize = 256 << 10;

/// A relay that listens on loopback until it is dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    n_bytes: AtomicU64,
    is_over: AtomicBool,
}

impl Relay {
    /// Starts to pass on to a server.
    pub(crate) fn start(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let relay = Self { address: listener.local_addr()?, shared: Arc::default() };
        let shared = Arc::clone(&relay.shared);
        thread::spawn(move || accept(&listener, server, &shared));
        Ok(relay)
    }

    /// Returns where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns how many bytes have travelled in both directions since it was asked last.
    pub(crate) fn take_bytes(&self) -> u64 {
        self.shared.n_bytes.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // It looks up when somebody comes.
        let _ = TcpStream::connect(self.address);
    }
}

fn accept(listener: &TcpListener, server: SocketAddr, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.is_over.load(Ordering::Relaxed) {
            return;
        }
        // A client that cannot be served sees its connection end, and says so itself.
        let _ = client.and_then(|client| join(&client, &TcpStream::connect(server)?, shared));
    }
}

/// Passes on in both directions until both have ended.
fn join(client: &TcpStream, server: &TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    for (from, to) in [(client, server), (server, client)] {
        to.set_nodelay(true)?;
        let (from, to, shared) = (from.try_clone()?, to.try_clone()?, Arc::clone(shared));
        thread::spawn(move || {
            if pass_on(&from, &to, &shared).is_err() {
                let _ = from.shutdown(Shutdown::Read);
            }
            let _ = to.shutdown(Shutdown::Write);
        });
    }
    Ok(())
}

fn pass_on(mut from: &TcpStream, mut to: &TcpStream, shared: &Shared) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let n_bytes = match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(n_bytes) => n_bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        // Before it is passed on: whoever has all bytes may ask at once.
        shared.n_bytes.fetch_add(n_bytes as u64, Ordering::Relaxed);
        to.write_all(&piece[..n_bytes])?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_arrives_and_is_counted_once() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let relay = Relay::start(server.local_addr().unwrap()).unwrap();
        let client = thread::spawn({
            let address = relay.address();
            move || {
                let mut client = TcpStream::connect(address).unwrap();
                client.write_all(&vec![1; 1_000_000]).unwrap();
                client.shutdown(Shutdown::Write).unwrap();
                let mut answer = Vec::new();
                client.read_to_end(&mut answer).unwrap();
                answer
            }
        });
        let (mut client_side, _) = server.accept().unwrap();
        let mut question = Vec::new();
        client_side.read_to_end(&mut question).unwrap();
        client_side.write_all(&vec![2; 70_000]).unwrap();
        drop(client_side);
        assert_eq!((question.len(), client.join().unwrap().len()), (1_000_000, 70_000));
        assert_eq!((relay.take_bytes(), relay.take_bytes()), (1_070_000, 0));
    }

    #[test]
    fn a_relay_that_is_dropped_takes_nobody_any_more() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let relay = Relay::start(server.local_addr().unwrap()).unwrap();
        let address = relay.address();
        drop(relay);
        // The listener ends with its thread, which nobody waits for.
        while TcpStream::connect(address).is_ok() {
            thread::yield_now();
        }
    }
}
