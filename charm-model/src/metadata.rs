//! `metadata.yaml`: what a charm is called, what it relates to and what it needs.
//!
//! What Juju accepts is accepted. Fields that are not known are kept, since newer programs may know them.

mod relation;
mod resource;
mod storage;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

pub use relation::{Relation, RelationScope};
pub use resource::{Resource, ResourceKind};
pub use storage::{Storage, StorageCount};

use crate::finding::{Code, Finding, Report, conclude};
use crate::name::{Name, NameError, Series};
use crate::yaml::fields::{Fields, count, items, text};
use crate::yaml::rules::Rules;
use crate::yaml::{Entry, Node, compose_mapping};

/// The format of a charm that declares its resources in `resources.yaml`.
pub const RESOURCES_FORMAT: u32 = 3;

/// The newest format that this program knows; all from 0 on are known.
pub const NEWEST_FORMAT: u32 = RESOURCES_FORMAT;

/// What `metadata.yaml` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Metadata {
    /// The charm's name.
    pub name: Name,
    /// One line on what it does; empty where it says none.
    pub summary: String,
    /// The longer text; empty where it says none.
    pub description: String,
    /// The format of the charm, 0 to [`NEWEST_FORMAT`].
    pub format: u32,
    /// The series that it runs on, the preferred one first. Empty where the reference or `manifest.yaml` says.
    pub series: Vec<Series>,
    /// Whether it lives beside another charm's units.
    pub subordinate: bool,
    /// Free words to find it by.
    pub tags: Vec<String>,
    /// What tags were called before.
    pub categories: Vec<String>,
    /// Who wrote it, from `maintainer` and `maintainers`.
    pub maintainers: Vec<String>,
    /// Relations that it serves, by name.
    pub provides: BTreeMap<String, Relation>,
    /// Relations that it uses, by name.
    pub requires: BTreeMap<String, Relation>,
    /// Relations among its own units, by name.
    pub peers: BTreeMap<String, Relation>,
    /// Names of network bindings besides those of relations.
    pub extra_bindings: Vec<String>,
    /// Storage, by name.
    pub storage: BTreeMap<String, Storage>,
    /// The types of payloads, by name.
    pub payloads: BTreeMap<String, String>,
    /// Containers of the charm's pods as they stand, by name.
    pub containers: BTreeMap<String, Json>,
    /// Resources of the older kind, which are uploaded one by one; by name.
    pub resources: BTreeMap<String, Resource>,
    /// Terms that one agrees to before deploying: `[tenant:][owner/]name[/revision]`.
    pub terms: Vec<String>,
    /// The oldest Juju that can run it, as written.
    pub min_juju_version: Option<String>,
    /// What it asks of Juju, as it stands.
    pub assumes: Option<Json>,
    /// How its pods are deployed, as it stands.
    pub deployment: Option<Json>,
    /// Every other field.
    pub other: Map<String, Json>,
}

/// Metadata while errors may stand against it, and the lines that rules across files speak of.
pub(crate) struct Draft {
    /// What was read. Under a stand-in's name where the name is not valid.
    pub(crate) metadata: Metadata,
    /// The line of `name`, or the first line.
    pub(crate) name_line: usize,
    /// The line of `format`, where it stands.
    pub(crate) format_line: Option<usize>,
    /// The line of `resources`, where it stands.
    pub(crate) resources_line: Option<usize>,
}

impl Metadata {
    /// Reads `metadata.yaml`; nothing where an error is among the findings. `file` is what findings call it.
    pub fn read(file: &str, bytes: &[u8]) -> (Option<Self>, Vec<Finding>) {
        let mut report = Report::new(file);
        let draft = draft(bytes, &mut report);
        conclude(draft.map(|draft| draft.metadata), report.into_findings())
    }

    /// Returns the relations of all roles, with their names.
    pub fn relations(&self) -> impl Iterator<Item = (&str, &Relation)> {
        let roles = [&self.provides, &self.requires, &self.peers];
        roles.into_iter().flatten().map(|(name, relation)| (name.as_str(), relation))
    }
}

/// Reads `metadata.yaml`, and goes on where it can. `None` only where the text is no mapping.
pub(crate) fn draft(bytes: &[u8], report: &mut Report) -> Option<Draft> {
    let root = compose_mapping(bytes, &Rules::METADATA, "give at least `name` and `summary`", report)?;
    let line_of = |key: &str| root.entry(key).map(|entry| entry.line);
    let metadata = read_fields(Fields::of(&root, "metadata.yaml", report), report);
    relation::check(&metadata, &root, report);
    Some(Draft {
        metadata,
        name_line: line_of("name").unwrap_or(root.line),
        format_line: line_of("format"),
        resources_line: line_of("resources"),
    })
}

fn read_fields(mut fields: Fields<'_>, report: &mut Report) -> Metadata {
    Metadata {
        name: read_name(&mut fields, report),
        summary: fields.text("summary", report).unwrap_or_default(),
        description: fields.text("description", report).unwrap_or_default(),
        format: fields.take("format").map(|node| read_format(node, report)).unwrap_or_default(),
        series: fields.take("series").map(|node| read_series(node, report)).unwrap_or_default(),
        subordinate: fields.flag("subordinate", report),
        tags: fields.texts("tags", report),
        categories: fields.texts("categories", report),
        maintainers: read_maintainers(&mut fields, report),
        provides: relation::read(fields.entries("provides", report), report),
        requires: relation::read(fields.entries("requires", report), report),
        peers: relation::read(fields.entries("peers", report), report),
        extra_bindings: keys(fields.entries("extra-bindings", report)),
        storage: storage::read(fields.entries("storage", report), report),
        payloads: read_payloads(fields.entries("payloads", report), report),
        containers: as_json(fields.entries("containers", report)),
        resources: resource::read(fields.entries("resources", report), report),
        terms: fields.texts("terms", report),
        min_juju_version: fields.text("min-juju-version", report),
        assumes: fields.json("assumes"),
        deployment: fields.json("deployment"),
        other: fields.others(),
    }
}

/// Reads the name. Where it is not valid, the rest is read under a stand-in, so that all errors are found at
/// once; nobody sees it, since errors withhold what was read.
fn read_name(fields: &mut Fields<'_>, report: &mut Report) -> Name {
    fields
        .required_text("name", report)
        .and_then(|(line, text)| parse_name(&text, line, report))
        .unwrap_or_else(|| {
            let stand_in: Result<Name, NameError> = "unnamed".parse();
            stand_in.expect("`unnamed` follows the rules for names")
        })
}

fn parse_name(text: &str, line: usize, report: &mut Report) -> Option<Name> {
    text.parse().map_err(|error: NameError| report.at(line, name_finding(text, &error))).ok()
}

fn name_finding(text: &str, error: &NameError) -> Finding {
    if text.contains(['$', '{']) {
        let message = format!("the name `{text}` has not been filled in by the template");
        return Finding::error(Code::MetadataTemplate, message).help("write the charm's name there");
    }
    Finding::error(Code::MetadataName, error.to_string())
}

fn read_format(node: &Node, report: &mut Report) -> u32 {
    let format = count(node, "format", report).unwrap_or_default();
    if format > NEWEST_FORMAT {
        let message =
            format!("format {format} is newer than this program knows; known are 0 to {NEWEST_FORMAT}");
        let help = "use a newer version of this program, or a format that it knows";
        report.at(node.line, Finding::error(Code::FormatUnknown, message).help(help));
    }
    format
}

fn read_series(node: &Node, report: &mut Report) -> Vec<Series> {
    let items = items(node, "series", report).iter();
    items.filter_map(|item| parse_series(&text(item, "series", report)?, item.line, report)).collect()
}

fn parse_series(text: &str, line: usize, report: &mut Report) -> Option<Series> {
    let refuse = |error: NameError| report.at(line, Finding::error(Code::MetadataSeries, error.to_string()));
    text.parse().map_err(refuse).ok()
}

fn read_maintainers(fields: &mut Fields<'_>, report: &mut Report) -> Vec<String> {
    let first = fields.text("maintainer", report);
    first.into_iter().chain(fields.texts("maintainers", report)).collect()
}

fn read_payloads(entries: &[Entry], report: &mut Report) -> BTreeMap<String, String> {
    let payload = |entry: &Entry| {
        let kind = Fields::of(&entry.value, &entry.key, report).text("type", report);
        (entry.key.clone(), kind.unwrap_or_default())
    };
    entries.iter().map(payload).collect()
}

fn keys(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| entry.key.clone()).collect()
}

fn as_json(entries: &[Entry]) -> BTreeMap<String, Json> {
    entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::finding::printed;

    const EVERYTHING: &str = r#"
name: mysql
summary: A database
description: |
  MySQL is fast.
format: 3
maintainer: Jo <jo@example.org>
maintainers: [Al <al@example.org>]
series: [trusty, precise]
tags: [databases]
categories: [misc]
subordinate: !!bool "false"
min-juju-version: 2.10
provides:
  server: {interface: mysql, limit: 3, optional: true, description: clients}
  monitor: {interface: nrpe, scope: container}
requires:
  shared: ceph
peers:
  cluster:
extra-bindings: {public: , private: }
storage:
  data: {type: filesystem, multiple: {range: 1-}, minimum-size: 1G, location: /srv}
payloads:
  watcher: {type: docker}
containers:
  db: {resource: image}
resources:
  licence: {type: file, filename: licence.txt}
  image: {type: oci-image, upstream-source: mysql}
terms: [jo/licence/1]
assumes: [juju >= 2.9]
website: https://example.org
"#;

    fn read(text: &str) -> (Option<Metadata>, String) {
        let (metadata, findings) = Metadata::read("metadata.yaml", text.as_bytes());
        (metadata, printed(&findings))
    }

    fn everything() -> Metadata {
        let (metadata, findings) = read(EVERYTHING);
        assert_eq!(findings, "");
        metadata.unwrap()
    }

    #[test]
    fn every_field_is_read() {
        let metadata = everything();
        assert_eq!(metadata.maintainers, ["Jo <jo@example.org>", "Al <al@example.org>"]);
        assert_eq!(metadata.min_juju_version.as_deref(), Some("2.10"));
        assert_eq!(metadata.provides["server"].limit, Some(3));
        assert_eq!(metadata.provides["server"].other["description"], "clients");
        assert_eq!(metadata.provides["monitor"].scope, RelationScope::Container);
        assert_eq!(metadata.extra_bindings, ["public", "private"]);
        assert_eq!(metadata.storage["data"].minimum_size_mib, 1024);
        assert_eq!(metadata.storage["data"].count, StorageCount { min: 1, max: None });
        assert_eq!(metadata.payloads["watcher"], "docker");
        assert_eq!(metadata.resources["image"].kind, ResourceKind::OciImage);
        assert!(!metadata.subordinate);
    }

    #[test]
    fn a_relation_may_be_its_interface_or_nothing() {
        let metadata = everything();
        assert_eq!(metadata.requires["shared"].interface, "ceph");
        assert_eq!(metadata.peers["cluster"], Relation::default());
    }

    #[test]
    fn fields_that_are_not_known_are_kept() {
        assert_eq!(json!(everything().other), json!({"website": "https://example.org"}));
    }

    #[test]
    fn metadata_survives_being_stored() {
        let stored = serde_json::to_string(&everything()).unwrap();
        assert_eq!(serde_json::from_str::<Metadata>(&stored).unwrap(), everything());
    }

    #[test]
    fn a_charm_of_2022_with_containers_and_no_series_is_taken() {
        let text = "name: a\nsummary: b\ncontainers: {a: {resource: i}}\nresources: {i: {type: oci-image}}\n";
        assert_eq!(read(text).1, "");
    }

    #[test]
    fn all_errors_are_found_at_once() {
        let text = "name: My_Charm\nformat: 4\nseries: [Trusty, trusty]\nsummary: [a]\nsubordinate: maybe\n";
        assert_snapshot!(read(text).1, @r"
        error[E-METADATA-NAME]: charm name `My_Charm` is not valid: it begins with a lower-case letter; every word between dashes has lower-case letters and digits, at least one letter
          --> metadata.yaml:1
        error[E-FORMAT-UNKNOWN]: format 4 is newer than this program knows; known are 0 to 3
          --> metadata.yaml:2
        help: use a newer version of this program, or a format that it knows
        error[E-METADATA-SERIES]: series `Trusty` is not valid: it begins with a lower-case letter and goes on with lower-case letters and digits
          --> metadata.yaml:3
        error[E-YAML-TYPE]: `summary` is a list; a text is expected
          --> metadata.yaml:4
        error[E-YAML-TYPE]: `subordinate` is a text; `true` or `false` is expected
          --> metadata.yaml:5
        ");
    }

    #[test]
    fn what_a_template_left_is_refused() {
        let relations = "provides:\n  relation-name: {interface: http}\nrequires:\n  db: interface-name\n";
        assert_snapshot!(read(&format!("name: $metadata.package\n{relations}")).1, @r"
        error[E-METADATA-TEMPLATE]: the name `$metadata.package` has not been filled in by the template
          --> metadata.yaml:1
        help: write the charm's name there
        error[E-METADATA-TEMPLATE]: relation `relation-name` has almost certainly not been changed from the template
          --> metadata.yaml:3
        help: give the relation a name, or remove it
        error[E-METADATA-TEMPLATE]: interface `interface-name` in relation `db` has almost certainly not been changed from the template
          --> metadata.yaml:5
        help: name the interface, or remove the relation
        ");
    }

    #[test]
    fn names_that_juju_keeps_for_itself_are_refused() {
        assert_snapshot!(read("name: a\nprovides: {juju-x: {interface: x}}\n").1, @r"
        error[E-METADATA-RELATION]: relation `juju-x` has a name that Juju keeps for itself
          --> metadata.yaml:2
        help: choose a name that does not begin with `juju`
        ");
    }

    #[test]
    fn a_subordinate_may_be_attached_by_juju_info() {
        let relation = "requires: {juju-info: {interface: juju-info, scope: container}}";
        assert_eq!(read(&format!("name: a\nsubordinate: true\n{relation}\n")).1, "");
    }

    #[test]
    fn a_relation_has_one_role_and_a_known_scope() {
        assert_snapshot!(read("name: a\nprovides:\n  db: {interface: x, scope: all}\nrequires:\n  db: y\n").1, @r"
        error[E-METADATA-RELATION]: `all` is no scope; known are `global` and `container`
          --> metadata.yaml:3
        error[E-METADATA-RELATION]: relation `db` stands under `provides` and under `requires`
          --> metadata.yaml:5
        help: give one of the two another name
        ");
    }

    #[test]
    fn a_resource_has_a_type_and_a_file_a_plain_name() {
        let resources = "  a: {type: file}\n  b: {type: file, filename: x/y}\n  c: {type: image}\n  d: {}\n";
        assert_snapshot!(read(&format!("name: a\nresources:\n{resources}")).1, @r"
        error[E-YAML-MISSING]: resource `a` has no `filename`
          --> metadata.yaml:3
        error[E-PATH]: the file name `x/y` of resource `b` has a directory in it
          --> metadata.yaml:4
        help: give the name alone
        error[E-YAML-TYPE]: `image` is no type of a resource; known are `file` and `oci-image`
          --> metadata.yaml:5
        error[E-YAML-MISSING]: `type` is missing
          --> metadata.yaml:6
        help: add a line `type: …`
        ");
    }

    #[test]
    fn a_key_twice_is_refused() {
        assert_snapshot!(read("name: a\nname: b\n").1, @r"
        error[E-YAML-DUPLICATE]: the key `name` stands on line 1 already
          --> metadata.yaml:2
        help: keep one of the two
        ");
    }

    #[test]
    fn a_file_without_a_name_is_refused() {
        assert_snapshot!(read("").1, @r"
        error[E-YAML-MISSING]: the file is empty
          --> metadata.yaml
        help: give at least `name` and `summary`
        ");
        assert_snapshot!(read("summary: a\n").1, @r"
        error[E-YAML-MISSING]: `name` is missing
          --> metadata.yaml:1
        help: add a line `name: …`
        ");
        assert_snapshot!(read("- a\n").1, @r"
        error[E-YAML-TYPE]: the file is a list; a mapping is expected
          --> metadata.yaml:1
        help: give at least `name` and `summary`
        ");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (metadata, findings) = Metadata::read("metadata.yaml", &bytes);
            prop_assert_eq!(metadata.is_none(), crate::finding::has_errors(&findings));
        }

        #[test]
        fn damaged_metadata_is_read_or_refused(place in 0..EVERYTHING.len(), byte in any::<u8>(), cut in any::<bool>()) {
            let mut bytes = EVERYTHING.as_bytes().to_vec();
            bytes[place] = byte;
            bytes.truncate(if cut { place } else { EVERYTHING.len() });
            let (metadata, findings) = Metadata::read("metadata.yaml", &bytes);
            prop_assert_eq!(metadata.is_none(), crate::finding::has_errors(&findings));
        }
    }
}
