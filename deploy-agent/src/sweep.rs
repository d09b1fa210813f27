//! Removing what nothing leads to: leftovers of killed runs, and trees that are older than the previous one.

use std::fs;

use crate::durable;
use crate::error::DeployError;
use crate::fetched::Fetched;
use crate::unit::{Unit, numbered};

/// Removes states and trees that neither run nor can be rolled back to. Safe to be killed anywhere in it.
pub(crate) fn sweep(unit: &Unit) -> Result<(), DeployError> {
    let current = unit.installed()?;
    let before = current.as_ref().map(|it| unit.before(it)).transpose()?.flatten();
    let kept: Vec<_> = current.iter().chain(&before).map(|it| (it.number, it.tree)).collect();
    for number in numbered(&unit.states())? {
        if !kept.iter().any(|(state, _)| *state == number) {
            remove(&unit.state(number))?;
        }
    }
    for number in numbered(&unit.trees())? {
        if !kept.iter().any(|(_, tree)| *tree == number) {
            remove(&unit.tree(number))?;
        }
    }
    Ok(())
}

/// Removes what was fetched too, once a tree has it.
pub(crate) fn sweep_all(unit: &Unit) -> Result<(), DeployError> {
    sweep(unit)?;
    Fetched::open(unit.fetch())?.clear()?;
    durable::flush(&unit.private())
}

fn remove(dir: &std::path::Path) -> Result<(), DeployError> {
    fs::remove_dir_all(dir).map_err(DeployError::io(dir))
}
