//! Resources of the older kind: declared in `metadata.yaml`, uploaded one by one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::finding::{Code, Finding, Report};
use crate::yaml::Entry;
use crate::yaml::fields::Fields;

/// A resource that `metadata.yaml` declares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: ResourceKind,
    /// What its file is called on a unit; a container image has none.
    pub filename: Option<String>,
    /// What it is for; empty where the charm does not say.
    pub description: String,
    /// Every other field, such as `upstream-source`.
    pub other: Map<String, Json>,
}

/// What a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceKind {
    /// A file.
    File,
    /// A container image: a small file that says where it is.
    OciImage,
}

pub(super) fn read(entries: &[Entry], report: &mut Report) -> BTreeMap<String, Resource> {
    entries.iter().filter_map(|entry| Some((entry.key.clone(), read_one(entry, report)?))).collect()
}

fn read_one(entry: &Entry, report: &mut Report) -> Option<Resource> {
    let mut fields = Fields::of(&entry.value, &entry.key, report);
    let (line, kind) = fields.required_text("type", report)?;
    let kind = read_kind(&kind, line, report)?;
    let filename = fields.text("filename", report);
    check_filename(entry, kind, filename.as_deref(), report);
    let description = fields.text("description", report).unwrap_or_default();
    Some(Resource { kind, filename, description, other: fields.others() })
}

fn read_kind(text: &str, line: usize, report: &mut Report) -> Option<ResourceKind> {
    match text {
        "file" => Some(ResourceKind::File),
        "oci-image" => Some(ResourceKind::OciImage),
        _ => {
            let message = format!("`{text}` is no type of a resource; known are `file` and `oci-image`");
            report.at(line, Finding::error(Code::YamlType, message));
            None
        }
    }
}

// juju/charm resource/meta.go: a file has a name without directories.
fn check_filename(entry: &Entry, kind: ResourceKind, filename: Option<&str>, report: &mut Report) {
    let name = &entry.key;
    match filename {
        None if kind == ResourceKind::File => {
            let finding = Finding::error(Code::YamlMissing, format!("resource `{name}` has no `filename`"));
            report.at(entry.line, finding);
        }
        Some(filename) if filename.contains(['/', '\\']) || matches!(filename, "." | "..") => {
            let message = format!("the file name `{filename}` of resource `{name}` has a directory in it");
            report.at(entry.line, Finding::error(Code::PathInvalid, message).help("give the name alone"));
        }
        _ => {}
    }
}
