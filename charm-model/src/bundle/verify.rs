//! What can be said of a bundle without knowing its charms. Worded as Juju's verifier has it: v4 clients know it.

use std::collections::BTreeSet;

use super::{Application, Bundle, BundleRelation, Draft, Lines, Placement, PlacementTarget};
use crate::finding::{Code, Finding, Report};

/// Reports everything that is wrong.
pub(super) fn verify(draft: &Draft, report: &mut Report) {
    let Draft { bundle, lines } = draft;
    if bundle.applications.is_empty() {
        report.whole(invalid("at least one application must be specified".to_owned()));
    }
    verify_machines(bundle, lines, report);
    verify_relations(bundle, lines, report);
    for (name, application) in &bundle.applications {
        let line = lines.applications.get(name).copied().unwrap_or(1);
        for message in placement_messages(name, application, bundle) {
            report.at(line, invalid(message));
        }
    }
}

fn invalid(message: String) -> Finding {
    Finding::error(Code::BundleInvalid, message)
}

fn verify_machines(bundle: &Bundle, lines: &Lines, report: &mut Report) {
    let placed_on: BTreeSet<String> = bundle.applications.values().flat_map(machines_of).collect();
    for machine in bundle.machines.keys() {
        let line = lines.machines.get(machine).copied().unwrap_or(1);
        if machine.parse::<u32>().is_err() {
            report.at(line, invalid(format!("invalid machine id \"{machine}\" found in machines")));
        } else if !placed_on.contains(machine) {
            report.at(
                line,
                invalid(format!("machine \"{machine}\" is not referred to by a placement directive")),
            );
        }
    }
}

fn machines_of(application: &Application) -> impl Iterator<Item = String> {
    application.to.iter().filter_map(|placement| match placement.target {
        PlacementTarget::Machine(number) => Some(number.to_string()),
        PlacementTarget::New | PlacementTarget::Unit { .. } => None,
    })
}

fn placement_messages(name: &str, application: &Application, bundle: &Bundle) -> Vec<String> {
    let mut messages = Vec::new();
    if application.to.len() > application.num_units as usize {
        messages.push(format!("too many units specified in unit placement for application \"{name}\""));
    }
    messages.extend(application.to.iter().filter_map(|placement| placement_message(placement, bundle)));
    messages
}

fn placement_message(placement: &Placement, bundle: &Bundle) -> Option<String> {
    match &placement.target {
        PlacementTarget::New => None,
        PlacementTarget::Machine(number) => (!bundle.machines.contains_key(&number.to_string()))
            .then(|| format!("placement \"{placement}\" refers to a machine not defined in this bundle")),
        PlacementTarget::Unit { application, unit } => match (bundle.applications.get(application), unit) {
            (None, _) => {
                Some(format!("placement \"{placement}\" refers to an application not defined in this bundle"))
            }
            (Some(Application { num_units, .. }), Some(unit)) if unit >= num_units => Some(format!(
                "placement \"{placement}\" specifies a unit greater than the {num_units} unit(s) \
                 started by the target application"
            )),
            (Some(_), _) => None,
        },
    }
}

fn verify_relations(bundle: &Bundle, lines: &Lines, report: &mut Report) {
    let mut seen = BTreeSet::new();
    for (relation, line) in bundle.relations.iter().zip(&lines.relations) {
        let is_new = seen.insert(relation.sorted());
        for message in relation_messages(relation, is_new, bundle) {
            report.at(*line, invalid(message));
        }
    }
}

fn relation_messages(relation: &BundleRelation, is_new: bool, bundle: &Bundle) -> Vec<String> {
    let mut messages = Vec::new();
    let [one, other] = &relation.0;
    for end in [one, other] {
        let application = &end.application;
        if !bundle.applications.contains_key(application) && !bundle.saas.contains(application) {
            messages.push(format!(
                "relation {relation} refers to application \"{application}\" not defined in this bundle"
            ));
        }
    }
    if one.application == other.application {
        messages.push(format!("relation {relation} relates an application to itself"));
    }
    if !is_new {
        messages.push(format!("relation {relation} is defined more than once"));
    }
    messages
}
