//! Settings: flag, then environment, then `charm-publish.toml` in the charm's directory, then the user's own file.
//!
//! Flags and environment are one to clap; here are the two files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use charm_model::name::{Series, UserName};
use etcetera::BaseStrategy as _;
use serde::Deserialize;
use store_client::Rate;

use crate::failure::Failure;

/// The file in a charm's directory.
const PROJECT_FILE: &str = "charm-publish.toml";

/// What a file can set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Config {
    /// The store's address.
    pub(crate) store: Option<String>,
    /// A file of certificates to trust besides the system's.
    pub(crate) ca: Option<PathBuf>,
    /// Whose a new charm is.
    pub(crate) owner: Option<UserName>,
    /// The series of a charm that does not name any itself.
    pub(crate) series: Option<Series>,
    /// How many files are read, sent or fetched at once.
    pub(crate) jobs: Option<usize>,
    /// How fast bytes may move.
    pub(crate) limit_rate: Option<Rate>,
    /// How many seconds the store may keep silent.
    pub(crate) timeout: Option<u64>,
}

/// Both files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files {
    /// The one in the charm's directory, written by whoever wrote the charm.
    pub(crate) project: Config,
    /// The user's own.
    pub(crate) user: Config,
}

impl Files {
    /// Reads the files that are there.
    pub(crate) fn read(dir: Option<&Path>) -> Result<Self, Failure> {
        let project = match dir {
            Some(dir) => read(&dir.join(PROJECT_FILE))?,
            None => Config::default(),
        };
        // Whoever wrote the charm could otherwise stand between its publishers and their store.
        if project.ca.is_some() {
            let message = format!("`{PROJECT_FILE}` in a charm's directory cannot bring certificates");
            return Err(Failure::usage(message, "say `--ca FILE`, or set it in the user's own file"));
        }
        Ok(Self { project, user: read(&user_directory()?.join("config.toml"))? })
    }

    /// Returns a setting of the charm's directory, or else the user's.
    pub(crate) fn get<T: Clone>(&self, setting: impl Fn(&Config) -> Option<&T>) -> Option<T> {
        setting(&self.project).or_else(|| setting(&self.user)).cloned()
    }
}

/// Returns where the user's own settings and tokens are: `$XDG_CONFIG_HOME/charm-publish`.
pub(crate) fn user_directory() -> Result<PathBuf, Failure> {
    let base = etcetera::choose_base_strategy().map_err(|_| {
        Failure::usage("there is no home directory for settings", "set HOME or XDG_CONFIG_HOME")
    })?;
    Ok(base.config_dir().join("charm-publish"))
}

fn read(path: &Path) -> Result<Config, Failure> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Config::default()),
        Err(error) => return Err(anyhow::Error::from(error).context(format!("`{}`", path.display())).into()),
    };
    toml::from_str(&text).map_err(|error| {
        let message = format!("`{}` is not valid: {}", path.display(), error.message());
        Failure::usage(message, "known are store, ca, owner, series, jobs, limit-rate and timeout")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_charm_s_file_goes_before_the_user_s() {
        let files = Files {
            project: toml::from_str("owner = 'joe'").unwrap(),
            user: toml::from_str("owner = 'ann'\nstore = 'http://here'").unwrap(),
        };
        assert_eq!(files.get(|it| it.owner.as_ref()), Some("joe".parse().unwrap()));
        assert_eq!(files.get(|it| it.store.as_ref()), Some("http://here".to_owned()));
    }

    #[test]
    fn a_misspelt_setting_is_an_error() {
        assert!(toml::from_str::<Config>("onwer = 'joe'").is_err());
    }
}
