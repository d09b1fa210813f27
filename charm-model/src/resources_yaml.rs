//! `resources.yaml`: the streams of a charm, and the files of each.
//!
//! ```yaml
//! default-stream: stable
//! shape:                          # the files of every stream that lists none of its own
//!   common: [common.zip]
//!   amd64: [foobar.zip]
//! streams:
//!   stable:
//!   devel: {description: nightly builds}
//! ```

mod collision;
mod lists;

use std::collections::BTreeMap;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::finding::{Code, Finding, Report, conclude};
use crate::name::{NameError, StreamName};
use crate::shape::{MAX_STREAMS, Shape};
use crate::yaml::fields::{Fields, count};
use crate::yaml::nearest::nearest;
use crate::yaml::rules::Rules;
use crate::yaml::{Entry, Node, compose_mapping};

pub(crate) use lists::{Lists, tree_words};

/// The format of `resources.yaml` that this program knows.
pub const FORMAT: u32 = 1;

/// What `resources.yaml` declares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Declaration {
    /// The stream that a reference without one means.
    pub default_stream: StreamName,
    /// The streams, by name; the default is one of them.
    pub streams: BTreeMap<StreamName, DeclaredStream>,
}

/// What `resources.yaml` declares of one stream.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeclaredStream {
    /// Who it is for, such as `nightly builds, unstable`.
    pub description: Option<String>,
    /// Its files.
    pub shape: Shape,
}

/// A declaration while errors may stand against it, and where its files are listed.
pub(crate) struct Draft {
    /// What was read. Where its default is none of the streams, the first stream stands in.
    pub(crate) declaration: Declaration,
    /// The lists of each stream; streams without own ones share theirs.
    pub(crate) lists: BTreeMap<StreamName, Rc<Lists>>,
}

impl Declaration {
    /// Reads `resources.yaml`; nothing where an error is among the findings. `file` is what findings call it.
    pub fn read(file: &str, bytes: &[u8]) -> (Option<Self>, Vec<Finding>) {
        let mut report = Report::new(file);
        let draft = draft(bytes, &mut report);
        conclude(draft.map(|draft| draft.declaration), report.into_findings())
    }
}

/// Reads `resources.yaml`, and goes on where it can. `None` where it has no stream.
pub(crate) fn draft(bytes: &[u8], report: &mut Report) -> Option<Draft> {
    let help = "give `default-stream` and `streams`; or remove the file";
    let root = compose_mapping(bytes, &Rules::RESOURCES, help, report)?;
    let mut fields = Fields::of(&root, "resources.yaml", report);
    check_format(fields.take("format"), report);
    let default = fields.required_text("default-stream", report);
    let shared = fields.take("shape").and_then(|node| read_shared(node, report)).map(Rc::new);
    let streams = read_streams(&root, &mut fields, shared.as_ref(), report);
    refuse_unknown(fields, &["format", "default-stream", "shape", "streams"], report);
    let default = default.and_then(|(line, name)| find_default(line, &name, &streams, report));
    let default_stream = default.or_else(|| streams.keys().next().cloned())?;
    Some(assemble(default_stream, streams))
}

fn assemble(default_stream: StreamName, streams: Streams) -> Draft {
    let mut declaration = Declaration { default_stream, streams: BTreeMap::new() };
    let mut all_lists = BTreeMap::new();
    for (name, Stream { description, lists }) in streams {
        let declared = DeclaredStream { description, shape: lists.shape.clone() };
        declaration.streams.insert(name.clone(), declared);
        all_lists.insert(name, lists);
    }
    Draft { declaration, lists: all_lists }
}

/// The streams, by name.
type Streams = BTreeMap<StreamName, Stream>;

/// What was read of a stream.
struct Stream {
    description: Option<String>,
    lists: Rc<Lists>,
}

fn check_format(node: Option<&Node>, report: &mut Report) {
    let Some(node) = node else { return };
    let Some(format) = count(node, "format", report) else { return };
    if format != FORMAT {
        let message = format!("format {format} of `resources.yaml` is not known; known is {FORMAT}");
        let help = format!("write `format: {FORMAT}`, or use a program that knows this one");
        report.at(node.line, Finding::error(Code::FormatUnknown, message).help(help));
    }
}

fn read_shared(node: &Node, report: &mut Report) -> Option<Lists> {
    let mut fields = Fields::of(node, "shape", report);
    let lists = lists::read(node.line, &mut fields, report);
    refuse_unknown(fields, &tree_words(), report);
    lists
}

fn read_streams(
    root: &Node,
    fields: &mut Fields<'_>,
    shared: Option<&Rc<Lists>>,
    report: &mut Report,
) -> Streams {
    let entries = fields.entries("streams", report);
    let line = root.entry("streams").map_or(root.line, |entry| entry.line);
    if entries.is_empty() {
        let finding = Finding::error(Code::YamlMissing, "`streams` is missing, or has no stream");
        report.at(line, finding.help("name at least the default stream under `streams:`"));
    }
    if entries.len() > MAX_STREAMS {
        let message = format!("{} streams are declared; at most {MAX_STREAMS} are taken", entries.len());
        report.at(line, Finding::error(Code::LimitExceeded, message));
    }
    entries.iter().take(MAX_STREAMS).filter_map(|entry| read_stream(entry, shared, report)).collect()
}

fn read_stream(
    entry: &Entry,
    shared: Option<&Rc<Lists>>,
    report: &mut Report,
) -> Option<(StreamName, Stream)> {
    let mut fields = Fields::of(&entry.value, &entry.key, report);
    let description = fields.text("description", report);
    let own = lists::read(entry.line, &mut fields, report);
    let known: Vec<_> = std::iter::once("description").chain(tree_words()).collect();
    refuse_unknown(fields, &known, report);
    let lists = choose_lists(entry, own, shared, report);
    let refuse =
        |error: NameError| report.at(entry.line, Finding::error(Code::StreamName, error.to_string()));
    let name = entry.key.parse().map_err(refuse).ok()?;
    Some((name, Stream { description, lists }))
}

/// A stream's own lists replace the shared ones; they are never added to them.
fn choose_lists(
    entry: &Entry,
    own: Option<Lists>,
    shared: Option<&Rc<Lists>>,
    report: &mut Report,
) -> Rc<Lists> {
    let name = &entry.key;
    match (own, shared) {
        (Some(own), Some(shared)) if own.shape != shared.shape => {
            let message =
                format!("stream `{name}` has other files than `shape`, which its own lists replace");
            let help = "if it is not the same charm any more, publish it under a name of its own";
            report.at(entry.line, Finding::warning(Code::StreamShape, message).help(help));
            Rc::new(own)
        }
        (Some(own), _) => Rc::new(own),
        (None, Some(shared)) => Rc::clone(shared),
        (None, None) => {
            let message = format!("stream `{name}` lists no files, and there is no `shape` for all streams");
            let help = "list its files under `common:`; where it has none, write `common: []`";
            report.at(entry.line, Finding::error(Code::YamlMissing, message).help(help));
            Rc::new(Lists::none(entry.line))
        }
    }
}

fn find_default(line: usize, name: &str, streams: &Streams, report: &mut Report) -> Option<StreamName> {
    let found = streams.keys().find(|stream| stream.as_str() == name);
    // That there is no stream at all is a finding of its own.
    if found.is_none() && !streams.is_empty() {
        report.at(line, not_a_stream(Code::ResourcesDefault, name, streams.keys()));
    }
    found.cloned()
}

/// Returns the finding about a word that should be a stream of this declaration.
pub(crate) fn not_a_stream<'s>(
    code: Code,
    name: &str,
    streams: impl Iterator<Item = &'s StreamName> + Clone,
) -> Finding {
    let words = streams.map(StreamName::as_str);
    let help = match nearest(name, words.clone()) {
        Some(near) => format!("`{near}` is probably meant"),
        None => format!("declared are: {}", words.collect::<Vec<_>>().join(", ")),
    };
    Finding::error(code, format!("`{name}` is no stream of `resources.yaml`")).help(help)
}

fn refuse_unknown(fields: Fields<'_>, known: &[&str], report: &mut Report) {
    for entry in fields.left() {
        let message = format!("the key `{}` is not known here", entry.key);
        let help = match nearest(&entry.key, known.iter().copied()) {
            Some(near) => format!("`{near}` is probably meant"),
            None => format!("known are: {}", known.join(", ")),
        };
        report.at(entry.line, Finding::error(Code::YamlUnknownKey, message).help(help));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use insta::assert_snapshot;
    use proptest::prelude::*;
    use test_case::test_case;

    use super::*;
    use crate::finding::{has_errors, printed};
    use crate::shape::MAX_STREAM_FILES;

    const TWO_STREAMS: &str = "\
format: 1
default-stream: stable
shape:
  common: [common.zip, layers/00-base.tar]
  amd64: [foobar.zip]
  arm64: foobar.zip
streams:
  stable:
  devel: {description: nightly builds}
";

    fn read(text: &str) -> (Option<Declaration>, String) {
        let (declaration, findings) = Declaration::read("resources.yaml", text.as_bytes());
        (declaration, printed(&findings))
    }

    fn findings_of_lists(lists: &str) -> String {
        read(&format!("default-stream: s\nstreams:\n  s:\n{lists}")).1
    }

    fn places(declaration: &Declaration, stream: &str) -> Vec<String> {
        declaration.streams[&stream.parse().unwrap()].shape.0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn streams_without_lists_share_the_shape() {
        let (declaration, findings) = read(TWO_STREAMS);
        let declaration = declaration.unwrap();
        assert_eq!(findings, "");
        assert_eq!(places(&declaration, "stable"), places(&declaration, "devel"));
        assert_eq!(
            places(&declaration, "stable"),
            ["common/common.zip", "common/layers/00-base.tar", "amd64/foobar.zip", "arm64/foobar.zip"]
        );
    }

    #[test]
    fn the_lists_of_a_stream_replace_the_shape() {
        let (declaration, findings) = read(&format!("{TWO_STREAMS}  paid:\n    common: [licence.bin]\n"));
        assert_eq!(places(&declaration.unwrap(), "paid"), ["common/licence.bin"]);
        assert_snapshot!(findings, @r"
        warning[W-STREAM-SHAPE]: stream `paid` has other files than `shape`, which its own lists replace
          --> resources.yaml:10
        help: if it is not the same charm any more, publish it under a name of its own
        ");
    }

    #[test]
    fn a_declaration_survives_being_stored() {
        let declaration = read(TWO_STREAMS).0.unwrap();
        let stored = serde_json::to_string(&declaration).unwrap();
        assert_eq!(serde_json::from_str::<Declaration>(&stored).unwrap(), declaration);
    }

    #[test]
    fn the_default_is_one_of_the_streams() {
        assert_snapshot!(read("default-stream: stabel\nstreams: {stable: {common: []}}\n").1, @r"
        error[E-RESOURCES-DEFAULT]: `stabel` is no stream of `resources.yaml`
          --> resources.yaml:1
        help: `stable` is probably meant
        ");
        assert_snapshot!(read("streams: {stable: {common: []}}\n").1, @r"
        error[E-YAML-MISSING]: `default-stream` is missing
          --> resources.yaml:1
        help: add a line `default-stream: …`
        ");
    }

    #[test]
    fn there_is_a_stream() {
        assert_snapshot!(read("default-stream: stable\n").1, @r"
        error[E-YAML-MISSING]: `streams` is missing, or has no stream
          --> resources.yaml:1
        help: name at least the default stream under `streams:`
        ");
        assert_snapshot!(read("").1, @r"
        error[E-YAML-MISSING]: the file is empty
          --> resources.yaml
        help: give `default-stream` and `streams`; or remove the file
        ");
    }

    #[test]
    fn a_stream_says_what_files_it_has() {
        assert_snapshot!(read("default-stream: s\nstreams:\n  s:\n").1, @r"
        error[E-YAML-MISSING]: stream `s` lists no files, and there is no `shape` for all streams
          --> resources.yaml:3
        help: list its files under `common:`; where it has none, write `common: []`
        ");
    }

    #[test]
    fn a_format_that_is_not_known_is_refused() {
        assert_snapshot!(read("format: 2\ndefault-stream: s\nstreams: {s: {common: []}}\n").1, @r"
        error[E-FORMAT-UNKNOWN]: format 2 of `resources.yaml` is not known; known is 1
          --> resources.yaml:1
        help: write `format: 1`, or use a program that knows this one
        ");
    }

    #[test]
    fn keys_that_are_not_known_are_refused_with_the_nearest_name() {
        let text = "defualt-stream: s\nstreams:\n  s:\n    amd46: [a]\n    sparc: [b]\n    common: []\n";
        assert_snapshot!(read(text).1, @r"
        error[E-YAML-MISSING]: `default-stream` is missing
          --> resources.yaml:1
        help: add a line `default-stream: …`
        error[E-YAML-UNKNOWN-KEY]: the key `defualt-stream` is not known here
          --> resources.yaml:1
        help: `default-stream` is probably meant
        error[E-YAML-UNKNOWN-KEY]: the key `amd46` is not known here
          --> resources.yaml:4
        help: `amd64` is probably meant
        error[E-YAML-UNKNOWN-KEY]: the key `sparc` is not known here
          --> resources.yaml:5
        help: known are: description, common, amd64, arm64, armhf, i386, ppc64el, riscv64, s390x
        ");
    }

    #[test]
    fn a_stream_has_a_name_that_references_can_say() {
        assert_snapshot!(read("default-stream: s\nstreams: {s: {common: []}, Paid_1: {common: []}}\n").1, @r"
        error[E-STREAM-NAME]: stream `Paid_1` is not valid: it begins with a lower-case letter, has words of lower-case letters and digits between dashes, and at most 32 bytes
          --> resources.yaml:2
        ");
    }

    #[test]
    fn names_whose_dashes_were_forgotten_are_refused() {
        assert_snapshot!(findings_of_lists("    common:\n      a.zip\n      b.zip\n"), @r"
        error[E-PATH-FOLDED]: several names stand in one text, `a.zip b.zip`
          --> resources.yaml:5
        help: begin each with a dash on a line of its own:
              - a.zip
              - b.zip
        ");
        assert_snapshot!(findings_of_lists("    common:\n      - a.zip\n        b.zip\n"), @r"
        error[E-PATH-FOLDED]: several names stand in one text, `a.zip b.zip`
          --> resources.yaml:5
        help: begin each with a dash on a line of its own:
              - a.zip
              - b.zip
        ");
    }

    #[test]
    fn paths_that_mean_another_file_elsewhere_are_refused_with_their_line() {
        let list = "      - /etc/passwd\n      - ../x\n      - a//b\n      - a\\b\n";
        assert_snapshot!(findings_of_lists(&format!("    common:\n{list}")), @r"
        error[E-PATH]: `/etc/passwd`: the path is absolute; write it relative to the tree's directory
          --> resources.yaml:5
        error[E-PATH]: `../x`: the path leaves its directory with `..`
          --> resources.yaml:6
        error[E-PATH]: `a//b`: the path has an empty part or `.`; write it plainly
          --> resources.yaml:7
        error[E-PATH]: `a\b`: the path has a backslash or a control character
          --> resources.yaml:8
        ");
    }

    #[test]
    fn a_path_in_decomposed_unicode_is_refused() {
        let findings = findings_of_lists("    common: [e\u{301}.zip]\n");
        assert!(
            findings.starts_with("error[E-PATH]: `e\u{301}.zip`: the path is not in Unicode form NFC"),
            "{findings}"
        );
    }

    #[test_case("common/a.zip"; "common")]
    #[test_case("arch"; "the link to the own architecture")]
    #[test_case("amd64"; "an architecture")]
    #[test_case("Common"; "in another case")]
    fn names_that_the_layout_takes_are_refused(path: &str) {
        let findings = findings_of_lists(&format!("    common: [{path}]\n"));
        assert!(findings.starts_with("error[E-SHAPE-RESERVED]"), "{findings}");
    }

    #[test]
    fn a_path_stands_in_common_or_in_an_architecture() {
        assert_snapshot!(findings_of_lists("    common: [a.zip]\n    amd64: [a.zip]\n    arm64: [b.zip]\n"), @r"
        error[E-SHAPE-COLLISION]: `a.zip` stands both in `common` and in `amd64`
          --> resources.yaml:5
        help: a unit has one file of that name: keep it in `common` alone, or in each architecture
        ");
    }

    #[test]
    fn a_file_is_no_directory() {
        assert_snapshot!(findings_of_lists("    common: [a]\n    amd64: [a/b/c]\n"), @r"
        error[E-SHAPE-COLLISION]: `common/a` is a file, and `amd64/a/b/c` needs a directory of that name
          --> resources.yaml:5
        help: give the file or the directory another name
        ");
    }

    #[test]
    fn names_that_differ_by_case_only_are_refused() {
        assert_snapshot!(findings_of_lists("    common: [LICENCE, licence]\n    amd64: [x]\n    arm64: [x]\n"), @r"
        error[E-SHAPE-COLLISION]: `common/LICENCE` and `common/licence` differ by case or Unicode form only
          --> resources.yaml:4
        help: some file systems take both for one file: give one of them another name
        ");
    }

    #[test]
    fn a_file_is_listed_once() {
        assert_snapshot!(findings_of_lists("    common:\n      - a\n      - a\n"), @r"
        error[E-SHAPE-COLLISION]: `common/a` is listed twice, first on line 5
          --> resources.yaml:6
        help: remove one of the two lines
        ");
    }

    #[test]
    fn two_architectures_may_have_files_of_one_name() {
        assert_eq!(findings_of_lists("    amd64: [a]\n    arm64: [a, A.zip]\n    i386: [a/b]\n"), "");
    }

    #[test]
    fn a_list_holds_texts() {
        assert_snapshot!(findings_of_lists("    common: [{a: b}, , 1.10]\n    amd64: {a: b}\n"), @r"
        error[E-YAML-SYNTAX]: while parsing a node, did not find expected node content
          --> resources.yaml:4
        ");
    }

    #[test]
    fn there_are_limits() {
        let streams: Vec<_> = (0..=MAX_STREAMS).map(|n| format!("  s{n}: {{common: []}}")).collect();
        assert_snapshot!(read(&format!("default-stream: s0\nstreams:\n{}", streams.join("\n"))).1, @r"
        error[E-LIMIT]: 33 streams are declared; at most 32 are taken
          --> resources.yaml:2
        ");
        let files: Vec<_> = (0..=MAX_STREAM_FILES).map(|n| format!("      - f{n}")).collect();
        assert_snapshot!(findings_of_lists(&format!("    common:\n{}", files.join("\n"))), @r"
        error[E-LIMIT]: 10001 files are declared; at most 10000 are taken
          --> resources.yaml:3
        ");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (declaration, findings) = Declaration::read("resources.yaml", &bytes);
            prop_assert_eq!(declaration.is_none(), has_errors(&findings));
        }

        #[test]
        fn a_damaged_declaration_is_read_or_refused(place in 0..TWO_STREAMS.len(), byte in any::<u8>(), cut in any::<bool>()) {
            let mut bytes = TWO_STREAMS.as_bytes().to_vec();
            bytes[place] = byte;
            bytes.truncate(if cut { place } else { TWO_STREAMS.len() });
            let (declaration, findings) = Declaration::read("resources.yaml", &bytes);
            prop_assert_eq!(declaration.is_none(), has_errors(&findings));
        }

        #[test]
        fn a_declaration_that_stands_has_no_two_files_of_one_name_on_a_unit(
            common in proptest::collection::vec("[aAb](/[aAb]){0,2}", 0..4),
            amd64 in proptest::collection::vec("[aAb](/[aAb]){0,2}", 0..4),
        ) {
            let text = format!("default-stream: s\nstreams: {{s: {{common: {common:?}, amd64: {amd64:?}}}}}\n");
            if let (Some(declaration), _) = read(&text) {
                let names: Vec<_> = common.iter().chain(&amd64).map(|path| path.to_lowercase()).collect();
                prop_assert_eq!(declaration.streams[&declaration.default_stream].shape.0.len(), names.len());
                let is_in_the_way = |one: &String, other: &String| other.starts_with(&format!("{one}/"));
                prop_assert!(names.iter().all(|one| !names.iter().any(|other| is_in_the_way(one, other))));
                prop_assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
            }
        }
    }
}
