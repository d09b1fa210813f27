//! `bench`: the load tests, built as they would be shipped.

use std::process::ExitCode;

use anyhow::Result;

use crate::step;
use crate::workspace::cargo;

pub(crate) fn run(args: &[String]) -> Result<ExitCode> {
    step::run(&mut cargo(&["build", "--release", "--workspace", "--bins"]))?;
    let status = step::announced(cargo(&["run", "--release", "--package", "loadtests", "--"]).args(args))?;
    Ok(step::exit_code(status))
}
