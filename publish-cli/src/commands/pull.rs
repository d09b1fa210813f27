//! `pull`: a charm and its resources as an author's tree. The directory appears when all of it is there, right and flushed.

mod staging;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use charm_model::digest::Content;
use charm_model::reference::{BaseId, Reference};
use serde::Serialize;
use store_client::{Item, Seeds, Source, Store, Traffic, hash_file};
use terminal::{count, size};

use self::staging::Staging;
use crate::cli::PullArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Told;
use crate::seeding;

#[derive(Serialize)]
struct Pulled {
    id: Reference,
    dir: PathBuf,
    n_files: usize,
    bytes: u64,
    /// How many of them were in files here.
    reused: u64,
    #[serde(flatten)]
    traffic: Traffic,
}

impl Told for Pulled {
    const VERB: &'static str = "pull";

    fn human(&self) -> String {
        let (files, bytes) = (count(self.n_files, "resource"), size(self.bytes));
        let (id, dir, received) = (&self.id, self.dir.display(), size(self.traffic.received));
        match self.reused {
            0 => format!("pulled {id} into {dir}: {files}, {bytes}\n"),
            reused => {
                let reused = size(reused);
                format!("pulled {id} into {dir}: {files}, {bytes}; received {received}, {reused} were here\n")
            }
        }
    }

    fn quiet(&self) -> Option<String> {
        Some(self.id.to_string())
    }
}

pub(crate) async fn run(args: &PullArgs, context: &Context) -> Result<Exit, Failure> {
    let store = context.store()?;
    let dir = args.dir.clone().unwrap_or_else(|| args.id.name.as_str().into());
    staging::sweep_beside(&dir);
    refuse_existing(&dir)?;
    let resolution = store.resolve(&args.id, args.channel, args.arch).await?;
    let files = match &resolution.resources {
        Some(resources) if !args.no_resources => resources.files.clone(),
        _ => Vec::new(),
    };
    let bytes = resolution.archive.content.size + files.iter().map(|it| it.file.content.size).sum::<u64>();
    context.progress().begin("download", bytes);
    let staging = Staging::beside(&dir)?;
    let fetch = Fetch { store: &store, id: &resolution.id, seeds: context.seeds(), context };
    let items = staging.items(&resolution, &files);
    let reused = staging.fetch(&fetch, &items, &files).await?;
    context.progress().finish();
    fetch.keep_seeds(items).await;
    staging.become_tree(&dir).await?;
    let traffic = store.traffic();
    context.output().result(&Pulled {
        id: resolution.id,
        dir,
        n_files: files.len(),
        bytes,
        reused,
        traffic,
    })?;
    Ok(Exit::Done)
}

fn refuse_existing(dir: &Path) -> Result<(), Failure> {
    if dir.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(Failure::usage(
        format!("`{}` is there already", dir.display()),
        "name another directory, or move it away",
    ))
}

/// The bytes of one revision, on their way.
struct Fetch<'a> {
    store: &'a Store,
    id: &'a Reference,
    seeds: Option<Seeds>,
    context: &'a Context,
}

impl Fetch<'_> {
    /// Fetches a file, unless it is there already from an earlier attempt. Returns how many bytes were here.
    async fn one(&self, item: &Item, to: &Source) -> Result<u64, Failure> {
        let Source { path, content } = to;
        if path.exists() && hash_file(path, Arc::new(())).await? == *content {
            return Ok(content.size);
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let (candidates, progress) = (self.candidates(item, content).await, self.context.progress().clone());
        // A transfer's state is large, and several stand side by side.
        let download = self.store.download_from(self.id, item, content, path, candidates, progress);
        Ok(Box::pin(download).await?)
    }

    /// Returns files that are kept here: this one, and others that stood at its place.
    async fn candidates(&self, item: &Item, content: &Content) -> Vec<Source> {
        let (Some(seeds), Some(base)) = (self.seeds.clone(), self.base()) else { return Vec::new() };
        let (label, content) = (seeding::label(&base, &place_of(item)), *content);
        let look = move || seeds.find(&content).into_iter().chain(seeds.alike(&label)).collect();
        tokio::task::spawn_blocking(look).await.unwrap_or_default()
    }

    async fn keep_seeds(&self, items: Vec<(Item, Source)>) {
        let Some(base) = self.base() else { return };
        let files = items.into_iter().map(|(item, source)| (place_of(&item), source)).collect();
        seeding::keep(self.seeds.clone(), &base, files).await;
    }

    fn base(&self) -> Option<BaseId> {
        Some(BaseId { owner: self.id.owner.clone()?, name: self.id.name.clone() })
    }
}

/// Returns where an item stands in its charm.
fn place_of(item: &Item) -> String {
    match item {
        Item::Archive => "archive".to_owned(),
        Item::Resource(place) => format!("resources/{place}"),
    }
}
