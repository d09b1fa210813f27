//! `bundle.yaml`: applications, machines and relations that are deployed together.

mod application;
mod placement;
mod relation;
mod verify;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

pub use application::Application;
pub use placement::{Placement, PlacementError, PlacementTarget};
pub use relation::{BundleRelation, Endpoint};

use crate::finding::{Code, Finding, Report, conclude};
use crate::yaml::fields::{Fields, entries};
use crate::yaml::rules::Rules;
use crate::yaml::{Entry, Node, Value, compose_mapping};

/// What `bundle.yaml` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Bundle {
    /// What it is for; empty where it does not say.
    pub description: String,
    /// The series of applications that name none, as written.
    pub series: Option<String>,
    /// Free words to find it by.
    pub tags: Vec<String>,
    /// What is deployed, by name. Old bundles call it `services`.
    pub applications: BTreeMap<String, Application>,
    /// The machines that placements name, by their number.
    pub machines: BTreeMap<String, Machine>,
    /// What is related to what.
    pub relations: Vec<BundleRelation>,
    /// Applications of other models that relations may name.
    pub saas: BTreeSet<String>,
    /// Every other field.
    pub other: Map<String, Json>,
}

/// A machine of a bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Machine {
    /// Its series, as written.
    pub series: Option<String>,
    /// What it must have, as written; empty where anything will do.
    pub constraints: String,
    /// Every other field.
    pub other: Map<String, Json>,
}

/// A bundle while errors may stand against it, and where its parts stand.
struct Draft {
    bundle: Bundle,
    lines: Lines,
}

/// The lines that findings speak of, counted from 1.
#[derive(Default)]
struct Lines {
    applications: BTreeMap<String, usize>,
    machines: BTreeMap<String, usize>,
    /// In the order of the bundle's relations.
    relations: Vec<usize>,
}

impl Bundle {
    /// Reads and verifies `bundle.yaml`; nothing where an error is among the findings. `file` is its name there.
    ///
    /// Which charms there are is not known here; what needs that is verified by the store.
    pub fn read(file: &str, bytes: &[u8]) -> (Option<Self>, Vec<Finding>) {
        let mut report = Report::new(file);
        let bundle = draft(bytes, &mut report);
        conclude(bundle, report.into_findings())
    }
}

/// Reads `bundle.yaml`, and goes on where it can. `None` only where the text is not one bundle.
pub(crate) fn draft(bytes: &[u8], report: &mut Report) -> Option<Bundle> {
    let root = compose_mapping(bytes, &Rules::BUNDLE, "give at least `applications`", report)?;
    let mut fields = Fields::of(&root, "bundle.yaml", report);
    let applications = applications_of(&root, &mut fields, report)?;
    let draft = read_fields(applications, fields, report);
    verify::verify(&draft, report);
    Some(draft.bundle)
}

/// Returns the entries of `applications`, or of what old bundles call `services`.
fn applications_of<'n>(root: &'n Node, fields: &mut Fields<'n>, report: &mut Report) -> Option<&'n [Entry]> {
    let finding = match (fields.take("applications"), fields.take("services")) {
        (Some(node), None) => return Some(entries(node, "applications", report)),
        (None, Some(node)) => return Some(entries(node, "services", report)),
        (Some(_), Some(_)) => {
            let message = "both `applications` and `services` are given, which are two words for the same";
            Finding::error(Code::BundleInvalid, message).help("move all of them under `applications`")
        }
        (None, None) if is_basket(root) => {
            let message = "several named bundles stand in one file, as juju-deployer had them";
            Finding::error(Code::BundleInvalid, message).help("make each a `bundle.yaml` of its own")
        }
        (None, None) => Finding::error(Code::BundleInvalid, "at least one application must be specified"),
    };
    report.at(root.line, finding);
    None
}

fn is_basket(root: &Node) -> bool {
    let has_services =
        |entry: &Entry| entry.value.entry("services").is_some() || entry.value.entry("inherits").is_some();
    matches!(&root.value, Value::Mapping(entries) if entries.iter().any(has_services))
}

fn read_fields(applications: &[Entry], mut fields: Fields<'_>, report: &mut Report) -> Draft {
    let machines = fields.entries("machines", report);
    let relations: Vec<_> =
        fields.take("relations").map(|node| relation::read(node, report)).unwrap_or_default();
    let lines = Lines {
        applications: lines_of(applications),
        machines: lines_of(machines),
        relations: relations.iter().map(|(line, _)| *line).collect(),
    };
    let bundle = Bundle {
        description: fields.text("description", report).unwrap_or_default(),
        series: fields.text("series", report),
        tags: fields.texts("tags", report),
        applications: applications.iter().map(|it| application::read(it, report)).collect(),
        machines: machines.iter().map(|it| (it.key.clone(), read_machine(it, report))).collect(),
        relations: relations.into_iter().map(|(_, relation)| relation).collect(),
        saas: fields.entries("saas", report).iter().map(|it| it.key.clone()).collect(),
        other: fields.others(),
    };
    Draft { bundle, lines }
}

fn lines_of(entries: &[Entry]) -> BTreeMap<String, usize> {
    entries.iter().map(|entry| (entry.key.clone(), entry.line)).collect()
}

fn read_machine(entry: &Entry, report: &mut Report) -> Machine {
    let mut fields = Fields::of(&entry.value, &entry.key, report);
    Machine {
        series: fields.text("series", report),
        constraints: fields.text("constraints", report).unwrap_or_default(),
        other: fields.others(),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::finding::{has_errors, printed};

    const WIKI: &str = r#"
description: A wiki with its database
series: trusty
tags: [wiki]
applications:
  mysql:
    charm: cs:trusty/mysql-25
    num_units: 1
    options: {dataset-size: 50%, tuning: !!int "3"}
    annotations: {gui-x: 200}
    to: 0
  wiki:
    charm: cs:mediawiki
    num_units: 2
    expose: true
    to: ["lxd:mysql/0", new]
machines:
  0: {constraints: mem=2G}
relations:
  - [wiki:db, mysql:server]
  - [wiki, offered]
saas:
  offered: {url: other.model}
default-base: ubuntu@14.04
"#;

    fn read(text: &str) -> (Option<Bundle>, String) {
        let (bundle, findings) = Bundle::read("bundle.yaml", text.as_bytes());
        (bundle, printed(&findings))
    }

    fn wiki() -> Bundle {
        let (bundle, findings) = read(WIKI);
        assert_eq!(findings, "");
        bundle.unwrap()
    }

    #[test]
    fn a_bundle_is_read_and_what_is_not_known_is_kept() {
        let bundle = wiki();
        let mysql = &bundle.applications["mysql"];
        assert_eq!(json!(mysql.options), json!({"dataset-size": "50%", "tuning": 3}));
        assert_eq!(mysql.annotations["gui-x"], "200");
        assert_eq!(mysql.to, ["0".parse().unwrap()]);
        assert_eq!(bundle.machines["0"].constraints, "mem=2G");
        assert_eq!(bundle.other["default-base"], "ubuntu@14.04");
    }

    #[test]
    fn a_bundle_survives_being_stored() {
        let stored = serde_json::to_string(&wiki()).unwrap();
        assert_eq!(serde_json::from_str::<Bundle>(&stored).unwrap(), wiki());
    }

    #[test]
    fn services_are_applications() {
        assert_eq!(read(&WIKI.replace("applications:", "services:")).0, Some(wiki()));
    }

    #[test]
    fn an_overlay_is_refused() {
        assert_snapshot!(read("applications: {a: {charm: a}}\n---\napplications: {a: {num_units: 2}}\n").1, @r"
        error[E-YAML-SYNTAX]: a second document begins here
          --> bundle.yaml:2
        help: overlays are not supported; publish the bundle without what follows `---`
        ");
    }

    #[test]
    fn a_file_that_is_not_one_bundle_is_refused() {
        assert_snapshot!(read("").1, @r"
        error[E-YAML-MISSING]: the file is empty
          --> bundle.yaml
        help: give at least `applications`
        ");
        assert_snapshot!(read("series: trusty\n").1, @r"
        error[E-BUNDLE-INVALID]: at least one application must be specified
          --> bundle.yaml:1
        ");
        assert_snapshot!(read("applications: {}\n").1, @r"
        error[E-BUNDLE-INVALID]: at least one application must be specified
          --> bundle.yaml
        ");
        assert_snapshot!(read("dev: {services: {a: {charm: a}}}\nprod: {inherits: dev}\n").1, @r"
        error[E-BUNDLE-INVALID]: several named bundles stand in one file, as juju-deployer had them
          --> bundle.yaml:1
        help: make each a `bundle.yaml` of its own
        ");
        assert_snapshot!(read("applications: {a: {charm: a}}\nservices: {a: {charm: a}}\n").1, @r"
        error[E-BUNDLE-INVALID]: both `applications` and `services` are given, which are two words for the same
          --> bundle.yaml:1
        help: move all of them under `applications`
        ");
    }

    #[test]
    fn an_application_has_a_charm() {
        assert_snapshot!(read("applications:\n  a: {num_units: 1}\n  b:\n").1, @r#"
        error[E-BUNDLE-INVALID]: application "a" has no charm
          --> bundle.yaml:2
        help: add `charm:` with the charm's reference
        error[E-BUNDLE-INVALID]: application "b" has no charm
          --> bundle.yaml:3
        help: add `charm:` with the charm's reference
        "#);
    }

    #[test]
    fn relations_are_between_two_applications_of_the_bundle_once() {
        let applications = "applications: {a: {charm: a}, b: {charm: b}}\n";
        let relations = "relations:\n- [a:x, c:y]\n- [a, b]\n- [b, a]\n- [a:x, a:y]\n- [a]\n";
        assert_snapshot!(read(&format!("{applications}{relations}")).1, @r#"
        error[E-BUNDLE-INVALID]: relation ["a:x" "c:y"] refers to application "c" not defined in this bundle
          --> bundle.yaml:3
        error[E-BUNDLE-INVALID]: relation ["b" "a"] is defined more than once
          --> bundle.yaml:5
        error[E-BUNDLE-INVALID]: relation ["a:x" "a:y"] relates an application to itself
          --> bundle.yaml:6
        error[E-BUNDLE-INVALID]: a relation has two endpoints; here are 1
          --> bundle.yaml:7
        "#);
    }

    #[test]
    fn placements_point_at_what_there_is_and_machines_are_used() {
        let applications = "applications:\n  a: {charm: a, num_units: 1, to: [b/1, c, 7, a=0]}\n  b: {charm: b, num_units: 1}\n";
        assert_snapshot!(read(&format!("{applications}machines:\n  0:\n  x:\n")).1, @r#"
        error[E-BUNDLE-INVALID]: invalid placement syntax "a=0"
          --> bundle.yaml:2
        error[E-BUNDLE-INVALID]: placement "7" refers to a machine not defined in this bundle
          --> bundle.yaml:2
        error[E-BUNDLE-INVALID]: placement "b/1" specifies a unit greater than the 1 unit(s) started by the target application
          --> bundle.yaml:2
        error[E-BUNDLE-INVALID]: placement "c" refers to an application not defined in this bundle
          --> bundle.yaml:2
        error[E-BUNDLE-INVALID]: too many units specified in unit placement for application "a"
          --> bundle.yaml:2
        error[E-BUNDLE-INVALID]: machine "0" is not referred to by a placement directive
          --> bundle.yaml:5
        error[E-BUNDLE-INVALID]: invalid machine id "x" found in machines
          --> bundle.yaml:6
        "#);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (bundle, findings) = Bundle::read("bundle.yaml", &bytes);
            prop_assert_eq!(bundle.is_none(), has_errors(&findings));
        }

        #[test]
        fn a_damaged_bundle_is_read_or_refused(place in 0..WIKI.len(), byte in any::<u8>(), cut in any::<bool>()) {
            let mut bytes = WIKI.as_bytes().to_vec();
            bytes[place] = byte;
            bytes.truncate(if cut { place } else { WIKI.len() });
            let (bundle, findings) = Bundle::read("bundle.yaml", &bytes);
            prop_assert_eq!(bundle.is_none(), has_errors(&findings));
        }
    }
}
