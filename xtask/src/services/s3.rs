//! A throw-away S3 server.

use std::net::{Ipv4Addr, TcpStream};

use anyhow::Result;

use super::{Service, dies_with_us, free_port};
use crate::install::{self, Moto};
use crate::step;

/// A running S3 server without buckets.
#[derive(Debug)]
pub(crate) struct S3 {
    _service: Service,
    port: u16,
}

impl S3 {
    pub(crate) fn start() -> Result<Self> {
        let Moto { python, packages } = install::moto()?;
        step::say("starting an S3 server");
        let port = free_port()?;
        let mut command = dies_with_us();
        command.arg("--").arg(python).args(["-m", "moto.server"]).env("PYTHONPATH", packages);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        let is_ready = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        Ok(Self { _service: Service::start("s3", command, is_ready)?, port })
    }

    /// Returns its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
