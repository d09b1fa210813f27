//! The peer that takes uploads: Debian's docker-registry, as a push and a pull use it.
//!
//! A push names its blob by digest, so whoever pushes has read the file before; that is counted elsewhere. The registry
//! hashes what arrives, and does not flush it.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::ground::Ground;
use crate::peer::{self, Peer};
use crate::ports;
use crate::process::run;

/// A running registry on loopback, with its blobs in a directory that goes away.
#[derive(Debug)]
pub(crate) struct Registry {
    child: Child,
    port: u16,
    dir: TempDir,
}

impl Registry {
    pub(crate) fn start(ground: &Ground) -> Result<Self> {
        let (dir, port) = (ground.room()?, ports::free()?);
        let settings = dir.path().join("registry.yml");
        fs::write(&settings, config(dir.path(), port))?;
        let log = File::create(dir.path().join("registry.log"))?;
        let mut command = Command::new(Peer::DockerRegistry.path()?);
        command.arg("serve").arg(settings).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        let mut registry = Self { child: command.spawn()?, port, dir };
        ports::wait(port, &mut registry.child, "docker-registry")?;
        Ok(registry)
    }

    /// Pushes a file whose digest is known, and returns how many seconds that took.
    pub(crate) fn push(&self, file: &Path, sha256: &str) -> Result<f64> {
        let uploads = format!("http://127.0.0.1:{}/v2/load/blobs/uploads/", self.port);
        let (begun, opened) = self.send(&["--request", "POST"], &uploads)?;
        let body = ["--request", "PATCH", "--header", "Content-Type: application/octet-stream"];
        let file = file.to_str().context("a path that is no text")?;
        let (moved, sent) =
            self.send(&[&body[..], &["--header", "Expect:", "--upload-file", file]].concat(), &begun)?;
        let done = format!("{moved}&digest=sha256:{sha256}");
        let (_, closed) = self.send(&["--request", "PUT"], &done)?;
        Ok(opened + sent + closed)
    }

    /// Returns the address of a blob.
    pub(crate) fn url(&self, sha256: &str) -> String {
        format!("http://127.0.0.1:{}/v2/load/blobs/sha256:{sha256}", self.port)
    }

    /// Forgets all blobs, as a disk has only so much room.
    pub(crate) fn empty(&self) -> Result<()> {
        Ok(fs::remove_dir_all(self.dir.path().join("blobs"))?)
    }

    /// Sends a request, and returns where to go next, and how many seconds it took.
    fn send(&self, args: &[&str], url: &str) -> Result<(String, f64)> {
        let mut curl = peer::curl()?;
        curl.args(["--dump-header", "-", "--output"]).arg(self.dir.path().join("answer")).args(args).arg(url);
        let answered = run(&mut curl)?;
        let next = answered.stdout.lines().find_map(|line| line.strip_prefix("Location: "));
        Ok((next.context("docker-registry does not say where to go on")?.trim().to_owned(), answered.seconds))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended already, and its data goes away in any case.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config(dir: &Path, port: u16) -> String {
    let blobs = dir.join("blobs");
    format!(
        "version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: \"{}\"}}}}
http: {{addr: \"127.0.0.1:{port}\"}}
",
        blobs.display()
    )
}
