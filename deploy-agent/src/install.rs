//! `install`: a charm in a directory that has none.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use charm_model::name::{Architecture, Channel};
use charm_model::reference::Reference;
use charm_model::timestamp::Timestamp;
use store_client::{Seeds, Store};

use crate::blocking::blocking;
use crate::deploy::{Deployment, WayBack};
use crate::error::DeployError;
use crate::outcome::{Change, Outcome};
use crate::session::Session;
use crate::unit::{Installed, Unit};
use crate::verify::examine;
use crate::wanted::Wanted;
use crate::watch::Watch;

/// What to install, and where.
#[derive(Debug, Clone)]
pub struct InstallRequest {
    /// The charm.
    pub reference: Reference,
    /// The unit's directory. It is made if it is not there, and what else stands in it stays.
    pub dir: PathBuf,
    /// The unit's architecture.
    pub architecture: Architecture,
    /// The channel whose pointers answer; `None` leaves it to the store.
    pub channel: Option<Channel>,
    /// Files that the units of this machine share; none where each has its own alone.
    pub seeds: Option<Seeds>,
    /// The time, which the state keeps.
    pub now: Timestamp,
}

/// Installs a charm with its resources.
///
/// What is installed already is read again: intact, it stays; damaged, it is built anew from what is still good.
///
/// # Errors
///
/// [`DeployError::OtherInstalled`] where another charm runs: that is an upgrade.
pub async fn install(
    store: &Store,
    request: &InstallRequest,
    watch: Arc<dyn Watch>,
) -> Result<Outcome, DeployError> {
    let (store, began) = (&store.metered(), Instant::now());
    // Before anything is made: a name with a typing error should leave no directory behind.
    let resolution = store.resolve(&request.reference, request.channel, None).await?;
    let wanted = Wanted::new(request.reference.clone(), resolution, request.architecture, request.now)?;
    let unit = Unit::new(&request.dir);
    let session = Session::begin(&unit).await?;
    let seeds = request.seeds.as_ref();
    let deployment = Deployment { store, seeds, unit: &unit, watch, began };
    match session.installed {
        None => deployment.run(wanted, Change::Installed, None, None).await,
        Some(installed) if installed.state.is_same_charm(&wanted.state) => {
            install_again(&deployment, wanted, installed).await
        }
        Some(installed) => Err(other_installed(&request.dir, installed)),
    }
}

async fn install_again(
    deployment: &Deployment<'_>,
    wanted: Wanted,
    installed: Installed,
) -> Result<Outcome, DeployError> {
    let (unit, examined) = (deployment.unit.clone(), installed.clone());
    let verification = blocking(move || examine(&unit, &examined)).await?;
    if !verification.differences.is_empty() {
        let back = WayBack::kept(&installed);
        return deployment.run(wanted, Change::Repaired, Some(&installed), back).await;
    }
    if installed.state.follows_same(&wanted.state) {
        return Ok(deployment.nothing_to_do(installed).await);
    }
    deployment.follow(wanted, &installed).await
}

fn other_installed(dir: &Path, installed: Installed) -> DeployError {
    DeployError::OtherInstalled { dir: dir.to_owned(), installed: installed.state.id }
}
