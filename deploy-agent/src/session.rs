//! The beginning of every verb that may change a unit.

use crate::blocking::blocking;
use crate::durable;
use crate::error::DeployError;
use crate::lock::Lock;
use crate::sweep::sweep;
use crate::unit::{Installed, Unit};

/// The right to change a unit, and what it runs.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) installed: Option<Installed>,
    _lock: Lock,
}

impl Session {
    /// Locks a unit, and removes what killed runs have left in it.
    pub(crate) async fn begin(unit: &Unit) -> Result<Self, DeployError> {
        let unit = unit.clone();
        blocking(move || Self::begin_blocking(&unit)).await
    }

    pub(crate) fn begin_blocking(unit: &Unit) -> Result<Self, DeployError> {
        unit.check_links()?;
        let lock = Lock::to_change(unit)?;
        for directory in [unit.states(), unit.trees()] {
            durable::create_dir_all(&directory)?;
        }
        sweep(unit)?;
        Ok(Self { installed: unit.installed()?, _lock: lock })
    }

    /// Locks a unit on which something is installed already.
    pub(crate) fn begin_installed(unit: &Unit) -> Result<(Self, Installed), DeployError> {
        // Asked before the lock, which would make a directory where there is nothing to upgrade.
        unit.must_be_installed()?;
        let session = Self::begin_blocking(unit)?;
        let installed = unit.must_be_installed()?;
        Ok((session, installed))
    }
}
