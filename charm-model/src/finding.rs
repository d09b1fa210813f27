//! What is wrong with a charm's tree: all of it at once, each with its place and its mend.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that is wrong, or worth knowing, with what an author wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which rule it is about; stable, and explained by `charm-publish explain`.
    pub code: String,
    /// Whether it stops a publish.
    pub severity: Severity,
    /// What is wrong, with the values in backticks.
    pub message: String,
    /// The file, relative to the charm's directory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<String>,
    /// The line in that file, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<usize>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub help: Option<String>,
}

/// Whether a finding stops a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It does.
    Error,
    /// It does not.
    Warning,
}

impl Finding {
    /// Makes an error without a place; the `at` and `help` methods add what is known.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message)
    }

    /// Makes a warning without a place.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message)
    }

    fn new(code: Code, severity: Severity, message: impl Into<String>) -> Self {
        let code = code.as_str().to_owned();
        let message = printable(&message.into(), MAX_MESSAGE_CHARS);
        Self { code, severity, message, file: None, line: None, help: None }
    }

    /// Adds the file.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// Adds the file and the line, counted from 1.
    #[must_use]
    pub fn at(mut self, file: impl Into<String>, line: usize) -> Self {
        self.file = Some(file.into());
        self.line = Some(line);
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        let lines: Vec<_> = help.into().split('\n').map(|line| printable(line, MAX_MESSAGE_CHARS)).collect();
        self.help = Some(lines.join("\n"));
        self
    }
}

/// The longest message, in characters. A message quotes what strangers wrote, and that may be a whole file.
const MAX_MESSAGE_CHARS: usize = 1_000;

/// Shortens a text and escapes its control characters, which could move a terminal's cursor or forge a line.
fn printable(text: &str, max_chars: usize) -> String {
    let mut chars = text.chars();
    let mut printable = String::with_capacity(text.len().min(max_chars));
    for it in chars.by_ref().take(max_chars) {
        if it.is_control() { printable.extend(it.escape_default()) } else { printable.push(it) }
    }
    if chars.next().is_some() {
        printable.push('…');
    }
    printable
}

impl fmt::Display for Finding {
    /// Prints as compilers do: severity and code, the place under it, the mend last.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}[{}]: {}", self.code, self.message)?;
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "\n  --> {file}:{line}")?,
            (Some(file), None) => write!(f, "\n  --> {file}")?,
            (None, _) => {}
        }
        match &self.help {
            Some(help) => write!(f, "\nhelp: {}", help.replace('\n', "\n      ")),
            None => Ok(()),
        }
    }
}

/// Sorts findings as people read them: errors first, then by file, line and rule; and drops repetitions.
pub fn sort(findings: &mut Vec<Finding>) {
    findings.sort_by(|a, b| {
        let key = |it: &Finding| (it.severity, it.file.clone(), it.line, it.code.clone(), it.message.clone());
        key(a).cmp(&key(b))
    });
    findings.dedup();
}

/// Says whether any of them stops a publish.
pub fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(|it| it.severity == Severity::Error)
}

/// Sorts what was found, and gives out what was read only if it stands: no error speaks against it.
pub(crate) fn conclude<T>(draft: Option<T>, mut findings: Vec<Finding>) -> (Option<T>, Vec<Finding>) {
    sort(&mut findings);
    let stands = !has_errors(&findings);
    (draft.filter(|_| stands), findings)
}

/// Prints findings as tests compare them.
#[cfg(test)]
pub(crate) fn printed(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The most findings about one file. More help nobody, and a hostile file could make a hundred thousand.
const MAX_FINDINGS: usize = 1_000;

/// Findings about one file, while it is read.
#[derive(Debug)]
pub(crate) struct Report {
    file: String,
    findings: Vec<Finding>,
}

impl Report {
    /// Begins without findings.
    pub(crate) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), findings: Vec::new() }
    }

    /// Adds a finding about a line of the file, counted from 1.
    pub(crate) fn at(&mut self, line: usize, finding: Finding) {
        self.add(finding.at(self.file.clone(), line));
    }

    /// Adds a finding about the file as a whole.
    pub(crate) fn whole(&mut self, finding: Finding) {
        self.add(finding.in_file(self.file.clone()));
    }

    fn add(&mut self, finding: Finding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        } else if finding.severity == Severity::Error {
            // However many warnings came before it, an error must stop the publish.
            self.findings[MAX_FINDINGS - 1] = finding;
        }
    }

    /// Says whether an error was found so far.
    pub(crate) fn has_errors(&self) -> bool {
        has_errors(&self.findings)
    }

    /// Ends the reading.
    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}

/// Makes the list of codes, and the texts that explain them.
macro_rules! codes {
    ($($variant:ident = $code:literal, $explanation:literal;)+) => {
        /// The rules that findings are about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $(#[doc = $explanation] $variant),+ }

        impl Code {
            /// Every rule, in the order of this list.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the code as people and programs see it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// Returns why the rule exists and what to do, in a sentence or two.
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$variant => $explanation),+ }
            }
        }
    };
}

codes! {
    YamlSyntax = "E-YAML-SYNTAX", "The file is not valid YAML. A tab in the indentation is the most frequent reason: use spaces.";
    YamlDuplicate = "E-YAML-DUPLICATE", "The same key stands twice in one mapping, so one of the two values would be lost silently. Keep one.";
    YamlBudget = "E-YAML-BUDGET", "The file nests, repeats or refers to itself beyond what any charm needs, and is not read further.";
    YamlType = "E-YAML-TYPE", "A value is of another kind than its key expects, such as a list where a text should stand.";
    YamlMissing = "E-YAML-MISSING", "A key that is required is not there.";
    YamlUnknownKey = "E-YAML-UNKNOWN-KEY", "The key is not one that the format knows, so it would be ignored silently. Correct or remove it.";
    MetadataMissing = "E-METADATA-MISSING", "Every charm has a `metadata.yaml`, every bundle a `bundle.yaml`, at the top of its tree.";
    MetadataName = "E-METADATA-NAME", "The charm's name does not follow the rules for names, so no reference could name the charm.";
    MetadataSeries = "E-METADATA-SERIES", "A series in the metadata does not follow the rules for series.";
    MetadataTemplate = "E-METADATA-TEMPLATE", "A relation or interface still has the name that the charm template gave it.";
    MetadataRelation = "E-METADATA-RELATION", "A relation has a reserved name, stands under two roles, or has a scope that Juju does not know.";
    FormatMissing = "E-FORMAT-MISSING", "A charm with `resources.yaml` declares `format: 3` in `metadata.yaml`, so that older programs refuse it clearly instead of running it without its resources.";
    FormatUnknown = "E-FORMAT-UNKNOWN", "The format is newer than this program knows. A newer version of the program may know it.";
    BundleInvalid = "E-BUNDLE-INVALID", "The bundle does not describe a model that could be deployed.";
    ConfigInvalid = "E-CONFIG", "An option in `config.yaml` has a type that Juju does not know, so the charm could not be deployed.";
    ResourcesDefault = "E-RESOURCES-DEFAULT", "`default-stream` in `resources.yaml` names the stream that a reference without a stream means, and must be one of the streams.";
    ResourcesTwice = "E-RESOURCES-TWICE", "Resources are declared both in `resources.yaml` and under `resources:` in `metadata.yaml`, and differently. Keep one of the two.";
    StreamName = "E-STREAM-NAME", "A stream's name does not follow the rules for streams, so no reference could name it.";
    StreamUnknown = "E-STREAM-UNKNOWN", "The stream is not declared in `resources.yaml`.";
    TreeName = "E-TREE-NAME", "Under a stream stand `common` and the known architectures, nothing else.";
    PathInvalid = "E-PATH", "A resource's path is relative, plain and in Unicode form NFC, so that it means the same file on every machine.";
    PathFolded = "E-PATH-FOLDED", "Several names stand in one text. YAML joined lines that were meant as a list: begin each with `- `.";
    LimitExceeded = "E-LIMIT", "A documented limit of the store is exceeded.";
    ShapeCollision = "E-SHAPE-COLLISION", "On a unit `common` and its architecture become one directory, so no path may stand in both, be a directory in one and a file in the other, or differ from another by case or Unicode form only.";
    ShapeReserved = "E-SHAPE-RESERVED", "`common`, `arch` and the architectures are directories of a unit's `resources/` already.";
    ShapeMissing = "E-SHAPE-MISSING", "A file that `resources.yaml` declares is not there.";
    ShapeExtra = "E-SHAPE-EXTRA", "A file stands in the resources' tree, and no stream declares it: the forgotten overlay. Declare it, or remove it.";
    ShapeMismatch = "E-SHAPE-MISMATCH", "The files that were published differ from those that the charm declares for the stream.";
    LinkEscapes = "E-LINK-ESCAPES", "A symbolic link points outside the tree, so a unit would find something else there, or nothing.";
    FileKind = "E-FILE-KIND", "A charm consists of directories, regular files and symbolic links. Devices, sockets and pipes do not travel.";
    FileName = "E-FILE-NAME", "A file's name is not UTF-8, has a control character or a backslash, or differs from another only by case or Unicode form.";
    ArchiveInvalid = "E-ARCHIVE", "The archive is not a zip file as the store takes it: one plain central directory that agrees with every local header.";
    ArchiveLimit = "E-ARCHIVE-LIMIT", "The archive has more entries, more bytes or a higher compression ratio than the store takes.";
    YamlLastWins = "W-YAML-DUPLICATE", "The same key stands twice in one mapping. Juju takes the last and forgets the others. Keep one.";
    ConfigDoubtful = "W-CONFIG", "An option in `config.yaml` is not what Juju documents; it is taken as it stands.";
    GzipOpaque = "W-GZIP", "A gzip or xz file hides what stayed the same between versions, so all of it is sent each time. Ship it uncompressed, as zip, or with `gzip --rsyncable`.";
    StreamShape = "W-STREAM-SHAPE", "A stream has other files than the shape that the charm's other streams share. Two charms may be what is meant.";
    HookMode = "W-HOOK-MODE", "A hook is not executable, so a unit could not run it.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_prints_as_compilers_do() {
        let finding = Finding::error(Code::ShapeExtra, "`resources/common/x` is on disk but not declared")
            .at("resources.yaml", 7)
            .help("add it, or\nremove it");
        insta::assert_snapshot!(finding, @r"
        error[E-SHAPE-EXTRA]: `resources/common/x` is on disk but not declared
          --> resources.yaml:7
        help: add it, or
              remove it
        ");
    }

    #[test]
    fn what_strangers_wrote_cannot_forge_a_line_or_fill_a_screen() {
        let finding = Finding::error(Code::PathInvalid, "`a\nerror: b\u{1b}[2J`").help("x".repeat(2_000));
        assert_eq!(finding.message, r"`a\nerror: b\u{1b}[2J`");
        assert_eq!(finding.help.unwrap().chars().count(), MAX_MESSAGE_CHARS + 1);
    }

    #[test]
    fn an_error_is_kept_however_many_warnings_there_are() {
        let mut report = Report::new("a");
        for line in 0..2 * MAX_FINDINGS {
            report.at(line, Finding::warning(Code::GzipOpaque, "b"));
        }
        report.whole(Finding::error(Code::ShapeExtra, "c"));
        let findings = report.into_findings();
        assert_eq!(findings.len(), MAX_FINDINGS);
        assert!(has_errors(&findings));
    }

    #[test]
    fn errors_come_first_and_no_two_codes_are_the_same() {
        let mut findings = vec![
            Finding::warning(Code::GzipOpaque, "b").at("a", 1),
            Finding::error(Code::ShapeExtra, "a").at("b", 2),
            Finding::error(Code::ShapeExtra, "a").at("b", 2),
        ];
        sort(&mut findings);
        assert_eq!(
            findings.iter().map(|it| it.severity).collect::<Vec<_>>(),
            [Severity::Error, Severity::Warning]
        );
        let mut codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Code::ALL.len());
    }
}
