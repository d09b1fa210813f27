//! Getting bytes: from what the unit has where they are the same, from the store where they are not.

use std::collections::{BTreeMap, HashMap};
use std::iter;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use charm_model::digest::Content;
use charm_model::reference::Reference;
use futures::{StreamExt as _, TryStreamExt as _};
use store_client::{Item, Seeds, Source, Store, Traffic};
use v4_wire::publish::StreamFile;

use crate::blocking::blocking;
use crate::error::DeployError;
use crate::fetched::Fetched;
use crate::layout::RESOURCES;
use crate::outcome::Moved;
use crate::tree::{ARCHIVE, CHARM};
use crate::unit::{Installed, Unit};
use crate::watch::Meter;

/// Where bytes of which content should be on the unit's disk, and at which places of a charm.
#[derive(Debug, Default)]
pub(crate) struct OnDisk {
    places: HashMap<Content, Vec<PathBuf>>,
    /// By the place within a charm; that of the current state first.
    before: BTreeMap<String, Vec<Source>>,
}

impl OnDisk {
    /// Lists the archives and resources of installed states, the current one's first.
    pub(crate) fn of<'a>(unit: &Unit, installed: impl IntoIterator<Item = &'a Installed>) -> Self {
        let mut on_disk = Self::default();
        for Installed { tree, state, .. } in installed {
            let tree = unit.tree(*tree);
            on_disk.add(place_of(&Item::Archive), state.archive.content, tree.join(ARCHIVE));
            let resources = tree.join(CHARM).join(RESOURCES);
            for StreamFile { place, file } in state.files() {
                let item = Item::Resource(place.clone());
                on_disk.add(place_of(&item), file.content, resources.join(place.to_string()));
            }
        }
        on_disk
    }

    fn add(&mut self, place: String, content: Content, path: PathBuf) {
        self.places.entry(content).or_default().push(path.clone());
        self.before.entry(place).or_default().push(Source { path, content });
    }

    fn places(&self, content: &Content) -> &[PathBuf] {
        self.places.get(content).map_or(&[], Vec::as_slice)
    }
}

/// Returns where an item stands in its charm.
fn place_of(item: &Item) -> String {
    match item {
        Item::Archive => "archive".to_owned(),
        Item::Resource(place) => format!("resources/{place}"),
    }
}

/// The bytes of one fully qualified reference, on their way.
pub(crate) struct Fetch {
    pub(crate) store: Store,
    pub(crate) id: Reference,
    pub(crate) fetched: Fetched,
    pub(crate) on_disk: Arc<OnDisk>,
    /// What the units of this machine share.
    pub(crate) seeds: Option<Seeds>,
    pub(crate) meter: Arc<Meter>,
    /// How many bytes of what was missing were in other files here.
    pub(crate) n_reused: AtomicU64,
}

impl Fetch {
    /// Gets every item; when it returns, all of them are verified and on the disk.
    pub(crate) async fn all(
        &self,
        items: impl IntoIterator<Item = (Content, Item)>,
    ) -> Result<(), DeployError> {
        // The same bytes at several places are fetched once.
        let missing = self.missing(items.into_iter().collect()).await?;
        self.meter.add_due(missing.iter().map(|(content, _)| content.size).sum());
        futures::stream::iter(&missing)
            .map(|(content, item)| self.download(content, item))
            .buffer_unordered(self.store.options().n_parallel)
            .try_collect()
            .await
    }

    /// Returns what moved for a state of that size.
    pub(crate) fn moved(&self, logical_bytes: u64) -> Moved {
        let Traffic { received, talk, .. } = self.store.traffic();
        let n_new = self.meter.due().saturating_sub(self.n_reused.load(Ordering::Relaxed));
        let reused_bytes = logical_bytes.saturating_sub(n_new);
        Moved { logical_bytes, reused_bytes, fetched_bytes: received, talk_bytes: talk }
    }

    /// Keeps what was fetched for other units. Whatever goes wrong with that is none of this unit's concern.
    pub(crate) async fn keep_seeds(&self, items: impl IntoIterator<Item = (Content, Item)>) {
        let Some(seeds) = self.seeds.clone() else { return };
        let keep =
            |(content, item): (Content, Item)| (content, self.label(&item), self.fetched.path(&content));
        let kept: Vec<_> = items.into_iter().map(keep).collect();
        blocking(move || {
            for (content, label, path) in kept {
                let _ = seeds.keep(&content, &label, &path);
            }
        })
        .await;
    }

    async fn missing(&self, mut items: BTreeMap<Content, Item>) -> Result<Vec<(Content, Item)>, DeployError> {
        let (fetched, on_disk, seeds) = (self.fetched.clone(), self.on_disk.clone(), self.seeds.clone());
        blocking(move || {
            let mut missing = Vec::new();
            while let Some((content, item)) = items.pop_first() {
                if !is_here(&fetched, &on_disk, seeds.as_ref(), &content)? {
                    missing.push((content, item));
                }
            }
            Ok(missing)
        })
        .await
    }

    async fn download(&self, content: &Content, item: &Item) -> Result<(), DeployError> {
        let target = self.fetched.path(content);
        let (candidates, meter) = (self.candidates(item).await, self.meter.clone());
        let download = self.store.download_from(&self.id, item, content, &target, candidates, meter);
        // A transfer's state is large, and several stand side by side.
        let n_reused = Box::pin(download).await?;
        self.n_reused.fetch_add(n_reused, Ordering::Relaxed);
        Ok(())
    }

    /// Returns the files that may be much like an item: what stands at its place now, what stood there before, and what
    /// other units have fetched for theirs.
    async fn candidates(&self, item: &Item) -> Vec<Source> {
        let mut candidates = self.on_disk.before.get(&place_of(item)).cloned().unwrap_or_default();
        if let Some(seeds) = self.seeds.clone() {
            let label = self.label(item);
            candidates.extend(blocking(move || seeds.alike(&label)).await);
        }
        candidates
    }

    /// Returns what every revision's file at that place has in common.
    fn label(&self, item: &Item) -> String {
        let owner = self.id.owner.as_ref().map_or("-", |it| it.as_str());
        format!("{owner}/{}/{}", self.id.name, place_of(item))
    }
}

fn is_here(
    fetched: &Fetched,
    on_disk: &OnDisk,
    seeds: Option<&Seeds>,
    content: &Content,
) -> Result<bool, DeployError> {
    if fetched.has(content)? {
        return Ok(true);
    }
    let seed = || seeds?.find(content).map(|it| it.path);
    for place in on_disk.places(content).iter().cloned().chain(iter::once_with(seed).flatten()) {
        if fetched.copy(content, &place)? {
            return Ok(true);
        }
    }
    Ok(false)
}
