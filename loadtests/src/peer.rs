//! Programs of the system that do the same work, or a part of it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process::{Run, run};

/// A program of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    AptGet,
    Casync,
    Curl,
    Dd,
    DockerRegistry,
    DpkgDeb,
    Gzip,
    Nginx,
    Npm,
    OpenSsl,
    Pip,
    Python,
    Sync,
    Tar,
    Zstd,
}

impl Peer {
    /// Returns its name.
    const fn name(self) -> &'static str {
        match self {
            Self::AptGet => "apt-get",
            Self::Casync => "casync",
            Self::Curl => "curl",
            Self::Dd => "dd",
            Self::DockerRegistry => "docker-registry",
            Self::DpkgDeb => "dpkg-deb",
            Self::Gzip => "gzip",
            Self::Nginx => "nginx",
            Self::Npm => "npm",
            Self::OpenSsl => "openssl",
            Self::Pip => "pip3",
            Self::Python => "python3",
            Self::Sync => "sync",
            Self::Tar => "tar",
            Self::Zstd => "zstd",
        }
    }

    /// Returns the package of Debian that has it.
    pub(crate) const fn package(self) -> &'static str {
        match self {
            Self::AptGet => "apt",
            Self::Dd | Self::Sync => "coreutils",
            Self::DpkgDeb => "dpkg",
            Self::Pip => "python3-pip",
            _ => self.name(),
        }
    }

    /// Says whether it is there.
    pub(crate) fn is_there(self) -> bool {
        self.path().is_ok()
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

    /// Returns a call of it.
    pub(crate) fn command(self) -> Result<Command> {
        Ok(Command::new(self.path()?))
    }
}

/// What a file is called by its content, and how many seconds it took to find out.
#[derive(Debug, Clone)]
pub(crate) struct Digested {
    /// In hexadecimal.
    pub(crate) sha256: String,
    pub(crate) seconds: f64,
}

/// Digests a file.
pub(crate) fn sha256(file: &Path) -> Result<Digested> {
    let run = run(Peer::OpenSsl.command()?.args(["dgst", "-sha256", "-r"]).arg(file))?;
    let sha256 = run.stdout.split(' ').next().unwrap_or_default().to_owned();
    Ok(Digested { sha256, seconds: run.seconds })
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

/// Waits until all files of a file system are on the disk.
pub(crate) fn sync_file_system(dir: &Path) -> Result<()> {
    run(Peer::Sync.command()?.arg("--file-system").arg(dir)).map(drop)
}

/// Returns a call of curl for this machine; whatever goes wrong is an error.
pub(crate) fn curl() -> Result<Command> {
    let mut command = Peer::Curl.command()?;
    command.args(["--silent", "--show-error", "--fail", "--noproxy", "*"]);
    Ok(command)
}

/// Downloads into a file, over what it had.
pub(crate) fn download(url: &str, token: Option<&str>, to: &Path) -> Result<Run> {
    let mut command = curl()?;
    command.arg("--output").arg(to).arg(url);
    if let Some(token) = token {
        command.arg("--header").arg(format!("Authorization: Bearer {token}"));
    }
    run(&mut command)
}

/// Asks for the first byte of what a store may have. Returns the status, and what was answered.
pub(crate) fn ask(url: &str, token: &str) -> Result<(String, String)> {
    let mut command = Peer::Curl.command()?;
    command.args(["--silent", "--show-error", "--noproxy", "*", "--range", "0-0"]);
    command.args(["--header", "Accept: application/problem+json", "--write-out", "\n%{http_code}"]);
    command.args(["--header", &format!("Authorization: Bearer {token}"), url]);
    let answer = run(&mut command)?.stdout;
    let (body, status) = answer.rsplit_once('\n').context("curl says no status")?;
    Ok((status.to_owned(), body.to_owned()))
}

/// Uploads a file with PUT, and returns how many seconds that took.
pub(crate) fn put(file: &Path, url: &str) -> Result<f64> {
    Ok(run(curl()?.args(["--header", "Expect:", "--upload-file"]).arg(file).arg(url))?.seconds)
}

/// Packs a directory into a tar, and returns how many seconds that took.
pub(crate) fn tar(dir: &Path, to: &Path) -> Result<f64> {
    // The same content makes the same bytes, whoever packs it and when.
    let fixed = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"];
    Ok(run(Peer::Tar
        .command()?
        .args(fixed)
        .arg("--create")
        .arg("--file")
        .arg(to)
        .arg("--directory")
        .arg(dir)
        .arg("."))?
    .seconds)
}
