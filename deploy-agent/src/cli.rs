//! The flags of `charm-deploy`, and nothing else.

use std::path::PathBuf;

use charm_model::name::{Architecture, Channel};
use charm_model::reference::Reference;
use clap::{Parser, Subcommand, ValueEnum};
use store_client::{Rate, Seeds};

/// Installs charms with their resources on a unit, upgrades them and goes back.
///
/// All bytes are fetched and verified before anything changes; the switch is one rename.
#[derive(Debug, Parser)]
#[command(name = "charm-deploy", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// The store's address.
    #[arg(long, global = true, env = "CHARM_STORE", value_name = "URL")]
    pub(crate) store: Option<String>,
    /// How to print the result.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    /// Show no progress.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// How many files are fetched at once.
    #[arg(long, global = true, value_name = "N", default_value_t = 4, value_parser = jobs)]
    pub(crate) jobs: usize,
    /// How fast bytes may come, all files together: bytes per second, such as `5MB`.
    #[arg(long, global = true, value_name = "RATE")]
    pub(crate) limit_rate: Option<Rate>,
    /// A directory of files that the units of this machine share, to fetch less; `off` is none.
    #[arg(long, global = true, env = "CHARM_SEEDS", hide_env_values = true, value_name = "DIR")]
    pub(crate) seeds: Option<PathBuf>,
    /// Share no files.
    #[arg(long, global = true)]
    pub(crate) no_seeds: bool,
}

impl Cli {
    /// Returns the files that the units of this machine share, if they do.
    pub(crate) fn seeds(&self) -> Option<Seeds> {
        let dir = self.seeds.as_ref().filter(|it| !it.as_os_str().is_empty() && it.as_os_str() != "off")?;
        (!self.no_seeds).then(|| Seeds::at(dir))
    }
}

const AFTER_HELP: &str = "\
Environment:
  CHARM_STORE              the store's address
  CHARM_STORE_TOKEN        a token, or user:password
  CHARM_STORE_TOKEN_FILE   a file that holds it
  CHARM_STORE_CA           certificates to trust besides the system's (PEM)
  CHARM_SEEDS              a directory of files that the units of this machine share, or off
  HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY   as everywhere

Exit codes:
  0 done, or nothing to do    1 unexpected    2 usage    4 not logged in or not allowed    5 not found
  6 moved under us    7 quota or rate limit    8 network, store or unit busy: the same command goes on later
  9 bytes, files or the charm itself are not what they should be";

/// What to do with a unit.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Install a charm where there is none; damaged files of the same charm are mended.
    Install {
        /// The charm, such as `mysql` or `~joe/precise/mysql-25.stable.3`.
        id: Reference,
        /// The unit's directory.
        dir: PathBuf,
        /// The unit's architecture; the machine's own unless given.
        #[arg(long)]
        arch: Option<Architecture>,
        /// The channel whose pointers answer.
        #[arg(long)]
        channel: Option<Channel>,
    },
    /// Bring a unit to what its reference means now, or to another charm.
    Upgrade {
        /// The unit's directory.
        dir: PathBuf,
        /// The charm; what was asked for last unless given.
        id: Option<Reference>,
        /// The channel whose pointers answer; the one that answered last unless given.
        #[arg(long)]
        channel: Option<Channel>,
    },
    /// Run the previous tree again, without the store; a second rollback goes forward.
    Rollback {
        /// The unit's directory.
        dir: PathBuf,
    },
    /// Show what a unit runs.
    Status {
        /// The unit's directory.
        dir: PathBuf,
    },
    /// Read every file of what a unit runs, and list what differs.
    Verify {
        /// The unit's directory.
        dir: PathBuf,
    },
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Human,
    /// One JSON object.
    Json,
}

fn jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n_jobs @ 1..=64) => Ok(n_jobs),
        _ => Err("a number from 1 to 64 is expected".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_flags_fit_together() {
        Cli::command().debug_assert();
    }
}
