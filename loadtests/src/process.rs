//! Running a program to its end, and what that took.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use wait4::Wait4 as _;

/// What a program took, and what it said.
#[derive(Debug)]
pub(crate) struct Run {
    /// From its start to its end.
    pub(crate) seconds: f64,
    /// The most memory that it had at once. A small program has that of this one: a child begins as its parent.
    pub(crate) peak_bytes: u64,
    /// Its standard output, without the line feed at the end.
    pub(crate) stdout: String,
}

/// Runs a program. It ends well, or this is an error with what it said.
pub(crate) fn run(command: &mut Command) -> Result<Run> {
    // A file and no pipe, so that nobody has to read while the clock runs.
    let mut stdout = tempfile::tempfile()?;
    let run = run_into(command, stdout.try_clone()?)?;
    Ok(Run { stdout: text(&mut stdout)?, ..run })
}

/// Runs a program whose standard output goes into a file, and is not told.
pub(crate) fn run_into(command: &mut Command, stdout: File) -> Result<Run> {
    let line = format!("{command:?}");
    let mut stderr = tempfile::tempfile()?;
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr.try_clone()?);
    let began = Instant::now();
    let mut child = command.spawn().with_context(|| line.clone())?;
    let ended = child.wait4().with_context(|| line.clone())?;
    let seconds = began.elapsed().as_secs_f64();
    if !ended.status.success() {
        bail!("{line}: {}\n{}", ended.status, text(&mut stderr)?);
    }
    Ok(Run { seconds, peak_bytes: ended.rusage.maxrss, stdout: String::new() })
}

fn text(file: &mut File) -> Result<String> {
    let mut text = String::new();
    file.rewind()?;
    file.read_to_string(&mut text)?;
    Ok(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Run> {
        run(Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn a_run_tells_seconds_memory_and_what_was_said() {
        let run = shell("sleep 0.1; echo done").unwrap();
        assert_eq!(run.stdout, "done");
        assert!(run.seconds >= 0.1 && run.peak_bytes > 1 << 19, "{run:?}");
    }

    #[test]
    fn a_program_that_fails_is_an_error_with_its_words() {
        assert!(shell("echo no space >&2; exit 3").unwrap_err().to_string().ends_with("no space"));
    }
}
