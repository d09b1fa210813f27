//! `kill`, `large` and `rights`: tests of the ordinary command, for longer and with more.

use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::Args;

use crate::test::{Servers, has_nextest};
use crate::{step, workspace};

/// Among how many tests the kills are divided.
const N_RANDOM_TESTS: usize = 5;

/// Kills at random.
#[derive(Debug, Args)]
pub(crate) struct Kill {
    /// How many kills there are to be
    #[arg(long, default_value_t = 5000)]
    kills: usize,
    /// What a failed run has printed, to repeat it as far as processes can be repeated
    #[arg(long)]
    seed: Option<u64>,
}

impl Kill {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let n_each = self.kills.div_ceil(N_RANDOM_TESTS).to_string();
        acceptance("kill::", |command| {
            command.env("ACCEPTANCE_KILLS", n_each);
            command.envs(self.seed.map(|seed| ("ACCEPTANCE_SEED", seed.to_string())));
        })
    }
}

/// Large files.
#[derive(Debug, Args)]
pub(crate) struct Large {
    /// How large the largest file is, in MiB; a tree of many files is half of that
    #[arg(long, default_value_t = 4096)]
    mib: u64,
}

impl Large {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let counted = moving("counted::", self.mib / 2)?;
        if counted != ExitCode::SUCCESS {
            return Ok(counted);
        }
        moving("flat_memory::", self.mib)
    }
}

/// Random requests under random rights.
#[derive(Debug, Args)]
pub(crate) struct Rights {
    /// How many requests there are to be
    #[arg(long, default_value_t = 1_000_000)]
    requests: usize,
}

impl Rights {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let runner: &[&str] = if has_nextest() {
            &["nextest", "run", "--release", "--profile", "long", "--package", "web-api-v4"]
        } else {
            &["test", "--release", "--package", "web-api-v4", "--test", "api"]
        };
        let mut command = workspace::cargo(runner);
        command.arg("model::").env("MODEL_REQUESTS", self.requests.to_string());
        Ok(step::exit_code(step::announced(&mut command)?))
    }
}

fn moving(tests: &str, mib: u64) -> Result<ExitCode> {
    acceptance(tests, |command| {
        command.env("ACCEPTANCE_MIB", mib.to_string());
    })
}

/// Runs some of the acceptance tests against real servers, for as long as they take.
fn acceptance(tests: &str, prepare: impl FnOnce(&mut Command)) -> Result<ExitCode> {
    let servers = Servers::start()?;
    step::run(&mut servers.cargo(&["build", "--workspace", "--bins"]))?;
    let runner: &[&str] = if has_nextest() {
        &["nextest", "run", "--profile", "long", "--package", "acceptance"]
    } else {
        &["test", "--package", "acceptance", "--test", "it", "--no-fail-fast"]
    };
    let mut command = servers.cargo(runner);
    prepare(command.arg(tests));
    Ok(step::exit_code(step::announced(&mut command)?))
}
