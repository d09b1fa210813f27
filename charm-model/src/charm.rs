//! Charms: what the YAML files at the top of a charm's tree say together.
//!
//! The texts come from an author's directory or out of an archive; here both look the same.

mod actions;
mod config;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::finding::{Code, Finding, Report, conclude};
use crate::metadata::{self, Metadata, RESOURCES_FORMAT, ResourceKind};
use crate::name::{Series, StreamName};
use crate::resources_yaml::{self, Declaration, Lists};
use crate::series;
use crate::shape::{Place, Shape, ShapeDifference, Tree};
use crate::yaml::compose;
use crate::yaml::rules::Rules;

/// What every charm has.
pub const METADATA_YAML: &str = "metadata.yaml";

/// What declares a charm's streams.
pub const RESOURCES_YAML: &str = "resources.yaml";

/// What declares a charm's options.
pub const CONFIG_YAML: &str = "config.yaml";

/// What declares a charm's actions.
pub const ACTIONS_YAML: &str = "actions.yaml";

/// Further files that are kept as they stand.
pub const OTHER_YAML: &[&str] = &["lxd-profile.yaml", "manifest.yaml", "metrics.yaml"];

/// What a charm's YAML files say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Charm {
    /// Its `metadata.yaml`.
    pub metadata: Metadata,
    /// Its `resources.yaml`.
    pub declaration: Option<Declaration>,
    /// Its options as they stand, by name.
    pub config: Map<String, Json>,
    /// Its actions as they stand, by name.
    pub actions: Map<String, Json>,
    /// Those of [`OTHER_YAML`] that it has, by file name.
    pub other: BTreeMap<String, Json>,
}

/// A charm while errors may stand against it, and where its resources are declared.
pub(crate) struct Draft {
    /// What was read.
    pub(crate) charm: Charm,
    /// The lists of each stream; empty without `resources.yaml`.
    pub(crate) lists: BTreeMap<StreamName, Rc<Lists>>,
}

impl Charm {
    /// Returns the series of the metadata, or those of the bases that `manifest.yaml` names in place of them: each
    /// once, however often it is named.
    pub fn series(&self) -> Vec<Series> {
        let bases = || self.other.get("manifest.yaml").and_then(|manifest| manifest.get("bases")?.as_array());
        let named = match &self.metadata.series {
            series if series.is_empty() => bases().into_iter().flatten().filter_map(series_of_base).collect(),
            series => series.clone(),
        };
        let mut seen = BTreeSet::new();
        named.into_iter().filter(|series| seen.insert(series.clone())).collect()
    }

    /// Reads a charm from its YAML files by name; nothing where an error is among the findings.
    pub fn read(texts: &BTreeMap<String, Vec<u8>>) -> (Option<Self>, Vec<Finding>) {
        let mut findings = Vec::new();
        let draft = draft(texts, &mut findings);
        conclude(draft.map(|draft| draft.charm), findings)
    }
}

/// Reads a charm, and goes on where it can. `None` only where nothing is known of its metadata.
pub(crate) fn draft(texts: &BTreeMap<String, Vec<u8>>, findings: &mut Vec<Finding>) -> Option<Draft> {
    let metadata = read_file(texts, METADATA_YAML, findings, metadata::draft);
    let resources = read_file(texts, RESOURCES_YAML, findings, resources_yaml::draft);
    let config = read_file(texts, CONFIG_YAML, findings, config::read).unwrap_or_default();
    let actions = read_file(texts, ACTIONS_YAML, findings, actions::read).unwrap_or_default();
    let other = OTHER_YAML.iter().filter_map(|file| {
        let json = read_file(texts, file, findings, |bytes, report| compose(bytes, &Rules::CONFIG, report))?
            .to_json();
        Some(((*file).to_owned(), json))
    });
    let other = other.collect();
    let metadata = metadata?;
    if texts.contains_key(RESOURCES_YAML) {
        findings.extend(format_missing(&metadata));
    }
    findings
        .extend(resources.as_ref().and_then(|resources| declared_twice(&metadata, &resources.declaration)));
    let (declaration, lists) = resources.map(|it| (Some(it.declaration), it.lists)).unwrap_or_default();
    Some(Draft { charm: Charm { metadata: metadata.metadata, declaration, config, actions, other }, lists })
}

fn read_file<T>(
    texts: &BTreeMap<String, Vec<u8>>,
    file: &str,
    findings: &mut Vec<Finding>,
    read: impl FnOnce(&[u8], &mut Report) -> Option<T>,
) -> Option<T> {
    let bytes = texts.get(file)?;
    let mut report = Report::new(file);
    let value = read(bytes, &mut report);
    findings.extend(report.into_findings());
    value
}

/// A charm with `resources.yaml` says so by its format, so that older programs refuse it clearly.
fn format_missing(draft: &metadata::Draft) -> Option<Finding> {
    let format = draft.metadata.format;
    // A newer format is a finding of its own.
    if format >= RESOURCES_FORMAT {
        return None;
    }
    let line = format!("`format: {RESOURCES_FORMAT}`");
    let (message, help, at) = match draft.format_line {
        Some(at) => (
            format!("the charm has `resources.yaml` and declares format {format}"),
            format!("write {line} on line {at} of `{METADATA_YAML}`"),
            at,
        ),
        None => (
            "the charm has `resources.yaml` and declares no format".to_owned(),
            format!("add the line {line} to `{METADATA_YAML}`, below line {}", draft.name_line),
            draft.name_line,
        ),
    };
    Some(Finding::error(Code::FormatMissing, message).at(METADATA_YAML, at).help(help))
}

/// Files under `resources:` are files of the default stream, so a second declaration must say the same.
fn declared_twice(draft: &metadata::Draft, declaration: &Declaration) -> Option<Finding> {
    let older = older_shape(&draft.metadata)?;
    let stream = declaration.streams.get(&declaration.default_stream)?;
    let difference: ShapeDifference = stream.shape.difference(&older);
    if difference.is_empty() {
        return None;
    }
    let default = &declaration.default_stream;
    let message = format!(
        "`resources:` declares other files than stream `{default}` of `{RESOURCES_YAML}`; \
         seen from the stream, {difference}"
    );
    let finding = Finding::error(Code::ResourcesTwice, message);
    let finding = finding.help(format!("remove `resources:`, or `{RESOURCES_YAML}`"));
    Some(finding.at(METADATA_YAML, draft.resources_line.unwrap_or(draft.name_line)))
}

/// Returns the files that `metadata.yaml` declares; `None` where it declares none.
fn older_shape(metadata: &Metadata) -> Option<Shape> {
    let files = metadata.resources.values().filter(|resource| resource.kind == ResourceKind::File);
    let place = |name: &String| Some(Place { tree: Tree::Common, path: name.parse().ok()? });
    let shape: Shape = Shape(files.filter_map(|file| file.filename.as_ref().and_then(place)).collect());
    (!shape.0.is_empty()).then_some(shape)
}

/// Reads a base such as `{name: ubuntu, channel: "22.04"}`, or with a risk behind the release: `22.04/stable`.
fn series_of_base(base: &Json) -> Option<Series> {
    let channel = base.get("channel")?.as_str()?;
    let release = channel.split('/').next().unwrap_or(channel);
    (base.get("name")?.as_str()? == "ubuntu").then(|| series::of_ubuntu(release)).flatten()
}
