//! Git branches that hold a charm or a bundle.

use std::path::{Component, Path, PathBuf};
use std::process::Stdio;

use charm_model::rights::Caller;
use store_core::Store;
use tokio::process::Command;
use v4_wire::publish::Published;

use crate::error::IngestError;
use crate::tree::{Destination, publish_tree};

/// A charm or bundle in a git repository.
#[derive(Debug, Clone)]
pub struct GitSource {
    /// The repository: an `https:` or `ssh:` address, or a path on this machine.
    pub repository: String,
    /// The branch or tag; `None` means the repository's own choice.
    pub branch: Option<String>,
    /// The directory of the charm within the repository.
    pub path: PathBuf,
}

impl GitSource {
    /// Fetches the branch and publishes what it holds.
    ///
    /// # Errors
    ///
    /// [`IngestError::Git`] and whatever [`publish_tree`] says.
    pub async fn publish(
        &self,
        store: &Store,
        caller: &Caller,
        destination: &Destination,
    ) -> Result<Published, IngestError> {
        let checkout = tempfile::tempdir()?;
        self.fetch(checkout.path()).await?;
        publish_tree(store, caller, &checkout.path().join(self.inner_path()?), destination).await
    }

    /// Fetches the branch's newest commit, and nothing that could run: no hooks, no submodules, no remote helpers.
    async fn fetch(&self, into: &Path) -> Result<(), IngestError> {
        let mut git = Command::new("git");
        git.args(["-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never", "clone", "--quiet"]);
        git.args(["--depth=1", "--single-branch", "--no-tags", "--no-recurse-submodules"]);
        if let Some(branch) = &self.branch {
            git.arg(format!("--branch={branch}"));
        }
        // An address that begins with a dash would be read as an option.
        git.arg("--").arg(self.address()).arg(into);
        git.env("GIT_TERMINAL_PROMPT", "0").stdin(Stdio::null()).kill_on_drop(true);
        let output = git.output().await?;
        if output.status.success() {
            return Ok(());
        }
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(IngestError::Git { repository: self.repository.clone(), reason })
    }

    /// Returns the repository as git takes it: a shallow clone of a local one wants an address, not a path.
    fn address(&self) -> String {
        let path = Path::new(&self.repository);
        match path.canonicalize() {
            Ok(path) if path.is_dir() => format!("file://{}", path.display()),
            _ => self.repository.clone(),
        }
    }

    fn inner_path(&self) -> Result<&Path, IngestError> {
        let is_inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if self.path.components().all(is_inside) {
            return Ok(&self.path);
        }
        let reason = format!("`{}` leaves the repository", self.path.display());
        Err(IngestError::Git { repository: self.repository.clone(), reason })
    }
}
