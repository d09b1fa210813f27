//! `upgrade`: what was asked for at the installation, as it is now, or something else.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use charm_model::name::Channel;
use charm_model::reference::Reference;
use charm_model::timestamp::Timestamp;
use store_client::{Seeds, Store};

use crate::blocking::blocking;
use crate::deploy::{Deployment, WayBack};
use crate::error::DeployError;
use crate::outcome::{Change, Outcome};
use crate::session::Session;
use crate::unit::{Installed, Unit};
use crate::wanted::Wanted;
use crate::watch::Watch;

/// Which unit to upgrade, and to what.
#[derive(Debug, Clone)]
pub struct UpgradeRequest {
    /// The unit's directory.
    pub dir: PathBuf,
    /// The charm; `None` asks again for what was asked for last.
    pub reference: Option<Reference>,
    /// The channel whose pointers answer; `None` keeps the one that answered last.
    pub channel: Option<Channel>,
    /// Files that the units of this machine share; none where each has its own alone.
    pub seeds: Option<Seeds>,
    /// The time, which the state keeps.
    pub now: Timestamp,
}

/// Brings a unit to what its reference means now. Where that is what it runs, nothing changes.
///
/// # Errors
///
/// [`DeployError::NotInstalled`] where there is nothing to upgrade.
pub async fn upgrade(
    store: &Store,
    request: &UpgradeRequest,
    watch: Arc<dyn Watch>,
) -> Result<Outcome, DeployError> {
    let (store, began) = (&store.metered(), Instant::now());
    let unit = Unit::new(&request.dir);
    let locking = unit.clone();
    let (_session, installed) = blocking(move || Session::begin_installed(&locking)).await?;
    let wanted = resolve(store, request, &installed).await?;
    let seeds = request.seeds.as_ref();
    let deployment = Deployment { store, seeds, unit: &unit, watch, began };
    if !installed.state.is_same_charm(&wanted.state) {
        let back = WayBack::to(&installed);
        return deployment.run(wanted, Change::Upgraded, Some(&installed), Some(back)).await;
    }
    if installed.state.follows_same(&wanted.state) {
        return Ok(deployment.nothing_to_do(installed).await);
    }
    deployment.follow(wanted, &installed).await
}

async fn resolve(
    store: &Store,
    request: &UpgradeRequest,
    installed: &Installed,
) -> Result<Wanted, DeployError> {
    let asked = request.reference.as_ref().unwrap_or(&installed.state.asked);
    let channel = request.channel.unwrap_or(installed.state.channel);
    let resolution = store.resolve(asked, Some(channel), None).await?;
    Wanted::new(asked.clone(), resolution, installed.state.arch, request.now)
}
