//! YAML as authors write it: a small tree of nodes that know their lines.
//!
//! Charms are hostile input and real charms are odd, so the tree is built here, from a parser's events, under
//! budgets ([`rules`]); and plain words mean what they meant to the parser that Juju used ([`scalar`]).

mod composer;
pub(crate) mod fields;
pub(crate) mod nearest;
pub mod rules;
pub mod scalar;

use serde_json::{Map, Value as Json};

use crate::finding::{Code, Finding, Report, conclude};
use composer::Composer;
use rules::Rules;
use scalar::Scalar;

/// A value, and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The line, counted from 1.
    pub line: usize,
    /// What stands there.
    pub value: Value,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text, number, truth value or nothing.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values in the order of the file; no key stands twice.
    Mapping(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The line of the key, counted from 1.
    pub line: usize,
    /// The key. `1` and `"1"` are the same one, as they are in JSON.
    pub key: String,
    /// The value.
    pub value: Node,
}

impl Node {
    /// Says whether nothing stands here: an empty place, `~` or `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.to_json().is_null())
    }

    /// Says what stands here, for a message.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
            Value::Scalar(scalar) => match scalar.to_json() {
                Json::Null => "nothing",
                Json::Bool(_) => "a truth value",
                Json::Number(_) => "a number",
                _ => "a text",
            },
        }
    }

    /// Returns the entry of that key, if this is a mapping that has it.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|entry| entry.key == key),
            Value::Sequence(_) | Value::Scalar(_) => None,
        }
    }

    /// Returns the same as JSON: how fields are kept that the store does not know.
    pub fn to_json(&self) -> Json {
        match &self.value {
            Value::Scalar(scalar) => scalar.to_json(),
            Value::Sequence(items) => items.iter().map(Self::to_json).collect(),
            Value::Mapping(entries) => {
                Json::Object(entries.iter().map(Entry::to_json).collect::<Map<_, _>>())
            }
        }
    }
}

impl Entry {
    /// Returns the pair that a JSON object has for it.
    pub(crate) fn to_json(&self) -> (String, Json) {
        (self.key.clone(), self.value.to_json())
    }
}

/// Reads one document. `None` without an error means that there is none: an empty file, or comments alone.
///
/// `file` is what findings call it.
pub fn read(file: &str, bytes: &[u8], rules: &Rules) -> (Option<Node>, Vec<Finding>) {
    let mut report = Report::new(file);
    let root = compose(bytes, rules, &mut report);
    conclude(root, report.into_findings())
}

/// Reads one document, and goes on where it can: errors may stand in the report beside the node.
pub(crate) fn compose(bytes: &[u8], rules: &Rules, report: &mut Report) -> Option<Node> {
    let text = match text_of(bytes, rules) {
        Ok(text) => text,
        Err((line, finding)) => return refuse(report, line, finding),
    };
    match Composer::new(rules, report).compose(text) {
        Ok(root) => root.filter(|it| !it.is_null()),
        Err((line, finding)) => refuse(report, line, finding),
    }
}

/// Reads one document that is a mapping. Reports anything else, and that there is none, with `help`.
pub(crate) fn compose_mapping(bytes: &[u8], rules: &Rules, help: &str, report: &mut Report) -> Option<Node> {
    let Some(root) = compose(bytes, rules, report) else {
        if !report.has_errors() {
            report.whole(Finding::error(Code::YamlMissing, "the file is empty").help(help));
        }
        return None;
    };
    match &root.value {
        Value::Mapping(_) => Some(root),
        Value::Sequence(_) | Value::Scalar(_) => {
            let message = format!("the file is {}; a mapping is expected", root.kind());
            report.at(root.line, Finding::error(Code::YamlType, message).help(help));
            None
        }
    }
}

fn refuse(report: &mut Report, line: usize, finding: Finding) -> Option<Node> {
    report.at(line, finding);
    None
}

/// Returns the text without a byte order mark, or what is wrong with it and on which line.
fn text_of<'b>(bytes: &'b [u8], rules: &Rules) -> Result<&'b str, (usize, Finding)> {
    if bytes.len() > rules.max_bytes {
        let message = format!("the file has {} bytes; at most {} are read", bytes.len(), rules.max_bytes);
        return Err((1, Finding::error(Code::YamlBudget, message)));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let finding = Finding::error(Code::YamlSyntax, "the file is not UTF-8").help("save it as UTF-8");
        (line_at(&bytes[..error.valid_up_to()]), finding)
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match text.lines().enumerate().find_map(|(index, line)| Some((index + 1, line_fault(line, rules)?))) {
        None => Ok(text),
        Some(fault) => Err(fault),
    }
}

fn line_fault(line: &str, rules: &Rules) -> Option<Finding> {
    if line.len() > rules.max_line_bytes {
        let message = format!("the line has {} bytes; at most {} are read", line.len(), rules.max_line_bytes);
        return Some(Finding::error(Code::YamlBudget, message).help("break the line"));
    }
    let it = line.chars().find(|it| !is_printable(*it))?;
    let message = format!("the character U+{:04X} is not allowed in YAML", u32::from(it));
    Some(Finding::error(Code::YamlSyntax, message))
}

/// YAML 1.1 §5.1. Go's parser refuses the others as well; and a NUL would end the text early for some readers.
fn is_printable(it: char) -> bool {
    matches!(it, '\t' | '\n' | '\r' | '\u{85}')
        || !(it.is_control() || matches!(it, '\u{feff}' | '\u{fffe}' | '\u{ffff}'))
}

fn line_at(before: &[u8]) -> usize {
    before.split(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;
    use serde_json::json;
    use test_case::test_case;

    use super::rules::Rules;
    use super::*;
    use crate::finding::printed;

    fn read_as(text: &str, rules: &Rules) -> (Option<Json>, String) {
        let (node, findings) = read("metadata.yaml", text.as_bytes(), rules);
        (node.map(|node| node.to_json()), printed(&findings))
    }

    fn json_of(text: &str) -> Json {
        let (json, findings) = read_as(text, &Rules::METADATA);
        assert_eq!(findings, "");
        json.unwrap_or_default()
    }

    fn findings_of(text: &str) -> String {
        read_as(text, &Rules::METADATA).1
    }

    #[test_case(""; "empty")]
    #[test_case("# a comment\n"; "a comment alone")]
    #[test_case("---\n"; "an empty document")]
    #[test_case("\u{feff}"; "a byte order mark alone")]
    fn a_file_without_a_value_is_none(text: &str) {
        assert_eq!(json_of(text), Json::Null);
    }

    #[test_case("\u{feff}a: 1\r\nb: [x, 'y']\r\n" => json!({"a": 1, "b": ["x", "y"]}); "byte order mark and CRLF")]
    #[test_case("a: !!int \"8080\"\nb: !!null \"\"\nc: !own \"1\"" => json!({"a": 8080, "b": null, "c": "1"}); "tags")]
    #[test_case("a: &x {b: 1}\nc: *x" => json!({"a": {"b": 1}, "c": {"b": 1}}); "an alias")]
    #[test_case("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}" => json!({"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}); "a merge")]
    #[test_case("a: |\n  x\n  \ty\n" => json!({"a": "x\n\ty\n"}); "a tab inside a block")]
    fn reads(text: &str) -> Json {
        json_of(text)
    }

    #[test]
    fn a_node_knows_its_line() {
        let (node, _) = read("a", b"# c\na:\n  - x\n  - y\n", &Rules::METADATA);
        let Some(Node { value: Value::Mapping(entries), .. }) = node else { panic!("a mapping was written") };
        let Value::Sequence(items) = &entries[0].value.value else { panic!("a list was written") };
        assert_eq!((entries[0].line, items[1].line), (2, 4));
    }

    #[test]
    fn a_key_twice_is_refused_with_both_lines() {
        assert_snapshot!(findings_of("a: 1\nb: 2\na: 3\n"), @r"
        error[E-YAML-DUPLICATE]: the key `a` stands on line 1 already
          --> metadata.yaml:3
        help: keep one of the two
        ");
    }

    #[test]
    fn a_key_twice_in_the_configuration_is_the_last_one() {
        let (json, findings) = read_as("a: 1\na: 3\n", &Rules::CONFIG);
        assert_eq!(json, Some(json!({"a": 3})));
        assert_snapshot!(findings, @r"
        warning[W-YAML-DUPLICATE]: the key `a` stands on line 1 already
          --> metadata.yaml:2
        help: this one is taken, as Juju does; keep one of the two
        ");
    }

    #[test_case("a:\n\tb: 1\n", 2; "before a key")]
    #[test_case("\ta: 1\n", 1; "before the first key")]
    #[test_case("a:\n  b: 1\n\tc: 2\n", 3; "after a deeper key")]
    #[test_case("a:\n  - x\n \t- y\n", 3; "behind a space")]
    #[test_case("a: x\n\ty\n", 2; "in a text that goes on")]
    fn a_tab_in_the_indentation_is_refused_with_its_line(text: &str, line: usize) {
        let mend = "help: replace it with spaces: YAML takes no tabs there";
        let finding = "error[E-YAML-SYNTAX]: a tab stands in the indentation";
        assert_eq!(findings_of(text), format!("{finding}\n  --> metadata.yaml:{line}\n{mend}"));
    }

    #[test]
    fn what_is_no_yaml_is_refused_with_its_line() {
        assert_snapshot!(findings_of("a: \"x\" y\n"), @r"
        error[E-YAML-SYNTAX]: invalid trailing content after double-quoted scalar
          --> metadata.yaml:1
        ");
        assert_snapshot!(findings_of("a: 1\nsummary: mysql: a database\n"), @r"
        error[E-YAML-SYNTAX]: mapping values are not allowed in this context
          --> metadata.yaml:2
        help: put a text with `: ` in it in quotes; or mend the indentation of this line and the one before
        ");
        assert_snapshot!(findings_of("a: 1\nb: \0\n"), @r"
        error[E-YAML-SYNTAX]: the character U+0000 is not allowed in YAML
          --> metadata.yaml:2
        ");
        assert_snapshot!(findings_of("name: {{ cookiecutter.name }}\n"), @r"
        error[E-YAML-TYPE]: a key is a list or a mapping; a text is expected
          --> metadata.yaml:1
        help: fill in what a template left between `{{` and `}}`, or put the text in quotes
        ");
        assert_snapshot!(findings_of("a: !!int \"x\"\n"), @r"
        error[E-YAML-TYPE]: `x` is marked as `!!int` and is not of that type
          --> metadata.yaml:1
        ");
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_refused_with_their_line() {
        let (_, findings) = read("a.yaml", b"a: 1\nb: \xff\n", &Rules::METADATA);
        assert_snapshot!(findings[0], @r"
        error[E-YAML-SYNTAX]: the file is not UTF-8
          --> a.yaml:2
        help: save it as UTF-8
        ");
    }

    #[test]
    fn a_second_document_is_refused() {
        assert_snapshot!(read_as("a: 1\n---\nb: 2\n", &Rules::BUNDLE).1, @r"
        error[E-YAML-SYNTAX]: a second document begins here
          --> metadata.yaml:2
        help: overlays are not supported; publish the bundle without what follows `---`
        ");
    }

    fn laughs(n_levels: usize) -> String {
        let level = |n: usize| format!("l{n}: &l{n} [{}]\n", vec![format!("*l{}", n - 1); 9].join(", "));
        std::iter::once("l0: &l0 lol\n".to_owned()).chain((1..=n_levels).map(level)).collect()
    }

    #[test_case(&laughs(9), &Rules::BUNDLE => "E-YAML-BUDGET"; "a billion laughs")]
    #[test_case(&laughs(9), &Rules::RESOURCES => "E-YAML-BUDGET"; "too many aliases")]
    #[test_case("a: &a [*a]", &Rules::METADATA => "E-YAML-BUDGET"; "an alias in what it refers to")]
    #[test_case(&"[".repeat(100_000), &Rules::METADATA => "E-YAML-BUDGET"; "deep brackets")]
    #[test_case(&"- ".repeat(100_000), &Rules::METADATA => "E-YAML-BUDGET"; "deep lists")]
    #[test_case(&"- \n".repeat(200_000), &Rules::METADATA => "E-YAML-BUDGET"; "a long list")]
    #[test_case(&"#\n".repeat((1 << 19) + 1), &Rules::METADATA => "E-YAML-BUDGET"; "a large file")]
    #[test_case(&"a".repeat((64 << 10) + 1), &Rules::METADATA => "E-YAML-BUDGET"; "a long line")]
    #[test_case(&format!("a: &a {}\nb: [{}]", "x".repeat(1 << 15), "*a,".repeat(200)), &Rules::METADATA => "E-YAML-BUDGET"; "a long text many times")]
    #[test_case(&format!("{}{}{}", "&a [".repeat(50), "x, ".repeat(3_000), "]".repeat(50)), &Rules::METADATA => "E-YAML-BUDGET"; "anchors inside anchors")]
    fn what_costs_too_much_is_refused(text: &str, rules: &Rules) -> String {
        let (_, findings) = read("a.yaml", text.as_bytes(), rules);
        findings[0].code.clone()
    }

    #[test]
    fn seventeen_levels_are_too_many_for_resources() {
        let nested = |n| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert_eq!(read_as(&nested(16), &Rules::RESOURCES).1, "");
        assert_snapshot!(read_as(&nested(17), &Rules::RESOURCES).1, @r"
        error[E-YAML-BUDGET]: the file nests deeper than 16 levels
          --> metadata.yaml:1
        ");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let (node, findings) = read("a", &bytes, &Rules::METADATA);
            prop_assert!(node.is_none() || findings.is_empty());
        }

        #[test]
        fn anything_like_yaml_is_read_or_refused(text in "[-?:,\\[\\]{}#&*!|>'\"%@` \n\t<~a1]{0,80}") {
            let (node, findings) = read("a", text.as_bytes(), &Rules::CONFIG);
            prop_assert!(node.is_none() || findings.iter().all(|it| it.code == "W-YAML-DUPLICATE"));
        }
    }
}
