//! Ports of servers that cannot say which they took.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

const PATIENCE: Duration = Duration::from_secs(10);

/// Returns a port of loopback that nobody listens on.
pub(crate) fn free() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Waits until a server listens.
pub(crate) fn wait(port: u16, server: &mut Child, name: &str) -> Result<()> {
    let began = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        ensure!(server.try_wait()?.is_none(), "{name} ended at once");
        ensure!(began.elapsed() < PATIENCE, "{name} is not ready after {} s", PATIENCE.as_secs());
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
