//! Relations: how charms find each other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::Metadata;
use crate::finding::{Code, Finding, Report};
use crate::yaml::fields::{Fields, count, mistyped};
use crate::yaml::{Entry, Node, Value};

/// One end of a possible relation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Relation {
    /// What it speaks; both ends must agree. Empty where the charm names none.
    pub interface: String,
    /// How many relations it takes; `None` means as many as there are.
    pub limit: Option<u32>,
    /// Whether the charm works without it.
    pub optional: bool,
    /// Between whom it is.
    pub scope: RelationScope,
    /// Every other field.
    pub other: Map<String, Json>,
}

/// Between whom a relation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RelationScope {
    /// All units of both applications.
    #[default]
    Global,
    /// The units of both that share a machine: what makes a subordinate one.
    Container,
}

pub(super) fn read(entries: &[Entry], report: &mut Report) -> BTreeMap<String, Relation> {
    entries.iter().map(|entry| (entry.key.clone(), read_one(entry, report))).collect()
}

fn read_one(entry: &Entry, report: &mut Report) -> Relation {
    match &entry.value.value {
        // The short form, `db: mysql`.
        Value::Scalar(scalar) if !entry.value.is_null() => {
            Relation { interface: scalar.text.clone(), ..Relation::default() }
        }
        Value::Scalar(_) => Relation::default(),
        Value::Sequence(_) | Value::Mapping(_) => {
            read_fields(Fields::of(&entry.value, &entry.key, report), report)
        }
    }
}

fn read_fields(mut fields: Fields<'_>, report: &mut Report) -> Relation {
    Relation {
        interface: fields.text("interface", report).unwrap_or_default(),
        limit: fields.take("limit").and_then(|node| count(node, "limit", report)),
        optional: fields.flag("optional", report),
        scope: fields.take("scope").and_then(|node| read_scope(node, report)).unwrap_or_default(),
        other: fields.others(),
    }
}

fn read_scope(node: &Node, report: &mut Report) -> Option<RelationScope> {
    match node.to_json().as_str() {
        Some("global") => Some(RelationScope::Global),
        Some("container") => Some(RelationScope::Container),
        Some(other) => {
            let message = format!("`{other}` is no scope; known are `global` and `container`");
            report.at(node.line, Finding::error(Code::MetadataRelation, message));
            None
        }
        None => mistyped(node, "scope", "a text", report),
    }
}

/// Holds relations against the rules that concern their names.
pub(super) fn check(metadata: &Metadata, root: &Node, report: &mut Report) {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    let roles =
        [("provides", &metadata.provides), ("requires", &metadata.requires), ("peers", &metadata.peers)];
    for (role, relations) in roles {
        let line_of = |name: &str| {
            root.entry(role).and_then(|role| role.value.entry(name)).map_or(root.line, |it| it.line)
        };
        for (name, relation) in relations {
            let reserved = is_reserved(name) && !may_use_reserved(metadata, role, relation);
            for finding in findings(name, relation, reserved) {
                report.at(line_of(name), finding);
            }
            if let Some(first) = seen.insert(name, role) {
                let message = format!("relation `{name}` stands under `{first}` and under `{role}`");
                let finding =
                    Finding::error(Code::MetadataRelation, message).help("give one of the two another name");
                report.at(line_of(name), finding);
            }
        }
    }
}

fn findings(name: &str, relation: &Relation, reserved: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    // The old store's words, which v4 clients know.
    let leftover = "has almost certainly not been changed from the template";
    if name == "relation-name" {
        let finding = Finding::error(Code::MetadataTemplate, format!("relation `{name}` {leftover}"));
        findings.push(finding.help("give the relation a name, or remove it"));
    }
    if relation.interface == "interface-name" {
        let message = format!("interface `{}` in relation `{name}` {leftover}", relation.interface);
        findings.push(
            Finding::error(Code::MetadataTemplate, message)
                .help("name the interface, or remove the relation"),
        );
    }
    if reserved {
        let message = format!("relation `{name}` has a name that Juju keeps for itself");
        findings.push(
            Finding::error(Code::MetadataRelation, message)
                .help("choose a name that does not begin with `juju`"),
        );
    }
    findings
}

// juju/charm meta.go, `reservedName`.
fn is_reserved(name: &str) -> bool {
    name == "juju" || name.starts_with("juju-")
}

/// Subordinates are attached by `juju-info`, so they may call their own end so.
fn may_use_reserved(metadata: &Metadata, role: &str, relation: &Relation) -> bool {
    metadata.subordinate && role == "requires" && relation.scope == RelationScope::Container
}
