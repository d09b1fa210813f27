//! The demo's store.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;

use anyhow::Result;

use crate::services::{Service, dies_with_us, free_port};
use crate::workspace;

/// The port of the documentation, taken if it is free.
const USUAL_PORT: u16 = 8080;

/// A running store.
#[derive(Debug)]
pub(crate) struct Server {
    service: Service,
    port: u16,
}

impl Server {
    /// Starts a store on that port, with its data in `DIR/store`.
    pub(crate) fn start(dir: &Path, port: u16) -> Result<Self> {
        let mut command = dies_with_us();
        command
            .arg("--")
            .arg(workspace::programs().join("store-server"))
            .args(arguments(port))
            .current_dir(dir);
        let is_ready = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        Ok(Self { service: Service::start("store-server", command, is_ready)?, port })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.service.is_running()
    }
}

/// Returns what the server is started with.
pub(crate) fn arguments(port: u16) -> [String; 5] {
    ["serve", "--data", "store", "--listen", &format!("127.0.0.1:{port}")].map(str::to_owned)
}

/// Returns the usual port, or another if that one is taken.
pub(crate) fn port() -> Result<u16> {
    let is_free = TcpListener::bind((Ipv4Addr::LOCALHOST, USUAL_PORT)).is_ok();
    if is_free { Ok(USUAL_PORT) } else { free_port() }
}
