//! The switch: one rename, after everything that it leads to is durable.

use std::fs;
use std::path::Path;

use crate::durable;
use crate::error::DeployError;
use crate::state::State;
use crate::unit::Unit;

/// Makes a unit run a tree that is there, and keeps a state to come back to.
///
/// Killed before the rename, the unit runs what it ran; killed after it, the new. The links at the top of the
/// directory are made before: until the first switch they lead nowhere.
pub(crate) fn switch(
    unit: &Unit,
    state: &State,
    tree: u64,
    previous: Option<u64>,
) -> Result<(), DeployError> {
    let number = unit.fresh_number()?;
    record(&unit.state(number), state, tree, previous)?;
    durable::flush(&unit.states())?;
    unit.make_links()?;
    durable::relink(&format!("states/{number}"), &unit.current(), &unit.private())
}

fn record(dir: &Path, state: &State, tree: u64, previous: Option<u64>) -> Result<(), DeployError> {
    fs::create_dir(dir).map_err(DeployError::io(dir))?;
    let path = dir.join("state.json");
    let mut text = serde_json::to_vec_pretty(state).map_err(|error| DeployError::io(&path)(error.into()))?;
    text.push(b'\n');
    durable::write_new(&path, &text)?;
    durable::link(format!("../../trees/{tree}/charm"), &dir.join("charm"))?;
    if let Some(previous) = previous {
        durable::link(format!("../{previous}"), &dir.join("previous"))?;
    }
    durable::flush(dir)
}
