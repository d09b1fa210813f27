//! From the catalog's rows to what search knows of a base.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::base::Base;
use catalog::charm::Charm;
use charm_model::bundle::Bundle;
use charm_model::charm::Charm as CharmText;
use charm_model::entity::Entity;
use charm_model::metadata::Relation;
use charm_model::name::{Channel, Series};
use charm_model::reference::{Reference, Version};
use charm_model::resolve::{CharmKey, Snapshot};
use charm_model::rights::Caller;
use charm_model::series::SeriesScore;
use charm_model::shape::Tree;
use futures::TryStreamExt as _;
use search_index::{Audience, Entry, Kind};

use crate::error::StoreError;
use crate::open::What;
use crate::store::Store;

/// How much of a README is read, in bytes.
const MAX_README_BYTES: u64 = 64 << 10;

/// A revision to which stable points, in these series.
struct Current {
    charm: Charm,
    /// The path of its README.
    readme: Option<String>,
    series: Vec<Series>,
}

impl Store {
    /// Returns who may know of the base, and an entry for each series in which something is current in stable.
    pub(crate) async fn entries(&self, base: &Base) -> Result<(Audience, Vec<Entry>), StoreError> {
        let (snapshot, charms) = self.current_charms(base).await?;
        let mut entries = Vec::new();
        for Current { charm, readme, series } in charms {
            let readme = self.text_of(base, &charm.key, readme).await;
            let entity: Entity = charm.entity.read()?;
            for (place, series) in by_preference(series).into_iter().enumerate() {
                let (is_lead, readme) = (place == 0, readme.clone());
                entries.push(Entry {
                    is_lead,
                    readme,
                    ..entry(base, &snapshot, &charm, entity.clone(), series)
                });
            }
        }
        entries.sort_by_cached_key(|entry| Reverse((rank(entry), entry.series.clone())));
        if let Some(first) = entries.first_mut() {
            first.is_preferred = true;
        }
        Ok((Audience::of(&base.acl), entries))
    }

    /// Returns what is current in stable, each revision once.
    async fn current_charms(&self, base: &Base) -> Result<(Arc<Snapshot>, Vec<Current>), StoreError> {
        let mut tx = self.database().read().await?;
        let snapshot = self.snapshot(&mut tx, base).await?;
        let mut pointers: BTreeMap<&CharmKey, Vec<Series>> = BTreeMap::new();
        for ((channel, series), head) in &snapshot.heads {
            if *channel == Channel::Stable {
                pointers.entry(&head.charm).or_default().push(series.clone());
            }
        }
        let mut charms = Vec::new();
        for (key, series) in pointers {
            if let Some(charm) = tx.charm(base.id, key).await? {
                let readme = tx.readme(charm.archive.id).await?;
                charms.push(Current { charm, readme, series });
            }
        }
        Ok((snapshot, charms))
    }

    /// Returns the text of a file of the archive; nothing where it cannot be read: search goes on without.
    async fn text_of(&self, base: &Base, key: &CharmKey, path: Option<String>) -> String {
        let Some(path) = path else { return String::new() };
        let reference = Reference {
            owner: Some(base.name.owner.clone()),
            series: key.series.clone(),
            name: base.name.name.clone(),
            version: Version::Chosen { revision: Some(key.revision), stream: None, resources: None },
        };
        match self.read_text(&reference, path).await {
            Ok(text) => text,
            Err(error) => {
                tracing::warn!(entity.id = %reference, error = &error as &dyn std::error::Error, "README cannot be read");
                String::new()
            }
        }
    }

    async fn read_text(&self, reference: &Reference, path: String) -> Result<String, StoreError> {
        let what = What::ArchiveFile(path);
        let opened = self.open(&Caller::Admin, reference, Channel::Stable, &what).await?;
        let range = 0..opened.size.min(MAX_README_BYTES);
        let bytes: Vec<_> = opened.bytes(range).await?.try_collect().await?;
        Ok(String::from_utf8_lossy(&bytes.concat()).into_owned())
    }
}

/// Puts those first that a reference without a series would choose first.
fn by_preference(mut series: Vec<Series>) -> Vec<Series> {
    series.sort_by_cached_key(|series| Reverse(SeriesScore::of(Some(series))));
    series
}

/// What a reference without a series would choose first.
fn rank(entry: &Entry) -> (SeriesScore, SeriesScore) {
    let own = (!entry.is_multi_series).then_some(&entry.series);
    (SeriesScore::of(own), SeriesScore::of(Some(&entry.series)))
}

fn entry(base: &Base, snapshot: &Snapshot, charm: &Charm, entity: Entity, series: Series) -> Entry {
    let plain = Entry {
        base: base.name.clone(),
        series,
        revision: charm.key.revision,
        kind: Kind::Charm,
        supported: charm.supported.clone(),
        is_multi_series: charm.key.series.is_none(),
        is_lead: false,
        is_preferred: false,
        is_promulgated: base.is_promulgated,
        title: String::new(),
        summary: String::new(),
        description: String::new(),
        readme: String::new(),
        tags: Vec::new(),
        provides: Vec::new(),
        requires: Vec::new(),
        options: Vec::new(),
        architectures: architectures(snapshot, &charm.key),
        applications: Vec::new(),
        downloads: 0,
        revisions: u32::try_from(snapshot.charms.len()).unwrap_or(u32::MAX),
        published_at: charm.published_at,
    };
    match entity {
        Entity::Charm(charm) => of_charm(charm, plain),
        Entity::Bundle(bundle) => of_bundle(bundle, plain),
    }
}

fn of_charm(CharmText { metadata, config, .. }: CharmText, plain: Entry) -> Entry {
    let title = metadata.other.get("display-name").and_then(|title| title.as_str()).unwrap_or_default();
    Entry {
        title: title.to_owned(),
        tags: distinct(metadata.tags.into_iter().chain(metadata.categories)),
        provides: interfaces(metadata.provides),
        requires: interfaces(metadata.requires),
        options: config.into_iter().map(|(option, _)| option).collect(),
        summary: metadata.summary,
        description: metadata.description,
        ..plain
    }
}

/// A bundle has no summary of its own: the first line of its description is one.
fn of_bundle(bundle: Bundle, plain: Entry) -> Entry {
    let summary = bundle.description.lines().next().unwrap_or_default().to_owned();
    let named = bundle
        .applications
        .into_iter()
        .flat_map(|(name, application)| [name, charm_name(&application.charm)]);
    Entry {
        kind: Kind::Bundle,
        summary,
        description: bundle.description,
        tags: distinct(bundle.tags.into_iter()),
        applications: distinct(named),
        ..plain
    }
}

/// Of a charm's reference, what it is called; as it stands, where it is none.
fn charm_name(text: &str) -> String {
    text.parse::<Reference>().map_or_else(|_| text.to_owned(), |reference| reference.name.to_string())
}

fn interfaces(relations: BTreeMap<String, Relation>) -> Vec<String> {
    distinct(relations.into_values().map(|relation| relation.interface))
}

fn architectures(snapshot: &Snapshot, key: &CharmKey) -> Vec<String> {
    let shapes = snapshot.charms.get(key).into_iter().flat_map(|facts| facts.shapes.values());
    let places = shapes.filter_map(|shape| snapshot.shapes.get(shape)).flat_map(|shape| &shape.0);
    distinct(places.filter(|place| place.tree != Tree::Common).map(|place| place.tree.as_str().to_owned()))
}

fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut texts: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}
