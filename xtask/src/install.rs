//! What tests need besides Rust: by package name, and only if it is missing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::{step, workspace};

/// The S3 server: it honours conditional writes, and needs neither an account nor a network.
const MOTO_VERSION: &str = "5.2.5";

/// Where Debian keeps the programs of each version of PostgreSQL.
const DEBIAN_POSTGRES: &str = "/usr/lib/postgresql";

/// Returns the directory of PostgreSQL's programs.
pub(crate) fn postgres() -> Result<PathBuf> {
    if let Some(dir) = find_postgres() {
        return Ok(dir);
    }
    apt_install(&["postgresql"])?;
    find_postgres().context("Debian's package `postgresql` is installed, and its `initdb` is not to be found")
}

/// Makes sure that `strace` is there, by which tests see what programs ask of the system, and answer in its place.
pub(crate) fn strace() -> Result<()> {
    let is_there = || step::succeeds(Command::new("strace").arg("-V"));
    if !is_there() {
        apt_install(&["strace"])?;
    }
    ensure!(is_there(), "Debian's package `strace` is installed, and cannot be run");
    Ok(())
}

/// Where the S3 server is: `python -m moto.server`.
pub(crate) struct Moto {
    /// The interpreter.
    pub(crate) python: PathBuf,
    /// For `PYTHONPATH`.
    pub(crate) packages: PathBuf,
}

/// Returns where the S3 server is.
pub(crate) fn moto() -> Result<Moto> {
    let dir = workspace::cache()?.join(format!("moto-{MOTO_VERSION}"));
    // An interrupted installation has no mark, and is begun again.
    let mark = dir.join("complete");
    if !mark.exists() {
        install_moto(&dir)?;
        fs::write(&mark, "")?;
    }
    Ok(Moto { python: python(&dir), packages: packages(&dir) })
}

fn find_postgres() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = fs::read_dir(DEBIAN_POSTGRES).into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = installed.map(|it| it.path()).collect();
    versions.sort_by_key(|dir| std::cmp::Reverse(version(dir)));
    let debian = versions.into_iter().map(|dir| dir.join("bin"));
    debian.chain(std::env::split_paths(&path)).find(|dir| has_postgres(dir))
}

fn has_postgres(dir: &Path) -> bool {
    ["initdb", "postgres", "pg_isready"].iter().all(|it| dir.join(it).is_file())
}

fn version(dir: &Path) -> u32 {
    dir.file_name().and_then(|name| name.to_str()?.parse().ok()).unwrap_or(0)
}

/// Installs moto in a virtual environment, or, where Python cannot make one, in a plain directory.
fn install_moto(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("`{}`", dir.display()))?;
    }
    let moto = format!("moto[server]=={MOTO_VERSION}");
    if makes_environments() || apt_install(&["python3", "python3-venv"]).is_ok() {
        step::run(Command::new("python3").args(["-m", "venv"]).arg(dir))?;
        return step::run(Command::new(python(dir)).args(["-m", "pip", "install", "--quiet", &moto]));
    }
    ensure!(has_pip(), "`python3-venv` is missing; install it: {}", by_hand(&["python3-venv"]));
    step::run(
        Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--target"])
            .arg(packages(dir))
            .arg(moto),
    )
}

fn makes_environments() -> bool {
    step::succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"]))
}

fn has_pip() -> bool {
    step::succeeds(Command::new("python3").args(["-m", "pip", "--version"]))
}

/// Returns the interpreter of the environment, if it is one.
fn python(dir: &Path) -> PathBuf {
    let own = dir.join("bin/python3");
    if own.exists() { own } else { PathBuf::from("python3") }
}

fn packages(dir: &Path) -> PathBuf {
    dir.join("packages")
}

/// Installs packages of Debian.
pub(crate) fn apt_install(packages: &[&str]) -> Result<()> {
    let apt_get = apt_get().with_context(|| format!("install what is missing: {}", by_hand(packages)))?;
    let run = |args: &[&str]| {
        let (program, rest) = apt_get.split_first().unwrap_or((&"apt-get", &[]));
        step::run(Command::new(program).args(rest).args(args).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    run(&["update"])?;
    run(&[&["install", "--yes", "--no-install-recommends"], packages].concat())
}

/// Returns how this user calls apt-get; `None` without the right to.
fn apt_get() -> Option<&'static [&'static str]> {
    if rustix::process::geteuid().is_root() {
        return Some(&["apt-get"]);
    }
    // A question for a password would wait for ever where nobody sits.
    let sudo: &[&str] = &["sudo", "--non-interactive", "apt-get"];
    step::succeeds(Command::new(sudo[0]).args(&sudo[1..]).arg("--version")).then_some(sudo)
}

fn by_hand(packages: &[&str]) -> String {
    format!("sudo apt-get install --no-install-recommends {}", packages.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_of_postgres_is_the_one_with_the_highest_number() {
        assert!(version(Path::new("/usr/lib/postgresql/15")) > version(Path::new("/usr/lib/postgresql/9.6")));
        assert_eq!(version(Path::new("/usr/lib/postgresql/lib")), 0);
    }
}
