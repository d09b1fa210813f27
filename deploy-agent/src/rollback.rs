//! `rollback`: what ran before, without the store. A second one goes forward again.

use std::path::Path;
use std::time::Instant;

use charm_model::timestamp::Timestamp;

use crate::deploy::{WayBack, leftover_note, switch_to};
use crate::error::DeployError;
use crate::outcome::{Change, Moved, Outcome};
use crate::session::Session;
use crate::state::State;
use crate::sweep::sweep_all;
use crate::unit::{Installed, Unit};
use crate::verify::examine;

/// Makes a unit run its previous tree, if every file of it is still what it was.
///
/// # Errors
///
/// [`DeployError::NothingBefore`], and [`DeployError::Altered`] if the tree has changed.
pub fn rollback(dir: &Path, now: Timestamp) -> Result<Outcome, DeployError> {
    let began = Instant::now();
    let unit = Unit::new(dir);
    let (_session, installed) = Session::begin_installed(&unit)?;
    let before = unit.before(&installed)?.ok_or_else(|| nothing_before(&unit, &installed))?;
    check(&unit, &before)?;
    let state = State { installed_at: now, ..before.state };
    let state = switch_to(&unit, state, before.tree, Some(WayBack::to(&installed)))?;
    let notes = leftover_note(sweep_all(&unit)).into_iter().collect();
    Ok(Outcome {
        change: Change::RolledBack,
        moved: Moved::nothing(state.size_bytes()),
        state,
        before: Some(installed.state.id),
        seconds: began.elapsed().as_secs_f64(),
        notes,
    })
}

fn nothing_before(unit: &Unit, installed: &Installed) -> DeployError {
    DeployError::NothingBefore { dir: unit.dir().to_owned(), installed: installed.state.id.clone() }
}

fn check(unit: &Unit, before: &Installed) -> Result<(), DeployError> {
    let differences = examine(unit, before)?.differences;
    if differences.is_empty() {
        return Ok(());
    }
    Err(DeployError::Altered { id: before.state.id.clone(), differences })
}
