//! `status`: what a unit runs.

use std::path::Path;

use crate::error::DeployError;
use crate::state::State;
use crate::unit::Unit;

/// Returns what a unit runs, as its state says; [`crate::verify()`] reads the files too.
///
/// # Errors
///
/// [`DeployError::NotInstalled`].
pub fn status(dir: &Path) -> Result<State, DeployError> {
    Ok(Unit::new(dir).must_be_installed()?.state)
}
