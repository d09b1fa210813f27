//! `actions.yaml`: what a charm does when asked.

use serde_json::{Map, Value as Json};

use crate::finding::Report;
use crate::yaml::fields::{Fields, entries};
use crate::yaml::rules::Rules;
use crate::yaml::{Entry, compose};

/// Returns the actions as they stand, by name.
pub(super) fn read(bytes: &[u8], report: &mut Report) -> Option<Map<String, Json>> {
    let root = compose(bytes, &Rules::CONFIG, report)?;
    let actions = entries(&root, "actions.yaml", report);
    for action in actions {
        // What an action takes is a JSON schema of the charm's own; only that it is a mapping is asked.
        Fields::of(&action.value, &action.key, report);
    }
    Some(actions.iter().map(Entry::to_json).collect())
}
