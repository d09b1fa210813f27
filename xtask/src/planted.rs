//! `planted`: bugs, each put into a copy of the tree, and found by the tests that are there for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};

use crate::test::has_nextest;
use crate::{install, step, workspace};

/// Bugs of one kind.
struct Bugs {
    /// Where they are.
    dir: &'static str,
    /// The package whose tests have to find them.
    package: &'static str,
    /// The binary of those tests.
    binary: &'static str,
    /// The packages whose programs they run.
    programs: &'static [&'static str],
    /// Which of them.
    tests: &'static [&'static str],
}

/// What is flushed, checked and acknowledged; and who may do what.
const ALL: &[Bugs] = &[
    Bugs {
        dir: "acceptance/planted",
        package: "acceptance",
        binary: "it",
        programs: &["store-server", "publish-cli", "deploy-agent"],
        tests: &["flushed::", "faults::", "oidc::", "kill::whoever_is_killed_at_a_point"],
    },
    Bugs {
        dir: "web-api-v4/planted",
        package: "web-api-v4",
        binary: "api",
        programs: &[],
        tests: &[
            "rights::",
            "hidden::",
            "model::",
            "tokens::",
            "groups::",
            "grants::",
            "audit::",
            "patches::",
            "transfers::",
            "throttled::",
        ],
    },
];

/// Plants the bugs whose paths have one of the texts; all, if there are none.
pub(crate) fn run(wanted: &[String]) -> Result<ExitCode> {
    install::strace()?;
    let copy = Copy { dir: workspace::cache()?.join("planted") };
    let mut missed = Vec::new();
    for kind in ALL {
        let is_wanted = |bug: &PathBuf| wanted.iter().any(|text| bug.to_string_lossy().contains(text));
        for bug in kind.files()?.into_iter().filter(|bug| wanted.is_empty() || is_wanted(bug)) {
            let name = bug.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            step::say(&format!("planting `{name}`"));
            copy.refresh()?;
            copy.apply(&bug)?;
            copy.build(kind)?;
            if copy.passes(kind)? {
                missed.push(name);
            } else {
                step::say(&format!("`{name}` was found"));
            }
        }
    }
    ensure!(missed.is_empty(), "not found: `{}`", missed.join("`, `"));
    step::say("every bug was found");
    Ok(ExitCode::SUCCESS)
}

impl Bugs {
    fn files(&self) -> Result<Vec<PathBuf>> {
        let dir = workspace::root().join(self.dir);
        let entries = fs::read_dir(&dir).with_context(|| format!("`{}`", dir.display()))?;
        let mut bugs = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        bugs.sort();
        Ok(bugs)
    }
}

/// A copy of the tree, built apart. It stays, so that the next bug is planted in what is built already.
struct Copy {
    dir: PathBuf,
}

impl Copy {
    fn tree(&self) -> PathBuf {
        self.dir.join("tree")
    }

    /// Makes the copy as the tree is. What is the same already is left alone, and not built again.
    fn refresh(&self) -> Result<()> {
        let listing = Command::new("git").args(["ls-files", "-z"]).current_dir(workspace::root()).output()?;
        ensure!(
            listing.status.success(),
            "`git ls-files` failed: {}",
            String::from_utf8_lossy(&listing.stderr)
        );
        for path in String::from_utf8(listing.stdout)?.split_terminator('\0') {
            copy(&workspace::root().join(path), &self.tree().join(path))
                .with_context(|| format!("`{path}`"))?;
        }
        Ok(())
    }

    fn apply(&self, bug: &Path) -> Result<()> {
        let mut git = Command::new("git");
        // The copy lies within a repository, and is none.
        git.args(["apply", "--whitespace=nowarn"]).arg(bug).current_dir(self.tree());
        step::run(git.env("GIT_CEILING_DIRECTORIES", &self.dir))
    }

    fn build(&self, bugs: &Bugs) -> Result<()> {
        if !bugs.programs.is_empty() {
            let programs = bugs.programs.iter().flat_map(|program| ["--package", program]);
            step::run(self.cargo(&["build", "--bins"]).args(programs))?;
        }
        step::run(&mut self.cargo(&["test", "--package", bugs.package, "--test", bugs.binary, "--no-run"]))
    }

    /// Says whether the tests find nothing.
    fn passes(&self, bugs: &Bugs) -> Result<bool> {
        let runner: &[&str] = if has_nextest() { &["nextest", "run"] } else { &["test"] };
        let mut command = self.cargo(runner);
        command.args(["--package", bugs.package, "--test", bugs.binary]);
        command.args(if has_nextest() { &[][..] } else { &["--"] });
        Ok(step::announced(command.args(bugs.tests))?.success())
    }

    fn cargo(&self, args: &[&str]) -> Command {
        let mut command = workspace::cargo(args);
        command.current_dir(self.tree()).env("CARGO_TARGET_DIR", self.dir.join("target"));
        command
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if fs::read(to).is_ok_and(|there| fs::read(from).is_ok_and(|wanted| there == wanted)) {
        return Ok(());
    }
    fs::create_dir_all(to.parent().unwrap_or(to))?;
    fs::copy(from, to)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_fits_into_the_tree_as_it_is() {
        for kind in ALL {
            let bugs = kind.files().unwrap();
            assert!(!bugs.is_empty());
            all_fit(&bugs);
        }
    }

    fn all_fit(bugs: &[PathBuf]) {
        for bug in bugs {
            let mut git = Command::new("git");
            git.args(["apply", "--check"]).arg(bug).current_dir(workspace::root());
            assert!(git.status().unwrap().success(), "`{}`", bug.display());
        }
    }
}
