//! The peer of every download: nginx with static files, which it also takes with PUT.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Result;
use tempfile::TempDir;

use crate::ground::Ground;
use crate::peer::Peer;
use crate::ports;

/// A running nginx on loopback.
#[derive(Debug)]
pub(crate) struct Nginx {
    child: Child,
    port: u16,
    _dir: TempDir,
}

impl Nginx {
    /// Starts nginx with the files of a directory.
    pub(crate) fn start(ground: &Ground, files: &Path) -> Result<Self> {
        let (dir, port) = (ground.room()?, ports::free()?);
        fs::write(dir.path().join("nginx.conf"), config(dir.path(), files, port))?;
        let mut command = Command::new(Peer::Nginx.path()?);
        command
            .arg("-p")
            .arg(dir.path())
            .args(["-c", "nginx.conf"])
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        let mut nginx = Self { child: command.spawn()?, port, _dir: dir };
        ports::wait(port, &mut nginx.child, "nginx")?;
        Ok(nginx)
    }

    /// Returns the address of a file.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Killed outright, it would leave its workers behind.
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_child(&self.child),
            rustix::process::Signal::TERM,
        );
        let _ = self.child.wait();
    }
}

/// Debian's settings, as far as they say how files are served; it logs each request, as the store does.
fn config(dir: &Path, files: &Path, port: u16) -> String {
    let (dir, files) = (dir.display(), files.display());
    // Its workers would otherwise be those of a user who may not look into a temporary directory.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    format!(
        "{user} daemon off; worker_processes auto; pid {dir}/nginx.pid; error_log {dir}/error.log;
         events {{ worker_connections 768; }}
         http {{
             sendfile on; tcp_nopush on; access_log {dir}/access.log;
             client_body_temp_path {dir}; proxy_temp_path {dir}; fastcgi_temp_path {dir};
             uwsgi_temp_path {dir}; scgi_temp_path {dir};
             server {{
                 listen 127.0.0.1:{port}; root {files};
                 dav_methods PUT; client_max_body_size 0;
             }}
         }}"
    )
}
