//! The peers that move only what changed: casync, and zstd with the version before as its dictionary.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use crate::peer::{self, Peer};
use crate::process::run;

/// What has to travel between two versions, and how long both ends work.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Delta {
    pub(crate) n_bytes: u64,
    /// To make it.
    pub(crate) make_seconds: f64,
    /// To make the new version of it and of the old one.
    pub(crate) apply_seconds: f64,
}

/// Makes a patch of that level from a version to the next, and applies it.
pub(crate) fn zstd(level: u32, from: &Path, to: &Path, room: &Path) -> Result<Delta> {
    let (patch, whole) = (room.join("patch.zst"), room.join("whole"));
    let base = flag("--patch-from=", from);
    let make = run(Peer::Zstd.command()?.args(["--quiet", "--force", &format!("-{level}")]).args([
        &base,
        to.as_os_str(),
        "-o".as_ref(),
        patch.as_os_str(),
    ]))?;
    let apply = run(Peer::Zstd
        .command()?
        .args(["--quiet", "--force", "--decompress", "--memory=2048MB"])
        .args([&base, patch.as_os_str(), "-o".as_ref(), whole.as_os_str()]))?;
    let n_bytes = patch.metadata()?.len();
    take_whole(&whole, to)?;
    fs::remove_file(patch)?;
    Ok(Delta { n_bytes, make_seconds: make.seconds, apply_seconds: apply.seconds })
}

/// A store of casync's, with the chunks of all versions so far.
#[derive(Debug)]
pub(crate) struct Casync {
    dir: PathBuf,
}

impl Casync {
    /// Makes an empty store.
    pub(crate) fn new(dir: PathBuf) -> Result<Self> {
        fs::create_dir_all(&dir)?;
        Ok(Self { dir })
    }

    /// Adds a version, and takes it out again where the one before is.
    ///
    /// What has to travel, either way, are its index and the chunks that the store did not have, as compressed as they
    /// lie there; requests and headers are not counted.
    pub(crate) fn add(&self, from: Option<&Path>, to: &Path) -> Result<Delta> {
        let (index, whole) = (self.dir.join("version.caibx"), self.dir.join("whole"));
        let store = flag("--store=", &self.chunks());
        let before = self.n_bytes()?;
        let make = run(Peer::Casync.command()?.arg("make").arg(&store).args([index.as_path(), to]))?;
        let n_bytes = self.n_bytes()? - before + index.metadata()?.len();
        let seed = from.map(|from| flag("--seed=", from));
        let extract =
            run(Peer::Casync.command()?.arg("extract").arg(&store).args(seed).args([&index, &whole]))?;
        take_whole(&whole, to)?;
        Ok(Delta { n_bytes, make_seconds: make.seconds, apply_seconds: extract.seconds })
    }

    fn chunks(&self) -> PathBuf {
        self.dir.join("chunks.castr")
    }

    /// Returns the length of all chunks.
    fn n_bytes(&self) -> Result<u64> {
        let mut n_bytes = 0;
        if self.chunks().is_dir() {
            for group in fs::read_dir(self.chunks())? {
                for chunk in fs::read_dir(group?.path())? {
                    n_bytes += chunk?.metadata()?.len();
                }
            }
        }
        Ok(n_bytes)
    }
}

/// Removes what a peer made, which has to be all of a file: one that loses something would be unbeatable.
fn take_whole(made: &Path, of: &Path) -> Result<()> {
    let is_same = peer::sha256(made)?.sha256 == peer::sha256(of)?.sha256;
    ensure!(is_same, "what a peer made is not `{}`", of.display());
    fs::remove_file(made).with_context(|| format!("`{}`", made.display()))
}

fn flag(name: &str, value: &Path) -> OsString {
    let mut flag = OsString::from(name);
    flag.push(value);
    flag
}
