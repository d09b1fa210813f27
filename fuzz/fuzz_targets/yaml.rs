//! What authors write: an error or a value, never both and never neither; what is read can be stored and read back.
#![no_main]

use std::collections::BTreeMap;
use std::fmt::Debug;

use charm_model::bundle::Bundle;
use charm_model::entity::Entity;
use charm_model::finding::{Finding, has_errors};
use charm_model::metadata::Metadata;
use charm_model::resources_yaml::Declaration;
use libfuzzer_sys::fuzz_target;

/// Divides the input into files; no text has it.
const SEPARATOR: u8 = 0xff;

/// The files, in the order in which an input has them.
const FILES: [&str; 5] = ["metadata.yaml", "resources.yaml", "config.yaml", "actions.yaml", "bundle.yaml"];

fuzz_target!(|bytes: &[u8]| {
    let parts: Vec<&[u8]> = bytes.split(|byte| *byte == SEPARATOR).collect();
    for part in &parts {
        check(&Metadata::read("metadata.yaml", part));
        check(&Declaration::read("resources.yaml", part));
        check(&Bundle::read("bundle.yaml", part));
    }
    let texts: BTreeMap<_, _> =
        FILES.iter().zip(&parts).map(|(file, part)| ((*file).to_owned(), part.to_vec())).collect();
    let read = Entity::read(&texts);
    check(&read);
    if let Some(entity) = read.0 {
        let stored = serde_json::to_string(&entity).expect("an entity has a JSON form");
        assert_eq!(serde_json::from_str::<Entity>(&stored).expect("what was stored reads back"), entity);
    }
});

fn check<T: Debug>((value, findings): &(Option<T>, Vec<Finding>)) {
    assert_eq!(value.is_none(), has_errors(findings), "{findings:?}");
}
