//! Running other programs, each announced before it starts.

use std::process::{Command, ExitCode, ExitStatus};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::Signal;

use crate::{interrupt, services};

/// How often a program is looked at.
const POLL: Duration = Duration::from_millis(20);

/// Says what comes next.
pub(crate) fn say(what: &str) {
    println!("==> {what}");
}

/// Announces a program, and runs it to its good end.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    let status = announced(command)?;
    ensure!(status.success(), "`{line}` failed: {status}");
    Ok(())
}

/// Announces a program, runs it, and returns how it ended.
pub(crate) fn announced(command: &mut Command) -> Result<ExitStatus> {
    say(&line(command));
    let mut child = command.spawn().with_context(|| format!("`{}` cannot be started", line(command)))?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if interrupt::is_requested() {
            services::end(&mut child, Signal::TERM);
            bail!("interrupted");
        }
        thread::sleep(POLL);
    }
}

/// Says whether a program can be run and ends well; nothing is printed.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Returns the exit code that stands for the end of a program; one that a signal ended has failed.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Returns a command as a person would type it.
fn line(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let name = program.rsplit('/').next().unwrap_or_default().to_owned();
    let args = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
    [name].into_iter().chain(args).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_announced_by_its_name_and_not_by_its_path() {
        assert_eq!(line(Command::new("/usr/bin/cargo").args(["fmt", "--check"])), "cargo fmt --check");
    }

    #[test]
    fn the_exit_code_of_a_program_is_passed_on() {
        let status = announced(Command::new("sh").args(["-c", "exit 100"])).unwrap();
        assert_eq!(exit_code(status), ExitCode::from(100));
    }

    #[test]
    fn a_failure_names_the_command() {
        let error = run(&mut Command::new("false")).unwrap_err();
        assert!(error.to_string().starts_with("`false` failed"), "{error}");
    }
}
