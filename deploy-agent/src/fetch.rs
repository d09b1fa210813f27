//! Getting bytes: from what the unit has where they are the same, from the store where they are not.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use charm_model::digest::Content;
use charm_model::reference::Reference;
use futures::{StreamExt as _, TryStreamExt as _};
use store_client::{Item, Store};

use crate::blocking::blocking;
use crate::error::DeployError;
use crate::fetched::Fetched;
use crate::layout::RESOURCES;
use crate::tree::{ARCHIVE, CHARM};
use crate::unit::{Installed, Unit};
use crate::watch::Meter;

/// Where bytes of which content should be on the unit's disk.
#[derive(Debug, Default)]
pub(crate) struct OnDisk(HashMap<Content, Vec<PathBuf>>);

impl OnDisk {
    /// Lists the archives and resources of installed states.
    pub(crate) fn of<'a>(unit: &Unit, installed: impl IntoIterator<Item = &'a Installed>) -> Self {
        let mut places: HashMap<Content, Vec<PathBuf>> = HashMap::new();
        for Installed { tree, state, .. } in installed {
            let tree = unit.tree(*tree);
            places.entry(state.archive.content).or_default().push(tree.join(ARCHIVE));
            let resources = tree.join(CHARM).join(RESOURCES);
            for file in state.files() {
                let path = resources.join(file.place.to_string());
                places.entry(file.file.content).or_default().push(path);
            }
        }
        Self(places)
    }

    fn places(&self, content: &Content) -> &[PathBuf] {
        self.0.get(content).map_or(&[], Vec::as_slice)
    }
}

/// The bytes of one fully qualified reference, on their way.
pub(crate) struct Fetch {
    pub(crate) store: Store,
    pub(crate) id: Reference,
    pub(crate) fetched: Fetched,
    pub(crate) on_disk: Arc<OnDisk>,
    pub(crate) meter: Arc<Meter>,
}

impl Fetch {
    /// Gets every item; when it returns, all of them are verified and on the disk.
    pub(crate) async fn all(
        &self,
        items: impl IntoIterator<Item = (Content, Item)>,
    ) -> Result<(), DeployError> {
        // The same bytes at several places are fetched once.
        let missing = self.missing(items.into_iter().collect()).await?;
        self.meter.due(missing.iter().map(|(content, _)| content.size).sum());
        futures::stream::iter(&missing)
            .map(|(content, item)| self.download(content, item))
            .buffer_unordered(self.store.options().n_parallel)
            .try_collect()
            .await
    }

    async fn missing(&self, mut items: BTreeMap<Content, Item>) -> Result<Vec<(Content, Item)>, DeployError> {
        let (fetched, on_disk) = (self.fetched.clone(), self.on_disk.clone());
        blocking(move || {
            let mut missing = Vec::new();
            while let Some((content, item)) = items.pop_first() {
                if !is_here(&fetched, &on_disk, &content)? {
                    missing.push((content, item));
                }
            }
            Ok(missing)
        })
        .await
    }

    async fn download(&self, content: &Content, item: &Item) -> Result<(), DeployError> {
        let target = self.fetched.path(content);
        // A transfer's state is large, and several stand side by side.
        Ok(Box::pin(self.store.download(&self.id, item, content, &target, self.meter.clone())).await?)
    }
}

fn is_here(fetched: &Fetched, on_disk: &OnDisk, content: &Content) -> Result<bool, DeployError> {
    if fetched.has(content)? {
        return Ok(true);
    }
    for place in on_disk.places(content) {
        if fetched.copy(content, place)? {
            return Ok(true);
        }
    }
    Ok(false)
}
