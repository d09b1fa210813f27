//! How a program ended, and what it said.

use std::fmt;
use std::process::{Command, Output};

use serde_json::Value;

/// A program that has ended.
#[derive(Debug, Clone)]
pub struct Run {
    /// The command as a person types it.
    pub line: String,
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Run {
    /// Runs a program to its end.
    pub fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let [stdout, stderr] = [stdout, stderr].map(|it| String::from_utf8(it).unwrap());
        Self { line: line(command), code: status.code(), stdout, stderr }
    }

    /// Returns itself if it ended with that exit code.
    #[must_use]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "{self}");
        self
    }

    /// Returns itself if it ended well.
    #[must_use]
    pub fn ok(self) -> Self {
        self.code(0)
    }

    /// Asserts that it ended with that exit code.
    #[track_caller]
    pub fn assert_code(&self, expected: i32) {
        assert_eq!(self.code, Some(expected), "{self}");
    }

    /// Returns its standard output as the JSON that it is.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl fmt::Display for Run {
    /// Prints what a terminal would show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "$ {}\n{}{}", self.line, self.stderr, self.stdout)?;
        match self.code {
            Some(0) => Ok(()),
            Some(code) => writeln!(f, "[exit {code}]"),
            None => writeln!(f, "[killed]"),
        }
    }
}

fn line(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let name = program.rsplit('/').next().unwrap_or_default().to_owned();
    let args = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
    [name].into_iter().chain(args).collect::<Vec<_>>().join(" ")
}
