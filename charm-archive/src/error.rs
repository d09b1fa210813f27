//! What can be wrong with an archive or with a tree that is to become one.

use std::io;

use charm_model::finding::{Code, Finding};
use thiserror::Error;

/// Why an archive is not read, built or unpacked.
///
/// Messages say what is wrong and with which entry; [`ArchiveError::mend`] says what to do about it.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// The last bytes are not the end record of a zip file without a comment.
    #[error("the archive does not end with the end of a central directory")]
    NoEnd,
    /// Two end records reach the end of the file, so two programs may read two different archives.
    #[error("the archive has a second end of a central directory, at byte {offset}")]
    SecondEnd {
        /// Where the other one begins, from the start of the file.
        offset: u64,
    },
    /// The archive was split over several disks.
    #[error("the archive is one part of several")]
    MultiDisk,
    /// The zip64 records are needed and not there, or say something else than the plain ones.
    #[error("the archive's zip64 records are missing or contradict the plain ones")]
    Zip64,
    /// The central directory is not what the end record announces.
    #[error("the central directory {problem}")]
    Directory {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The file ends earlier than its size and its records say.
    #[error("the archive ends in the middle of a record")]
    Truncated,
    /// Something stands before the first entry.
    #[error("{n_bytes} bytes stand before the first entry")]
    Prefix {
        /// How many.
        n_bytes: u64,
    },
    /// An entry's bytes overlap with those of the next, or leave a gap before it.
    #[error("`{path}` does not end where the next entry begins")]
    Range {
        /// The entry.
        path: String,
    },
    /// The central directory and the local header contradict each other.
    #[error("the two headers of `{path}` differ in the {field}")]
    Headers {
        /// The entry, as the central directory names it.
        path: String,
        /// The field, in words.
        field: &'static str,
    },
    /// A feature of the format that programs treat differently, or that hides the content.
    #[error("`{path}` has {feature}, which charm archives do not")]
    Unsupported {
        /// The entry.
        path: String,
        /// The feature, in words.
        feature: &'static str,
    },
    /// The content is not what the headers announce.
    #[error("`{path}` is damaged: {problem}")]
    Corrupt {
        /// The entry.
        path: String,
        /// What does not fit.
        problem: &'static str,
    },
    /// A name that means different files on different machines, or none.
    #[error("the name `{path}` {problem}")]
    Name {
        /// The name; what cannot be printed is replaced.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Two entries have one name.
    #[error("`{path}` stands there twice")]
    Duplicate {
        /// The name.
        path: String,
    },
    /// Two names are one on file systems that fold case or Unicode forms.
    #[error("`{path}` and `{other}` differ by case or Unicode form only")]
    Folded {
        /// The later name.
        path: String,
        /// The earlier name.
        other: String,
    },
    /// A file or link is used as a directory by the path of another entry.
    #[error("`{path}` is a file or link, and a directory for other entries")]
    NotDirectory {
        /// The file or link.
        path: String,
    },
    /// Neither file nor directory nor link.
    #[error("`{path}` is {kind}")]
    Kind {
        /// The entry.
        path: String,
        /// What it is, with its article.
        kind: &'static str,
    },
    /// A link that does not stay in its tree.
    #[error("the link `{path}` to `{target}` {problem}")]
    Link {
        /// The link.
        path: String,
        /// What it points at; what cannot be printed is replaced.
        target: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// One of [`ArchiveLimits`](crate::ArchiveLimits) is exceeded.
    #[error("the archive has {found} {what}, the limit is {limit}")]
    Limit {
        /// What is counted, in words.
        what: &'static str,
        /// The most that is taken.
        limit: u64,
        /// What the archive has.
        found: u64,
    },
    /// A file is not what it was when its directory was read.
    #[error("`{path}` changed while the archive was built")]
    Changed {
        /// The file, relative to the tree.
        path: String,
    },
    /// A line of `.jujuignore` that does not parse.
    #[error("line {line} of `.jujuignore` is not a pattern")]
    Pattern {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        source: ignore::Error,
    },
    /// The machine's fault, or its owner's: a disk, a permission, a path that exists already.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// With which file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
}

impl ArchiveError {
    /// Returns a function that turns an I/O error into a variant of this enum, for `map_err`.
    ///
    /// A refusal that travelled through [`io::Read`] comes out as what it was.
    pub(crate) fn io(action: &'static str, path: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |error| {
            let source = match error.downcast::<Self>() {
                Ok(refusal) => return refusal,
                Err(source) => source,
            };
            Self::Io { action, path: path.into(), source }
        }
    }

    /// Says what is wrong to the author; `None` where trying again may help, and another tree would not.
    pub fn finding(&self) -> Option<Finding> {
        let finding = Finding::error(self.code()?, self.to_string());
        let finding = match self {
            Self::Pattern { line, .. } => finding.at(".jujuignore", *line),
            _ => finding,
        };
        Some(finding.help(self.mend()))
    }

    /// Returns the rule that is broken; `None` for a fault of the machine or the moment.
    pub const fn code(&self) -> Option<Code> {
        match self {
            Self::Io { .. } | Self::Changed { .. } => None,
            Self::Limit { .. } => Some(Code::ArchiveLimit),
            Self::Link { .. } => Some(Code::LinkEscapes),
            Self::Kind { .. } => Some(Code::FileKind),
            Self::Name { .. } | Self::Folded { .. } | Self::Pattern { .. } => Some(Code::FileName),
            Self::NoEnd
            | Self::SecondEnd { .. }
            | Self::MultiDisk
            | Self::Zip64
            | Self::Directory { .. }
            | Self::Truncated
            | Self::Prefix { .. }
            | Self::Range { .. }
            | Self::Headers { .. }
            | Self::Unsupported { .. }
            | Self::Corrupt { .. }
            | Self::Duplicate { .. }
            | Self::NotDirectory { .. } => Some(Code::ArchiveInvalid),
        }
    }

    /// Returns what to do about it.
    pub const fn mend(&self) -> &'static str {
        match self {
            Self::NoEnd | Self::Truncated => {
                "send the whole zip file, without a comment and without bytes behind it"
            }
            Self::Prefix { .. } => "a charm archive is a plain zip file: remove what was put before it",
            Self::MultiDisk => "make one zip file of it",
            Self::Limit { .. } => "move large files to resources, and leave out what the charm does not need",
            Self::Name { .. } | Self::Folded { .. } => "rename the file",
            Self::Kind { .. } => "leave it out, or let a hook make it",
            Self::Link { .. } => "point the link at a file of the charm, relative to the link's directory",
            Self::Changed { .. } => "try again once nothing writes to the charm's directory",
            Self::Pattern { .. } => "write it as in a `.gitignore`",
            Self::Io { .. } => "look at the cause, and try again",
            Self::SecondEnd { .. }
            | Self::Zip64
            | Self::Directory { .. }
            | Self::Range { .. }
            | Self::Headers { .. }
            | Self::Unsupported { .. }
            | Self::Corrupt { .. }
            | Self::Duplicate { .. }
            | Self::NotDirectory { .. } => {
                "make the archive again, with `charm-publish` or another zip program"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_travelled_through_io_comes_out_as_it_was() {
        let inside = io::Error::other(ArchiveError::Duplicate { path: "hooks".into() });
        let outside = ArchiveError::io("read", "the archive")(inside);
        assert!(matches!(outside, ArchiveError::Duplicate { .. }));
    }

    #[test]
    fn a_finding_has_a_code_and_a_mend_and_the_machine_s_faults_are_none() {
        let limit = ArchiveError::Limit { what: "entries", limit: 2, found: 3 };
        insta::assert_snapshot!(limit.finding().unwrap(), @r"
        error[E-ARCHIVE-LIMIT]: the archive has 3 entries, the limit is 2
        help: move large files to resources, and leave out what the charm does not need
        ");
        let disk = ArchiveError::io("read", "the archive")(io::Error::other("gone"));
        assert_eq!(disk.finding(), None);
    }
}
