//! What `install` and `upgrade` share: fetch and verify everything, build the tree, switch, sweep.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use charm_model::reference::Reference;
use store_client::{Item, Seeds, Store};
use v4_wire::publish::StreamFile;

use crate::blocking::blocking;
use crate::charm;
use crate::error::DeployError;
use crate::fetch::{Fetch, OnDisk};
use crate::fetched::Fetched;
use crate::outcome::{Change, Moved, Outcome};
use crate::state::State;
use crate::sweep::sweep_all;
use crate::switch::switch;
use crate::tree;
use crate::unit::{Installed, Unit};
use crate::wanted::Wanted;
use crate::watch::{Meter, Watch};

/// A deployment to one unit, whose lock is held.
pub(crate) struct Deployment<'a> {
    /// Counts what travels for this deployment alone.
    pub(crate) store: &'a Store,
    pub(crate) seeds: Option<&'a Seeds>,
    pub(crate) unit: &'a Unit,
    pub(crate) watch: Arc<dyn Watch>,
    pub(crate) began: Instant,
}

/// What a rollback from the new state shall lead to.
pub(crate) struct WayBack {
    number: u64,
    id: Reference,
}

impl WayBack {
    /// Leads to what runs now.
    pub(crate) fn to(installed: &Installed) -> Self {
        Self { number: installed.number, id: installed.state.id.clone() }
    }

    /// Leads to where the way back leads now: what runs is the same charm, and no place to go back to.
    pub(crate) fn kept(installed: &Installed) -> Option<Self> {
        installed.previous.zip(installed.state.previous.clone()).map(|(number, id)| Self { number, id })
    }
}

impl Deployment<'_> {
    /// Brings a unit into the wanted state. Until the switch, what it runs is not touched.
    pub(crate) async fn run(
        &self,
        wanted: Wanted,
        change: Change,
        installed: Option<&Installed>,
        back: Option<WayBack>,
    ) -> Result<Outcome, DeployError> {
        let Wanted { state, withdrawn } = wanted;
        let fetch = self.fetch(&state.id, installed)?;
        let archive = state.archive.content;
        fetch.all([(archive, Item::Archive)]).await?;
        let (path, checked) = (fetch.fetched.path(&archive), state.clone());
        blocking(move || charm::check(&path, &checked)).await?;
        let resource = |it: &StreamFile| (it.file.content, Item::Resource(it.place.clone()));
        let resources: Vec<_> = state.files().iter().map(resource).collect();
        fetch.all(resources.clone()).await?;
        let moved = fetch.moved(state.size_bytes());
        let (unit, fetched) = (self.unit.clone(), fetch.fetched.clone());
        let state = blocking(move || build_and_switch(&unit, state, &fetched, back)).await?;
        fetch.keep_seeds([(archive, Item::Archive)].into_iter().chain(resources)).await;
        let notes = withdrawn.map(|reason| format!("{} is withdrawn: {reason}", state.id));
        Ok(self.outcome(change, state, installed, moved, notes).await)
    }

    /// Records that the unit follows another reference to what it runs already.
    pub(crate) async fn follow(&self, wanted: Wanted, installed: &Installed) -> Result<Outcome, DeployError> {
        let state = State { installed_at: installed.state.installed_at, ..wanted.state };
        let (unit, tree, back) = (self.unit.clone(), installed.tree, WayBack::kept(installed));
        let state = blocking(move || switch_to(&unit, state, tree, back)).await?;
        let moved = Moved::nothing(state.size_bytes());
        Ok(self.outcome(Change::Following, state, Some(installed), moved, None).await)
    }

    /// Reports that the unit runs what it should.
    pub(crate) async fn nothing_to_do(&self, installed: Installed) -> Outcome {
        let moved = Moved::nothing(installed.state.size_bytes());
        self.outcome(Change::Unchanged, installed.state.clone(), Some(&installed), moved, None).await
    }

    fn fetch(&self, id: &Reference, installed: Option<&Installed>) -> Result<Fetch, DeployError> {
        let before = installed.map(|it| self.unit.before(it)).transpose()?.flatten();
        Ok(Fetch {
            store: self.store.clone(),
            id: id.clone(),
            fetched: Fetched::open(self.unit.fetch())?,
            on_disk: Arc::new(OnDisk::of(self.unit, installed.into_iter().chain(&before))),
            seeds: self.seeds.cloned(),
            meter: Meter::new(self.watch.clone()),
            n_reused: AtomicU64::new(0),
        })
    }

    async fn outcome(
        &self,
        change: Change,
        state: State,
        installed: Option<&Installed>,
        moved: Moved,
        note: Option<String>,
    ) -> Outcome {
        let unit = self.unit.clone();
        let swept = blocking(move || sweep_all(&unit)).await;
        Outcome {
            change,
            state,
            before: installed.map(|it| it.state.id.clone()),
            moved,
            seconds: self.began.elapsed().as_secs_f64(),
            notes: note.into_iter().chain(leftover_note(swept)).collect(),
        }
    }
}

/// Says that leftovers stay. The unit runs what it should, so this is no failure; the next run tries again.
pub(crate) fn leftover_note(swept: Result<(), DeployError>) -> Option<String> {
    swept.err().map(|error| format!("older trees cannot be removed: {error}"))
}

fn build_and_switch(
    unit: &Unit,
    state: State,
    fetched: &Fetched,
    back: Option<WayBack>,
) -> Result<State, DeployError> {
    let tree = unit.fresh_number()?;
    tree::build(&unit.tree(tree), &state, fetched)?;
    switch_to(unit, state, tree, back)
}

pub(crate) fn switch_to(
    unit: &Unit,
    state: State,
    tree: u64,
    back: Option<WayBack>,
) -> Result<State, DeployError> {
    let (previous, id) = back.map(|it| (it.number, it.id)).unzip();
    let state = State { previous: id, ..state };
    switch(unit, &state, tree, previous)?;
    Ok(state)
}
