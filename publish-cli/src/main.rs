//! `charm-publish`: from an author's tree to a store, and back.
//!
//! In reading order: `cli` (the flags), `commands` (one file per verb), `package` (an author's tree, proved and summed
//! up), `summing` and `hash_cache` (so that no file is read twice without need), `seeding` (so that none is moved whole
//! without need), `journal` (what was begun and is not finished), `sealed` (how small files are kept), `report` (what a
//! publish comes to), `moment` (what time it is), `output`, `progress`, `failure` and `exit` (how it is told),
//! `config` and `credentials` (where settings come from).

mod cli;
mod commands;
mod config;
mod context;
mod credentials;
mod exit;
mod failure;
mod hash_cache;
mod journal;
mod moment;
mod output;
mod package;
mod progress;
mod report;
mod sealed;
mod seeding;
mod summing;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(&cli.global);
    let exit = run(cli, &output).unwrap_or_else(|failure| {
        output.failure(&failure);
        failure.exit()
    });
    exit.into()
}

fn run(cli: Cli, output: &Output) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    let context = Context::new(cli.global.clone(), output.clone());
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = commands::run(cli, &context) => outcome,
            _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted(context.progress().safe())),
        }
    });
    context.progress().finish();
    // A file that is being summed up must not hold up an interruption.
    runtime.shutdown_background();
    outcome
}
