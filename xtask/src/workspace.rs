//! Where things are.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

/// Returns the directory of the workspace.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// Returns a directory for what is worth keeping between runs; it is made if it is not there.
pub(crate) fn cache() -> Result<PathBuf> {
    let dir = target().join("xtask");
    std::fs::create_dir_all(&dir).with_context(|| format!("`{}`", dir.display()))?;
    Ok(dir)
}

/// Returns the directory of the programs that cargo builds without `--release`.
pub(crate) fn programs() -> PathBuf {
    target().join("debug")
}

/// Returns a call of cargo, the one that runs this.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root());
    command
}

fn target() -> PathBuf {
    // A relative directory is relative to where cargo was called, which is here.
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.and_then(|it| std::path::absolute(it).ok()).unwrap_or_else(|| root().join("target"))
}
