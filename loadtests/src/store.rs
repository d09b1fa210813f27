//! The store that is measured, with somebody who may publish there.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use store_client::{Credentials, Options, Store};
use tempfile::TempDir;

use crate::charm::{self, Charm};
use crate::ground::Ground;
use crate::memory::{self, Memory};
use crate::process::{Run, run};
use crate::programs::Programs;
use crate::relay::Relay;
use crate::table::{Sample, Way};

/// Who publishes.
pub(crate) const OWNER: &str = "joe";

/// Nobody asks as often as those who measure.
const SETTINGS: &str = "[limits]\nrequests_per_minute = 1_000_000_000\n";

/// A running server on its embedded defaults, with its data in a directory that goes away.
#[derive(Debug)]
pub(crate) struct StoreServer<'a> {
    programs: &'a Programs,
    dir: TempDir,
    child: Child,
    url: String,
    token: String,
    relay: Option<Relay>,
}

impl<'a> StoreServer<'a> {
    pub(crate) fn start(ground: &'a Ground) -> Result<Self> {
        Self::start_with(ground, &[])
    }

    /// Starts one with more flags.
    pub(crate) fn start_with(ground: &'a Ground, flags: &[&str]) -> Result<Self> {
        let (programs, dir) = (&ground.programs, ground.room()?);
        fs::write(settings(dir.path()), SETTINGS)?;
        let token = make_user(&programs.store_server, dir.path(), OWNER)?;
        let mut command = server(&programs.store_server, dir.path());
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(flags).stdout(Stdio::piped());
        command.stderr(File::create(dir.path().join("server.log"))?);
        let child = command.spawn()?;
        let mut store = Self { programs, dir, child, url: String::new(), token, relay: None };
        store.url = store.listening()?;
        Ok(store)
    }

    /// Puts a relay between clients and the server, so that what travels can be counted.
    pub(crate) fn relayed(mut self) -> Result<Self> {
        let server = self.url.strip_prefix("http://").context("the server does not speak plain HTTP")?;
        let relay = Relay::start(server.trim_end_matches('/').parse()?)?;
        self.url = format!("http://{}", relay.address());
        self.relay = Some(relay);
        Ok(self)
    }

    /// Runs a client, and returns what travelled meanwhile, and what it said.
    pub(crate) fn travel(&self, client: impl FnOnce() -> Result<Run>) -> Result<(Way, String)> {
        let relay = self.relay.as_ref().context("nothing counts what travels")?;
        relay.take_bytes();
        let run = client()?;
        Ok((Way { n_bytes: relay.take_bytes(), seconds: run.seconds }, run.stdout))
    }

    fn listening(&mut self) -> Result<String> {
        let mut line = String::new();
        let stdout = self.child.stdout.take().context("the server has no standard output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let url = line.trim().strip_prefix("listening on ");
        let log = self.dir.path().join("server.log");
        let failed =
            || format!("the server did not start: {}", std::fs::read_to_string(log).unwrap_or_default());
        Ok(url.with_context(failed)?.to_owned())
    }

    /// Returns the address of a route, which begins with a slash.
    pub(crate) fn url(&self, route: &str) -> String {
        format!("{}/v4{route}", self.url)
    }

    /// Makes another user, and returns a token of it.
    pub(crate) fn make_user(&self, name: &str) -> Result<String> {
        make_user(&self.programs.store_server, self.dir.path(), name)
    }

    /// Returns the publisher's token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Returns a client with that token.
    pub(crate) fn client(&self) -> Result<Store> {
        Ok(Store::new(&self.url, Credentials::Token(self.token.clone().into()), Options::default())?)
    }

    /// Publishes a charm with `charm-publish`; its output is the full reference.
    pub(crate) fn publish(&self, charm: &Charm) -> Result<Run> {
        self.publish_with(charm, &[])
    }

    /// Publishes a charm with more flags.
    pub(crate) fn publish_with(&self, charm: &Charm, flags: &[&str]) -> Result<Run> {
        run(self.command(&self.programs.charm_publish).arg("--quiet").args(flags).arg(charm.dir()))
    }

    /// Installs a charm into a new directory with `charm-deploy`.
    pub(crate) fn deploy(&self, id: &str, dir: &Path) -> Result<Run> {
        run(self.command(&self.programs.charm_deploy).args(["--quiet", "install", id]).arg(dir))
    }

    /// Brings what is installed in a directory to another revision.
    pub(crate) fn upgrade(&self, dir: &Path, id: &str) -> Result<Run> {
        run(self.command(&self.programs.charm_deploy).args(["--quiet", "upgrade"]).arg(dir).arg(id))
    }

    /// Makes what was published the current of its channel.
    pub(crate) fn release(&self, id: &str) -> Result<Run> {
        run(self.command(&self.programs.charm_publish).args(["--quiet", "release", id]))
    }

    /// Runs a client, and returns what it took on both sides.
    pub(crate) fn time(&self, client: impl FnOnce() -> Result<Run>) -> Result<Sample> {
        Ok(self.time_and_tell(client)?.0)
    }

    /// Runs a client, and returns what it took on both sides, and what it said.
    pub(crate) fn time_and_tell(&self, client: impl FnOnce() -> Result<Run>) -> Result<(Sample, String)> {
        let (run, server) = self.watch(client)?;
        let client_peak_bytes = Some(run.peak_bytes);
        Ok((Sample { value: run.seconds, server, client_peak_bytes }, run.stdout))
    }

    /// Does something whose result is a rate, and returns that with what it took of the server.
    pub(crate) fn rate(&self, work: impl FnOnce() -> Result<f64>) -> Result<Sample> {
        let (value, server) = self.watch(work)?;
        Ok(Sample { value, server, client_peak_bytes: None })
    }

    fn watch<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(T, Memory)> {
        memory::watch(self.child.id(), work)
    }

    fn command(&self, program: &PathBuf) -> Command {
        let mut command = Command::new(program);
        // Nothing of the caller's own configuration, and nothing of its own credentials.
        command.env_clear().env("HOME", self.dir.path()).current_dir(self.dir.path());
        command.env("CHARM_STORE", &self.url).env("CHARM_STORE_TOKEN", &self.token);
        command
    }
}

impl Drop for StoreServer<'_> {
    fn drop(&mut self) {
        // It may have ended already, and its data goes away in any case.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the address of the charm's resource, below the address of a store.
pub(crate) fn resource_route(id: &str) -> String {
    format!("/{id}/resources/{}", charm::PLACE)
}

fn make_user(program: &Path, dir: &Path, name: &str) -> Result<String> {
    run(server(program, dir).args(["user", "add", name]))?;
    Ok(run(server(program, dir).args(["token", "create", "--user", name]))?.stdout)
}

fn server(program: &Path, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().current_dir(dir).arg("--data").arg(dir.join("data"));
    command.arg("--config").arg(settings(dir));
    command
}

fn settings(dir: &Path) -> PathBuf {
    dir.join("settings.toml")
}
