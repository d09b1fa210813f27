//! Somebody who publishes and deploys.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::program::program;
use crate::run::Run;

/// Somebody with a token, at work in a directory of their own.
#[derive(Debug, Clone)]
pub struct User {
    name: String,
    url: String,
    token: String,
    dir: PathBuf,
}

impl User {
    pub(crate) fn new(name: &str, url: &str, token: &str, parent: &Path) -> Self {
        let dir = parent.join(name);
        fs::create_dir(&dir).unwrap();
        Self { name: name.to_owned(), url: url.to_owned(), token: token.to_owned(), dir }
    }

    /// Returns the user's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the user's token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Returns the directory in which the user's programs run.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the same user at another address.
    #[must_use]
    pub fn at(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// Returns the same user with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// Returns a call of a program with the user's store, token and directory, and nothing else of this machine.
    pub fn command(&self, name: &str, args: &[&str]) -> Command {
        self.equip(Command::new(program(name)), args)
    }

    /// Returns a call as [`User::command`] does, whose command line begins with a wrapper, such as a call of `strace`.
    pub fn command_under(&self, wrapper: &[String], name: &str, args: &[&str]) -> Command {
        let (first, rest) = wrapper.split_first().unwrap();
        let mut command = Command::new(first);
        command.args(rest).arg(program(name));
        self.equip(command, args)
    }

    fn equip(&self, mut command: Command, args: &[&str]) -> Command {
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("HOME", &self.dir).env("CHARM_STORE", &self.url).env("CHARM_STORE_TOKEN", &self.token);
        command.current_dir(&self.dir).stdin(Stdio::null()).args(args);
        command
    }

    /// Runs `charm-publish`.
    pub fn publish(&self, args: &[&str]) -> Run {
        Run::of(&mut self.command("charm-publish", args))
    }

    /// Runs `charm-deploy`.
    pub fn deploy(&self, args: &[&str]) -> Run {
        Run::of(&mut self.command("charm-deploy", args))
    }

    /// Runs `charm-publish` to its good end, and returns its result.
    pub fn publish_json(&self, args: &[&str]) -> Value {
        self.publish(&[args, &["--format", "json"]].concat()).ok().json()
    }

    /// Runs `charm-deploy` to its good end, and returns its result.
    pub fn deploy_json(&self, args: &[&str]) -> Value {
        self.deploy(&[args, &["--format", "json"]].concat()).ok().json()
    }

    /// Publishes a directory, and returns the full reference of what it is now.
    pub fn publish_id(&self, dir: &str) -> String {
        self.publish(&["--quiet", dir]).ok().stdout.trim().to_owned()
    }

    /// Returns the full reference of what a reference means.
    pub fn resolve(&self, id: &str) -> String {
        self.publish(&["resolve", id, "--quiet"]).ok().stdout.trim().to_owned()
    }

    /// Starts a program, and does not wait for its end.
    pub fn spawn(&self, name: &str, args: &[&str]) -> Child {
        self.command(name, args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }
}
