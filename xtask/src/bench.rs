//! `bench`: the load tests, built as they would be shipped.

use std::process::{Command, ExitCode};

use anyhow::{Result, ensure};

use crate::workspace::cargo;
use crate::{install, step};

pub(crate) fn run(args: &[String]) -> Result<ExitCode> {
    step::run(&mut cargo(&["build", "--release", "--workspace", "--bins"]))?;
    // The answer to a question for help is not a list of packages.
    if !args.iter().any(|arg| ["-h", "--help", "-V", "--version"].contains(&arg.as_str())) {
        install_peers(args)?;
    }
    let status = step::announced(load_tests().args(args))?;
    Ok(step::exit_code(status))
}

/// Installs the programs to measure against, as far as they are missing.
fn install_peers(args: &[String]) -> Result<()> {
    let missing = load_tests().args(args).arg("--missing").output()?;
    ensure!(missing.status.success(), "{}", String::from_utf8_lossy(&missing.stderr));
    let missing = String::from_utf8(missing.stdout)?;
    let packages: Vec<&str> = missing.lines().collect();
    if packages.is_empty() { Ok(()) } else { install::apt_install(&packages) }
}

fn load_tests() -> Command {
    cargo(&["run", "--quiet", "--release", "--package", "loadtests", "--"])
}
