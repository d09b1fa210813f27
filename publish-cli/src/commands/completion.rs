//! `completion`: a script for a shell.

use clap::CommandFactory as _;

use crate::cli::{Cli, CompletionArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn run(args: &CompletionArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "charm-publish", &mut script);
    Output::raw(&script)?;
    Ok(Exit::Done)
}
