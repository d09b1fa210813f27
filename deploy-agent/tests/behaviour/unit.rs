//! A unit's directory, and the program that works on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::store::Store;

pub(crate) struct Unit {
    root: TempDir,
    store: String,
}

impl Unit {
    pub(crate) fn new(store: &Store) -> Self {
        Self { root: tempfile::tempdir().unwrap(), store: store.url() }
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.root.path().join("unit")
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.dir().join(path)).unwrap()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.dir().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_charm-deploy"));
        command.args(args).args(["--format", "json"]).env("CHARM_STORE", &self.store);
        for name in [
            "CHARM_STORE_TOKEN",
            "CHARM_STORE_TOKEN_FILE",
            "CHARM_STORE_CA",
            "CHARM_SEEDS",
            "HTTP_PROXY",
            "http_proxy",
        ] {
            command.env_remove(name);
        }
        command
    }

    pub(crate) fn run(&self, verb: &str, before: &[&str]) -> Run {
        let dir = self.dir();
        let mut args = vec![verb];
        args.extend(before);
        args.push(dir.to_str().unwrap());
        Run(self.command(&args).output().unwrap())
    }

    pub(crate) fn install(&self) -> Run {
        self.run("install", &["--arch", "amd64", "~joe/mysql"])
    }

    pub(crate) fn upgrade(&self) -> Run {
        self.run("upgrade", &[])
    }

    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Returns what runs, by the state file; `None` where nothing does.
    pub(crate) fn running(&self) -> Option<String> {
        let text = fs::read(self.dir().join("charm-deploy.json")).ok()?;
        let state: Value = serde_json::from_slice(&text).unwrap();
        Some(state["id"].as_str().unwrap().to_owned())
    }

    /// Returns how many entries a directory of ours has.
    pub(crate) fn count(&self, path: &str) -> usize {
        fs::read_dir(self.dir().join(".charm-deploy").join(path)).map_or(0, Iterator::count)
    }

    pub(crate) fn link(&self, path: &str) -> PathBuf {
        fs::read_link(self.dir().join(path)).unwrap()
    }
}

/// What the program said.
pub(crate) struct Run(Output);

impl Run {
    /// Returns the result of a run that went well.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.exit(), 0, "{}", self.complaint());
        self.result()
    }

    pub(crate) fn result(&self) -> Value {
        serde_json::from_slice(&self.0.stdout).unwrap()
    }

    pub(crate) fn exit(&self) -> i32 {
        self.0.status.code().unwrap()
    }

    pub(crate) fn complaint(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    /// Returns the exit code and the error's code of a run that was refused; it has printed no result.
    #[track_caller]
    pub(crate) fn refused(&self) -> (i32, String) {
        assert!(self.0.stdout.is_empty(), "{}", String::from_utf8_lossy(&self.0.stdout));
        let complaint = self.complaint();
        let code = complaint.strip_prefix("error[").and_then(|rest| rest.split_once(']'));
        (self.exit(), code.unwrap_or_else(|| panic!("{complaint}")).0.to_owned())
    }
}

pub(crate) fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}
