//! A store, as an operator runs it.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::program::program;
use crate::run::Run;
use crate::user::User;

/// The name of the file of settings, in the store's directory.
const CONFIG: &str = "store.toml";

/// Where a store keeps what it has, if that is not its data directory.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What `--database` says.
    pub database: Option<String>,
    /// What `--objects` says.
    pub objects: Option<String>,
    /// What stands in the file of `--config`.
    pub config: Option<String>,
    /// What the command line of `serve` begins with, such as a call of `strace`.
    pub under: Vec<String>,
}

impl Settings {
    fn args(&self) -> Vec<String> {
        let pair =
            |name: &str, value: &Option<String>| value.as_ref().map(|it| [name.to_owned(), it.clone()]);
        [pair("--database", &self.database), pair("--objects", &self.objects)]
            .into_iter()
            .flatten()
            .flatten()
            .collect()
    }
}

/// A running store. It is killed, and its data removed, when the value goes.
#[derive(Debug)]
pub struct Server {
    dir: TempDir,
    settings: Settings,
    url: String,
    child: Child,
}

impl Server {
    /// Starts a store on its embedded defaults.
    pub fn start() -> Self {
        Self::with(Settings::default())
    }

    /// Starts a store that keeps its things elsewhere.
    pub fn with(settings: Settings) -> Self {
        let dir = TempDir::with_prefix("store-").unwrap();
        if let Some(config) = &settings.config {
            fs::write(dir.path().join(CONFIG), config).unwrap();
        }
        let (child, url) = serve(dir.path(), &settings, "127.0.0.1:0");
        Self { dir, settings, url, child }
    }

    /// Returns its address.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Returns a directory for the test's own files, beside the store's data.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Makes a user, and a token for them.
    pub fn user(&self, name: &str, groups: &[&str]) -> User {
        let groups = groups.iter().flat_map(|group| ["--group", group]);
        let add: Vec<_> = ["user", "add", name].into_iter().chain(groups).collect();
        assert_eq!(self.admin(&add).code, Some(0));
        let token = self.admin(&["token", "create", "--user", name]).ok().stdout;
        User::new(name, &self.url(), token.trim(), self.dir())
    }

    /// Returns what the server has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("server.log")).unwrap()
    }

    /// Runs another verb of `store-server` on the same data.
    pub fn admin(&self, args: &[&str]) -> Run {
        Run::of(command(self.dir(), &self.settings).args(args))
    }

    /// Kills the server as a power failure would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends the server as an operator would, and returns its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }

    /// Returns the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Starts the server again, at the same address, under nothing.
    pub fn start_again_plainly(&mut self) {
        self.settings.under.clear();
        self.start_again();
    }

    /// Starts the server again, at the same address.
    pub fn start_again(&mut self) {
        let (_, listen) = self.url.split_once("://").unwrap();
        (self.child, _) = serve(self.dir.path(), &self.settings, listen);
    }

    /// Returns the most memory that the server has had at once, in bytes.
    pub fn peak_memory_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a server, and returns it with the address that it says it listens on.
fn serve(dir: &Path, settings: &Settings, listen: &str) -> (Child, String) {
    let log = File::options().create(true).append(true).open(dir.join("server.log")).unwrap();
    let mut command = match settings.under.split_first() {
        None => command(dir, settings),
        Some((first, rest)) => under(first, rest, &command(dir, settings)),
    };
    command.current_dir(dir).args(["serve", "--listen", listen]).stdout(Stdio::piped()).stderr(log);
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on ").map(str::to_owned);
    let log = || fs::read_to_string(dir.join("server.log")).unwrap();
    (child, address.unwrap_or_else(|| panic!("the server did not start: {line}{}", log())))
}

fn under(first: &str, rest: &[String], inner: &Command) -> Command {
    let mut command = Command::new(first);
    command.args(rest).arg(inner.get_program()).args(inner.get_args());
    command
}

fn command(dir: &Path, settings: &Settings) -> Command {
    let mut command = Command::new(program("store-server"));
    command.current_dir(dir).arg("--data").arg(dir.join("data")).args(settings.args());
    if settings.config.is_some() {
        command.arg("--config").arg(dir.join(CONFIG));
    }
    command
}
