//! Commands as a person types them, with what they answer.

use std::env;
use std::ffi::OsString;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anstyle::{AnsiColor, Style};
use anyhow::{Context as _, Result, ensure};

use crate::{interrupt, workspace};

/// A directory to type commands in, and the variables that are set there.
#[derive(Debug)]
pub(crate) struct Shell {
    dir: PathBuf,
    variables: Vec<(&'static str, String)>,
}

impl Shell {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), variables: Vec::new() }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Sets a variable for every later command; `shown` is what a person would type as its value.
    pub(crate) fn export(&mut self, name: &'static str, value: String, shown: &str) {
        typed(&format!("export {name}={shown}"));
        self.variables.push((name, value));
    }

    /// Types a command, shows what it answers, and returns its standard output.
    pub(crate) fn run(&self, line: &str) -> Result<String> {
        typed(line);
        let (told, result) = self.answer(line)?;
        anstream::print!("{told}{result}");
        Ok(result)
    }

    /// Runs a command without showing anything, and returns its standard output.
    pub(crate) fn silently(&self, line: &str) -> Result<String> {
        Ok(self.answer(line)?.1)
    }

    /// Returns standard error and standard output. The demo's words hold no spaces, so there is nothing to quote.
    fn answer(&self, line: &str) -> Result<(String, String)> {
        ensure!(!interrupt::is_requested(), "interrupted");
        let mut words = line.split(' ');
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).current_dir(&self.dir).env("PATH", path()?).stdin(Stdio::null());
        command.envs(self.variables.iter().cloned());
        let output = command.output().with_context(|| format!("`{line}`"))?;
        let [told, result] =
            [output.stderr, output.stdout].map(|it| String::from_utf8_lossy(&it).into_owned());
        ensure!(output.status.success(), "`{line}` failed: {}\n{told}", output.status);
        Ok((told, result))
    }
}

/// Returns the search path, with the programs of this workspace first.
fn path() -> Result<OsString> {
    let usual = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths(iter::once(workspace::programs()).chain(env::split_paths(&usual)))?)
}

/// Shows what comes next.
pub(crate) fn heading(text: &str) {
    let style = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
    anstream::println!("\n{style}{text}{style:#}");
}

/// Shows a command.
pub(crate) fn typed(line: &str) {
    let style = Style::new().bold();
    anstream::println!("$ {style}{line}{style:#}");
}
