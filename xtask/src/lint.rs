//! `lint`: what every change must pass before it is looked at.

use std::process::ExitCode;

use anyhow::Result;

use crate::step;
use crate::workspace::cargo;

pub(crate) fn run() -> Result<ExitCode> {
    step::run(&mut cargo(&["fmt", "--all", "--check"]))?;
    step::run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    Ok(ExitCode::SUCCESS)
}
