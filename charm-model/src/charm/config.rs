//! `config.yaml`: the options of a charm.

use serde_json::{Map, Value as Json};

use crate::finding::{Code, Finding, Report};
use crate::yaml::fields::{Fields, text};
use crate::yaml::nearest::nearest;
use crate::yaml::rules::Rules;
use crate::yaml::{Entry, Node, compose};

/// The types that an option has (juju/charm config.go; `secret` since Juju 3.3).
const TYPES: &[&str] = &["string", "int", "float", "boolean", "secret"];

/// Returns the options as they stand, by name.
pub(super) fn read(bytes: &[u8], report: &mut Report) -> Option<Map<String, Json>> {
    let root = compose(bytes, &Rules::CONFIG, report)?;
    let mut fields = Fields::of(&root, "config.yaml", report);
    let Some(options) = fields.take("options") else {
        let finding = Finding::warning(Code::ConfigDoubtful, "`config.yaml` has no `options`");
        report.at(root.line, finding.help("list the options under `options:`, or remove the file"));
        return None;
    };
    let options = crate::yaml::fields::entries(options, "options", report);
    for option in options {
        check_option(option, report);
    }
    Some(options.iter().map(Entry::to_json).collect())
}

fn check_option(option: &Entry, report: &mut Report) {
    let name = &option.key;
    let mut fields = Fields::of(&option.value, name, report);
    let Some(node) = fields.take("type") else {
        let message = format!("option `{name}` has no type");
        report.at(
            option.line,
            Finding::warning(Code::ConfigDoubtful, message).help("Juju takes it for a `string`"),
        );
        return;
    };
    let Some(kind) = text(node, "type", report) else { return };
    if !TYPES.contains(&kind.as_str()) {
        report.at(node.line, unknown_type(name, &kind));
    } else if let Some(default) = fields.take("default") {
        check_default(name, &kind, default, report);
    }
}

fn unknown_type(name: &str, kind: &str) -> Finding {
    let message = format!("option `{name}` has the type `{kind}`, which Juju does not know");
    let help = match nearest(kind, TYPES.iter().copied()) {
        Some(near) => format!("`{near}` is probably meant"),
        None => format!("known are: {}", TYPES.join(", ")),
    };
    Finding::error(Code::ConfigInvalid, message).help(help)
}

fn check_default(name: &str, kind: &str, default: &Node, report: &mut Report) {
    let value = default.to_json();
    let fits = match kind {
        "int" => value.is_i64() || value.is_u64(),
        "float" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => value.is_string(),
    };
    // Juju takes an empty text for no default, whatever the type.
    if !fits && value.as_str() != Some("") {
        let message =
            format!("the default of option `{name}` is {}, and its type is `{kind}`", default.kind());
        report.at(default.line, Finding::warning(Code::ConfigDoubtful, message));
    }
}
