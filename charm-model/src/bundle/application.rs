//! Applications: charms under a name of the bundle's own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{Placement, PlacementError};
use crate::finding::{Code, Finding, Report};
use crate::yaml::fields::{Fields, text};
use crate::yaml::{Entry, Node, Value};

/// One application of a bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Application {
    /// The charm's reference, as written. Empty where the bundle names none, which is an error.
    pub charm: String,
    /// The channel of the charm, as written.
    pub channel: Option<String>,
    /// The series, as written.
    pub series: Option<String>,
    /// How many units it has; in Kubernetes it is called `scale`.
    pub num_units: u32,
    /// Where its units go.
    pub to: Vec<Placement>,
    /// Whether the network outside reaches it.
    pub expose: bool,
    /// Whether it may act with the deployer's credentials.
    pub trust: bool,
    /// What its machines must have, as written.
    pub constraints: String,
    /// The charm's options.
    pub options: Map<String, Json>,
    /// What graphical tools keep here, such as `gui-x`.
    pub annotations: BTreeMap<String, String>,
    /// The charm's resources: a revision, or a path.
    pub resources: Map<String, Json>,
    /// The networks of its relations.
    pub bindings: Map<String, Json>,
    /// Every other field.
    pub other: Map<String, Json>,
}

pub(super) fn read(entry: &Entry, report: &mut Report) -> (String, Application) {
    let name = entry.key.clone();
    let application = read_fields(Fields::of(&entry.value, &name, report), report);
    if application.charm.is_empty() {
        let finding = Finding::error(Code::BundleInvalid, format!("application \"{name}\" has no charm"));
        report.at(entry.line, finding.help("add `charm:` with the charm's reference"));
    }
    (name, application)
}

fn read_fields(mut fields: Fields<'_>, report: &mut Report) -> Application {
    let num_units = fields.count("num_units", report);
    let scale = fields.count("scale", report);
    Application {
        charm: fields.text("charm", report).unwrap_or_default(),
        channel: fields.text("channel", report),
        series: fields.text("series", report),
        num_units: num_units.or(scale).unwrap_or_default(),
        to: fields.take("to").map(|node| read_placements(node, report)).unwrap_or_default(),
        expose: fields.flag("expose", report),
        trust: fields.flag("trust", report),
        constraints: fields.text("constraints", report).unwrap_or_default(),
        options: as_map(fields.entries("options", report)),
        annotations: read_annotations(fields.entries("annotations", report), report),
        resources: as_map(fields.entries("resources", report)),
        bindings: as_map(fields.entries("bindings", report)),
        other: fields.others(),
    }
}

/// Reads a list of placements; a single one may stand without a list.
fn read_placements(node: &Node, report: &mut Report) -> Vec<Placement> {
    let nodes = match &node.value {
        Value::Sequence(items) => items.as_slice(),
        Value::Scalar(_) | Value::Mapping(_) => std::slice::from_ref(node),
    };
    nodes.iter().filter_map(|node| read_placement(node, report)).collect()
}

fn read_placement(node: &Node, report: &mut Report) -> Option<Placement> {
    let text = text(node, "to", report)?;
    let refuse = |error: PlacementError| {
        report.at(node.line, Finding::error(Code::BundleInvalid, error.to_string()));
    };
    text.parse().map_err(refuse).ok()
}

fn read_annotations(entries: &[Entry], report: &mut Report) -> BTreeMap<String, String> {
    let annotation = |entry: &Entry| Some((entry.key.clone(), text(&entry.value, &entry.key, report)?));
    entries.iter().filter_map(annotation).collect()
}

fn as_map(entries: &[Entry]) -> Map<String, Json> {
    entries.iter().map(Entry::to_json).collect()
}
