//! Fetching a file by name and version, with the registry's own client.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::{Declared, Registry};
use crate::peer::Peer;
use crate::process::run;

impl Registry {
    const fn dir(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Pypi => "pypi",
            Self::Debian => "deb",
        }
    }
}

impl Declared {
    /// Returns the file of a version, fetched unless it is here.
    pub(super) fn fetched(&self, version: &str, dir: &Path) -> Result<PathBuf> {
        let dir = dir.join(self.registry.dir());
        fs::create_dir_all(&dir).with_context(|| format!("`{}`", dir.display()))?;
        if let Some(file) = self.find(version, &dir)? {
            return Ok(file);
        }
        anstream::eprintln!("fetching {} {version}", self.name);
        // What an interruption leaves is not taken for the file.
        let arriving = TempDir::new_in(&dir)?;
        run(self.client(version)?.current_dir(arriving.path()))?;
        let file = self.find(version, arriving.path())?.context("the registry gave no such file")?;
        let kept = dir.join(file.file_name().context("a file without a name")?);
        fs::rename(file, &kept)?;
        Ok(kept)
    }

    fn client(&self, version: &str) -> Result<Command> {
        let name = &self.name;
        match self.registry {
            Registry::Npm => call(Peer::Npm, &["pack", "--silent", &format!("{name}@{version}")]),
            Registry::Pypi => {
                let platform = ["--platform", "manylinux2014_x86_64", "--python-version", "3.11"];
                let download = ["download", "--quiet", "--no-deps", "--only-binary", ":all:"];
                call(Peer::Pip, &[&download[..], &platform, &[&format!("{name}=={version}")]].concat())
            }
            Registry::Debian => call(Peer::AptGet, &["download", &format!("{name}={version}")]),
        }
    }

    fn find(&self, version: &str, dir: &Path) -> Result<Option<PathBuf>> {
        let start = match self.registry {
            Registry::Npm => format!("{}-{version}.tgz", self.name),
            Registry::Pypi => format!("{}-{version}-", self.name),
            Registry::Debian => format!("{}_{version}_", self.name),
        };
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(&start) {
                return Ok(Some(entry.path()));
            }
        }
        Ok(None)
    }
}

fn call(client: Peer, args: &[&str]) -> Result<Command> {
    let mut command = client.command()?;
    command.args(args);
    Ok(command)
}
