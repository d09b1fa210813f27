//! The programs that are measured: those beside this one.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

/// The programs that are measured.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) store_server: PathBuf,
    pub(crate) charm_publish: PathBuf,
    pub(crate) charm_deploy: PathBuf,
}

impl Programs {
    /// Finds them; the server is another one if that is given.
    pub(crate) fn find(store_server: Option<PathBuf>) -> Result<Self> {
        ensure!(!cfg!(debug_assertions), "only release builds are measured: `cargo xtask bench`");
        let dir = own_dir()?;
        let store_server = store_server.map_or_else(|| built(&dir, "store-server"), Ok)?;
        ensure!(store_server.is_file(), "there is no `{}`", store_server.display());
        Ok(Self {
            store_server,
            charm_publish: built(&dir, "charm-publish")?,
            charm_deploy: built(&dir, "charm-deploy")?,
        })
    }
}

/// Returns the directory of this program.
pub(crate) fn own_dir() -> Result<PathBuf> {
    let program = env::current_exe()?;
    Ok(program.parent().context("this program is in no directory")?.to_owned())
}

fn built(dir: &Path, name: &str) -> Result<PathBuf> {
    let path = dir.join(name);
    ensure!(path.is_file(), "`{name}` is not built: `cargo build --release --workspace --bins`");
    Ok(path)
}
