//! Mappings read key by key: each key is taken once, with its type; what is left over is unknown.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::{Entry, Node, Value};
use crate::finding::{Code, Finding, Report};

/// What is left of a mapping.
pub(crate) struct Fields<'n> {
    line: usize,
    left: BTreeMap<&'n str, &'n Entry>,
}

impl<'n> Fields<'n> {
    /// Begins with all keys of a mapping. Null has none; anything else is reported, and `what` names it.
    pub(crate) fn of(node: &'n Node, what: &str, report: &mut Report) -> Self {
        let entries = if node.is_null() { &[] } else { entries(node, what, report) };
        Self { line: node.line, left: entries.iter().map(|entry| (entry.key.as_str(), entry)).collect() }
    }

    /// Takes a key's value; `None` where there is none, or null.
    pub(crate) fn take(&mut self, key: &str) -> Option<&'n Node> {
        self.left.remove(key).map(|entry| &entry.value).filter(|node| !node.is_null())
    }

    /// Takes a text. A number or truth value is taken as it was written: `1.10` stays `1.10`.
    pub(crate) fn text(&mut self, key: &str, report: &mut Report) -> Option<String> {
        self.take(key).and_then(|node| text(node, key, report))
    }

    /// Takes a text and its line; reports that it is missing where it is.
    pub(crate) fn required_text(&mut self, key: &str, report: &mut Report) -> Option<(usize, String)> {
        let Some(node) = self.take(key) else {
            let finding = Finding::error(Code::YamlMissing, format!("`{key}` is missing"));
            report.at(self.line, finding.help(format!("add a line `{key}: …`")));
            return None;
        };
        text(node, key, report).map(|text| (node.line, text))
    }

    /// Takes a truth value; false where there is none.
    pub(crate) fn flag(&mut self, key: &str, report: &mut Report) -> bool {
        self.take(key).and_then(|node| flag(node, key, report)).unwrap_or(false)
    }

    /// Takes a whole number that is not negative.
    pub(crate) fn count(&mut self, key: &str, report: &mut Report) -> Option<u32> {
        self.take(key).and_then(|node| count(node, key, report))
    }

    /// Takes a list of texts; empty where there is none.
    pub(crate) fn texts(&mut self, key: &str, report: &mut Report) -> Vec<String> {
        self.take(key).map(|node| texts(node, key, report)).unwrap_or_default()
    }

    /// Takes a mapping's entries; none where there is no mapping.
    pub(crate) fn entries(&mut self, key: &str, report: &mut Report) -> &'n [Entry] {
        self.take(key).map(|node| entries(node, key, report)).unwrap_or_default()
    }

    /// Takes any value, as JSON.
    pub(crate) fn json(&mut self, key: &str) -> Option<Json> {
        self.take(key).map(Node::to_json)
    }

    /// Takes all that is left, as JSON.
    pub(crate) fn others(self) -> Map<String, Json> {
        self.left.into_values().map(Entry::to_json).collect()
    }

    /// Takes all that is left.
    pub(crate) fn left(self) -> impl Iterator<Item = &'n Entry> {
        self.left.into_values()
    }
}

/// Returns a scalar's text; reports anything else.
pub(crate) fn text(node: &Node, what: &str, report: &mut Report) -> Option<String> {
    match &node.value {
        Value::Scalar(scalar) if !node.is_null() => Some(scalar.text.clone()),
        _ => mistyped(node, what, "a text", report),
    }
}

/// Returns a truth value; reports anything else.
pub(crate) fn flag(node: &Node, what: &str, report: &mut Report) -> Option<bool> {
    node.to_json().as_bool().or_else(|| mistyped(node, what, "`true` or `false`", report))
}

/// Returns a whole number that is not negative; reports anything else.
pub(crate) fn count(node: &Node, what: &str, report: &mut Report) -> Option<u32> {
    let number = node.to_json().as_u64().and_then(|number| u32::try_from(number).ok());
    number.or_else(|| mistyped(node, what, "a whole number", report))
}

/// Returns a list's items; reports anything else.
pub(crate) fn items<'n>(node: &'n Node, what: &str, report: &mut Report) -> &'n [Node] {
    match &node.value {
        Value::Sequence(items) => items,
        _ => mistyped(node, what, "a list", report).unwrap_or_default(),
    }
}

/// Returns a list's texts; reports anything else.
pub(crate) fn texts(node: &Node, what: &str, report: &mut Report) -> Vec<String> {
    items(node, what, report).iter().filter_map(|item| text(item, what, report)).collect()
}

/// Returns a mapping's entries; reports anything else.
pub(crate) fn entries<'n>(node: &'n Node, what: &str, report: &mut Report) -> &'n [Entry] {
    match &node.value {
        Value::Mapping(entries) => entries,
        _ => mistyped(node, what, "a mapping", report).unwrap_or_default(),
    }
}

/// Reports a value of another kind than was expected.
pub(crate) fn mistyped<T>(node: &Node, what: &str, expected: &str, report: &mut Report) -> Option<T> {
    let message = format!("`{what}` is {}; {expected} is expected", node.kind());
    report.at(node.line, Finding::error(Code::YamlType, message));
    None
}
