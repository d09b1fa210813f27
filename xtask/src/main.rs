//! The chores of this workspace: `cargo xtask demo`, `test`, `lint`, `bench`, and the longer tests `kill`, `large`, `rights`,
//! `planted`.
//!
//! Each verb has its file. `install` and `services` have what tests need besides Rust; `step` runs programs;
//! `interrupt` ends them together.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore tells whoever runs it what it does")]

mod bench;
mod demo;
mod install;
mod interrupt;
mod lint;
mod long;
mod planted;
mod services;
mod step;
mod test;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The chores of the charm store's workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Build everything, start a store, and show a charm's way through it
    Demo(demo::Demo),
    /// Start what tests need as throw-aways, and run every test
    Test {
        /// For the test runner, such as `-p catalog` or the part of a test's name
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Check formatting and run clippy; a warning is an error
    Lint,
    /// Kill clients and servers at random, thousands of times
    Kill(long::Kill),
    /// Move gigabytes, and watch bytes and memory
    Large(long::Large),
    /// Make a million random requests under random rights, beside a model
    Rights(long::Rights),
    /// Plant bugs in a copy of the tree, and see that the tests find each
    Planted {
        /// Those whose paths have one of these texts, such as `web-api-v4` [default: all]
        wanted: Vec<String>,
    },
    /// Measure against a real server
    Bench {
        /// For the load tests
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

/// What a shell says of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    match run(Cli::parse().verb) {
        Ok(code) => code,
        Err(_) if interrupt::is_requested() => ExitCode::from(INTERRUPTED),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<ExitCode> {
    interrupt::watch()?;
    match verb {
        Verb::Demo(demo) => demo.run(),
        Verb::Test { args } => test::run(&args),
        Verb::Lint => lint::run(),
        Verb::Kill(kill) => kill.run(),
        Verb::Large(large) => large.run(),
        Verb::Rights(rights) => rights.run(),
        Verb::Planted { wanted } => planted::run(&wanted),
        Verb::Bench { args } => bench::run(&args),
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

    #[test]
    fn the_runner_s_own_flags_are_left_to_the_runner() {
        let cli = Cli::parse_from(["cargo xtask", "test", "-p", "catalog", "--no-capture"]);
        assert!(matches!(cli.verb, Verb::Test { args } if args == ["-p", "catalog", "--no-capture"]));
    }
}
