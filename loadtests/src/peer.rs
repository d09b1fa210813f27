//! Programs of the system that do the same work, or a part of it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::process::{Run, run};

/// A program of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Curl,
    Dd,
    Nginx,
    OpenSsl,
    Sync,
}

impl Peer {
    /// Returns its name.
    const fn name(self) -> &'static str {
        match self {
            Self::Curl => "curl",
            Self::Dd => "dd",
            Self::Nginx => "nginx",
            Self::OpenSsl => "openssl",
            Self::Sync => "sync",
        }
    }

    /// Returns the package of Debian that has it.
    const fn package(self) -> &'static str {
        match self {
            Self::Dd | Self::Sync => "coreutils",
            Self::Curl | Self::Nginx | Self::OpenSsl => self.name(),
        }
    }

    /// Returns where it is.
    pub(crate) fn path(self) -> Result<PathBuf> {
        let path = env::var_os("PATH").unwrap_or_default();
        // Debian has servers there, and the path of a plain user does not.
        let mut dirs = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        match dirs.find_map(|dir| Some(dir.join(self.name())).filter(|it| it.is_file())) {
            Some(path) => Ok(path),
            None => bail!(
                "`{}` is missing: sudo apt-get install --no-install-recommends {}",
                self.name(),
                self.package()
            ),
        }
    }

    fn command(self) -> Result<Command> {
        Ok(Command::new(self.path()?))
    }
}

/// Digests a file, and returns how many seconds that took.
pub(crate) fn sha256(file: &Path) -> Result<f64> {
    Ok(run(Peer::OpenSsl.command()?.args(["dgst", "-sha256"]).arg(file))?.seconds)
}

/// Copies a file, flushes the copy, and returns how many seconds that took. The copy is not kept.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<f64> {
    let operands = [format!("if={}", from.display()), format!("of={}", to.display())];
    let run = run(Peer::Dd.command()?.args(operands).args(["bs=1M", "conv=fsync"]))?;
    fs::remove_file(to)?;
    Ok(run.seconds)
}

/// Waits until a file is on the disk, and returns how many seconds that took.
pub(crate) fn sync(file: &Path) -> Result<f64> {
    Ok(run(Peer::Sync.command()?.arg(file))?.seconds)
}

/// Downloads into a file, over what it had.
pub(crate) fn download(url: &str, token: Option<&str>, to: &Path) -> Result<Run> {
    let mut command = Peer::Curl.command()?;
    command.args(["--silent", "--show-error", "--fail", "--noproxy", "*", "--output"]).arg(to).arg(url);
    if let Some(token) = token {
        command.arg("--header").arg(format!("Authorization: Bearer {token}"));
    }
    run(&mut command)
}
