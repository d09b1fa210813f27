//! A unit's directory: where everything stands.
//!
//! ```text
//! DIR/charm              -> .charm-deploy/current/charm
//! DIR/resources          -> .charm-deploy/current/charm/resources
//! DIR/charm-deploy.json  -> .charm-deploy/current/state.json
//! DIR/.charm-deploy/
//!     current            -> states/N          the one link that a switch replaces
//!     states/N/          state.json, charm -> ../../trees/M/charm, previous -> ../K
//!     trees/M/           charm.zip, charm/
//!     fetch/             what is being fetched, and what has been
//!     lock               held by the one process that may change any of this
//! ```
//!
//! The three links at the top never change. So `current` alone says what runs, and everything that it does not lead
//! to, directly or as the previous state, is a leftover.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::durable;
use crate::error::DeployError;
use crate::state::{SCHEMA, State};

/// The links at the top of a unit's directory, and what they point at.
pub(crate) const LINKS: [(&str, &str); 3] = [
    ("charm", ".charm-deploy/current/charm"),
    ("resources", ".charm-deploy/current/charm/resources"),
    ("charm-deploy.json", ".charm-deploy/current/state.json"),
];

/// A unit's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    dir: PathBuf,
}

/// A state of a unit, and where it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installed {
    /// N of `states/N`.
    pub(crate) number: u64,
    /// M of `trees/M`.
    pub(crate) tree: u64,
    /// The state.
    pub(crate) state: State,
    /// K of `states/K`, what a rollback leads to.
    pub(crate) previous: Option<u64>,
}

impl Unit {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn private(&self) -> PathBuf {
        self.dir.join(".charm-deploy")
    }

    pub(crate) fn lock_file(&self) -> PathBuf {
        self.private().join("lock")
    }

    pub(crate) fn current(&self) -> PathBuf {
        self.private().join("current")
    }

    pub(crate) fn fetch(&self) -> PathBuf {
        self.private().join("fetch")
    }

    pub(crate) fn states(&self) -> PathBuf {
        self.private().join("states")
    }

    pub(crate) fn state(&self, number: u64) -> PathBuf {
        self.states().join(number.to_string())
    }

    pub(crate) fn trees(&self) -> PathBuf {
        self.private().join("trees")
    }

    pub(crate) fn tree(&self, number: u64) -> PathBuf {
        self.trees().join(number.to_string())
    }

    /// Returns what runs; `None` where nothing was installed yet.
    pub(crate) fn installed(&self) -> Result<Option<Installed>, DeployError> {
        let current = link_number(&self.current(), "states/", "")?;
        current.map(|number| self.installed_as(number)).transpose()
    }

    /// Returns what runs.
    pub(crate) fn must_be_installed(&self) -> Result<Installed, DeployError> {
        self.installed()?.ok_or_else(|| DeployError::NotInstalled(self.dir.clone()))
    }

    /// Returns the state before that one, if it is kept.
    pub(crate) fn before(&self, installed: &Installed) -> Result<Option<Installed>, DeployError> {
        installed.previous.map(|number| self.installed_as(number)).transpose()
    }

    fn installed_as(&self, number: u64) -> Result<Installed, DeployError> {
        let dir = self.state(number);
        let tree = link_number(&dir.join("charm"), "../../trees/", "/charm")?;
        let tree = tree.ok_or_else(|| DeployError::damaged(&dir, &"it has no link `charm`"))?;
        let previous = link_number(&dir.join("previous"), "../", "")?;
        Ok(Installed { number, tree, state: read_state(&dir.join("state.json"))?, previous })
    }

    /// Refuses a directory where something else stands at the place of one of our links.
    pub(crate) fn check_links(&self) -> Result<(), DeployError> {
        self.missing_links().map(drop)
    }

    /// Makes those links at the top that are not there yet.
    pub(crate) fn make_links(&self) -> Result<(), DeployError> {
        for (name, target) in self.missing_links()? {
            durable::link(target, &self.dir.join(name))?;
        }
        durable::flush(&self.dir)
    }

    /// Returns the links at the top that are not there.
    pub(crate) fn missing_links(&self) -> Result<Vec<(&'static str, &'static str)>, DeployError> {
        let mut missing = Vec::new();
        for (name, target) in LINKS {
            let path = self.dir.join(name);
            match fs::read_link(&path) {
                Ok(found) if found == Path::new(target) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => missing.push((name, target)),
                _ => return Err(DeployError::InTheWay(path)),
            }
        }
        Ok(missing)
    }

    /// Returns a number that neither a state nor a tree has.
    pub(crate) fn fresh_number(&self) -> Result<u64, DeployError> {
        let states = numbered(&self.states())?;
        let trees = numbered(&self.trees())?;
        Ok(states.into_iter().chain(trees).max().unwrap_or(0) + 1)
    }
}

/// Returns the numbers that entries of a directory have for names.
pub(crate) fn numbered(dir: &Path) -> Result<Vec<u64>, DeployError> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir).map_err(DeployError::io(dir))? {
        let name = entry.map_err(DeployError::io(dir))?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.parse::<u64>().ok()));
    }
    Ok(numbers)
}

/// Returns the number in a link of ours; `None` if there is no link.
fn link_number(link: &Path, prefix: &str, suffix: &str) -> Result<Option<u64>, DeployError> {
    let target = match fs::read_link(link) {
        Ok(target) => target,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(DeployError::io(link)(error)),
    };
    let text = target.to_str().and_then(|text| text.strip_prefix(prefix)?.strip_suffix(suffix));
    let number = text.and_then(|text| text.parse().ok());
    let unknown = || DeployError::damaged(link, &format!("it points at `{}`", target.display()));
    number.ok_or_else(unknown).map(Some)
}

fn read_state(path: &Path) -> Result<State, DeployError> {
    /// What every version of the file says about itself.
    #[derive(serde::Deserialize)]
    struct Form {
        schema: String,
    }
    let text = fs::read(path).map_err(DeployError::io(path))?;
    let form: Form = serde_json::from_slice(&text).map_err(|error| DeployError::damaged(path, &error))?;
    if form.schema != SCHEMA {
        let reason = format!("its schema is `{}`; this program knows `{SCHEMA}` alone", form.schema);
        return Err(DeployError::damaged(path, &reason));
    }
    serde_json::from_slice(&text).map_err(|error| DeployError::damaged(path, &error))
}
