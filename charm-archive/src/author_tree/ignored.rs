//! What of an author's directory is not part of the charm.

use std::fs;
use std::io;
use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::error::ArchiveError;

/// The author's own patterns, as in a `.gitignore`.
const FILE: &str = ".jujuignore";

/// What Juju leaves out of any charm (juju/charm, `ignore.go`).
const DEFAULTS: &[&str] = &[
    ".git",
    ".svn",
    ".hg",
    ".bzr",
    ".tox",
    "/build/",
    "/revision",
    "/version",
    ".jujuignore",
    "/charm-publish.toml",
];

/// The patterns of one directory. The last that matches decides, so an author can bring back what Juju
/// ignores.
pub(super) struct Ignored(Gitignore);

impl Ignored {
    /// Reads the patterns of an author's directory.
    pub(super) fn read(dir: &Path) -> Result<Self, ArchiveError> {
        let text = match fs::read_to_string(dir.join(FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(ArchiveError::io("read", FILE)(error)),
        };
        Self::new(&text)
    }

    fn new(text: &str) -> Result<Self, ArchiveError> {
        let mut patterns = GitignoreBuilder::new("");
        let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
        for (line, pattern) in DEFAULTS.iter().map(|it| (0, *it)).chain(lines) {
            patterns.add_line(None, pattern).map_err(|source| ArchiveError::Pattern { line, source })?;
        }
        let patterns = patterns.build().map_err(|source| ArchiveError::Pattern { line: 0, source })?;
        Ok(Self(patterns))
    }

    /// Says whether a file or directory, relative to the author's, is left out.
    pub(super) fn matches(&self, path: &Path, is_directory: bool) -> bool {
        self.0.matched(path, is_directory).is_ignore()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_not_a_pattern_is_named() {
        let error = Ignored::new("*.pyc\n[z-a]\n").err().unwrap();
        assert_eq!(error.to_string(), "line 2 of `.jujuignore` is not a pattern");
    }

    #[test]
    fn the_author_has_the_last_word() {
        let ignored = Ignored::new("!/version\n").unwrap();
        assert!(!ignored.matches(Path::new("version"), false));
        assert!(ignored.matches(Path::new("revision"), false));
    }
}
