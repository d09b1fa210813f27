//! `test`: everything, against real servers that are gone afterwards.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::services::{Postgres, S3};
use crate::workspace::cargo;
use crate::{install, step};

/// The servers that tests talk to, as long as this value lives, and how tests find them.
pub(crate) struct Servers {
    _running: (Postgres, S3),
    environment: [(&'static str, String); 5],
}

impl Servers {
    /// Starts them, and installs what tests call besides.
    pub(crate) fn start() -> Result<Self> {
        install::strace()?;
        let (postgres, s3) = (Postgres::start()?, S3::start()?);
        let environment = [
            ("TEST_POSTGRES_URL", postgres.url()),
            ("TEST_S3_ENDPOINT", s3.url()),
            ("AWS_ACCESS_KEY_ID", "testing".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "testing".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
        ];
        Ok(Self { _running: (postgres, s3), environment })
    }

    /// Returns a call of cargo whose tests find the servers.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut command = cargo(args);
        command.envs(self.environment.clone());
        command
    }
}

pub(crate) fn run(args: &[String]) -> Result<ExitCode> {
    let servers = Servers::start()?;
    step::run(&mut servers.cargo(&["build", "--workspace", "--bins"]))?;
    // Doctests come first, so that the last lines are those of the runner.
    if args.is_empty() {
        step::run(&mut servers.cargo(&["test", "--workspace", "--doc", "--quiet"]))?;
    }
    let status = step::announced(servers.cargo(runner()).args(scope(args)).args(args))?;
    Ok(step::exit_code(status))
}

/// Returns the runner: nextest where it is installed, with its profile for machines that nobody watches.
fn runner() -> &'static [&'static str] {
    match (has_nextest(), std::env::var_os("CI").is_some()) {
        (true, false) => &["nextest", "run"],
        (true, true) => &["nextest", "run", "--profile", "ci"],
        (false, _) => &["test", "--lib", "--bins", "--tests", "--no-fail-fast"],
    }
}

pub(crate) fn has_nextest() -> bool {
    step::succeeds(&mut cargo(&["nextest", "--version"]))
}

/// Returns what makes cargo take the whole workspace; with that, it would ignore the packages that the caller names.
fn scope(args: &[String]) -> Option<&'static str> {
    let names_a_package = |arg: &String| arg == "-p" || arg.starts_with("--package");
    (!args.iter().any(names_a_package)).then_some("--workspace")
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(&[] => Some("--workspace"); "everything")]
    #[test_case(&["resolves"] => Some("--workspace"); "a test by its name")]
    #[test_case(&["-p", "catalog"] => None; "a package")]
    #[test_case(&["--package=catalog"] => None; "a package in one word")]
    fn tests_run_in(args: &[&str]) -> Option<&'static str> {
        scope(&args.iter().map(ToString::to_string).collect::<Vec<_>>())
    }
}
