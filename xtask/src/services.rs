//! Servers that tests need: on loopback, with nothing to lose, gone afterwards.

mod postgres;
mod s3;

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

pub(crate) use self::postgres::Postgres;
pub(crate) use self::s3::S3;
use crate::{interrupt, workspace};

const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(50);

/// A server that runs as long as this value lives.
#[derive(Debug)]
pub(crate) struct Service {
    child: Child,
}

impl Service {
    /// Starts a server, and returns when it can be talked to. What it prints goes to `target/xtask/NAME.log`.
    pub(crate) fn start(name: &str, mut command: Command, is_ready: impl FnMut() -> bool) -> Result<Self> {
        let path = workspace::cache()?.join(format!("{name}.log"));
        let log = File::create(&path).with_context(|| format!("`{}`", path.display()))?;
        // In a group of its own, it outlives the Ctrl-C that is meant for the tests which talk to it.
        command.process_group(0).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        let mut service = Self { child };
        service.wait(is_ready).with_context(|| format!("{name}, whose log is `{}`", path.display()))?;
        Ok(service)
    }

    /// Says whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn wait(&mut self, mut is_ready: impl FnMut() -> bool) -> Result<()> {
        let began = Instant::now();
        while !is_ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("ended at once: {status}");
            }
            ensure!(!interrupt::is_requested(), "interrupted");
            ensure!(began.elapsed() < PATIENCE, "is not ready after {} s", PATIENCE.as_secs());
            thread::sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Silently, because the last lines of a run are the test runner's. PostgreSQL takes SIGINT for a quick
        // end; on SIGTERM it would wait for its clients.
        end(&mut self.child, Signal::INT);
    }
}

/// Asks a process to end, and ends it if it does not.
pub(crate) fn end(child: &mut Child, signal: Signal) {
    let _ = kill_process(Pid::from_child(child), signal);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(10) {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        thread::sleep(POLL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Returns the beginning of a command whose program the kernel ends should this process be killed outright.
pub(crate) fn dies_with_us() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT"]);
    command
}

/// Returns a port of loopback that is free now.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
