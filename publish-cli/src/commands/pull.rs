//! `pull`: a charm and its resources as an author's tree. The directory appears when all of it is there and right.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use charm_archive::{Archive, ArchiveLimits};
use charm_model::digest::Content;
use charm_model::reference::{BaseId, Reference};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use store_client::{Item, Seeds, Source, Store, Traffic, hash_file};
use terminal::{count, size};
use v4_wire::publish::StreamFile;
use v4_wire::resolve::Resolution;

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

/// What has been fetched so far, beside the directory that it becomes. Stays there after an interruption.
struct Staging(PathBuf);

impl Staging {
    fn beside(dir: &Path) -> Result<Self, Failure> {
        let name = dir.file_name().and_then(|it| it.to_str());
        let name = name
            .ok_or_else(|| Failure::usage("the directory has no name", "name one that does not exist yet"))?;
        let path = dir.with_file_name(format!(".{name}.pull"));
        fs::create_dir_all(&path).with_context(|| format!("`{}`", path.display()))?;
        Ok(Self(path))
    }

    fn archive(&self) -> PathBuf {
        self.0.join("archive.zip")
    }

    fn resources(&self) -> PathBuf {
        self.0.join("resources")
    }

    /// Returns what is fetched, and where to.
    fn items(&self, resolution: &Resolution, files: &[StreamFile]) -> Vec<(Item, Source)> {
        let archive = Source { path: self.archive(), content: resolution.archive.content };
        let resources = files.iter().map(|it| {
            let path = self.resources().join(it.place.to_string());
            (Item::Resource(it.place.clone()), Source { path, content: it.file.content })
        });
        [(Item::Archive, archive)].into_iter().chain(resources).collect()
    }

    /// Fetches everything. Returns how many bytes were in files here.
    async fn fetch(
        &self,
        fetch: &Fetch<'_>,
        items: &[(Item, Source)],
        files: &[StreamFile],
    ) -> Result<u64, Failure> {
        // Left from another revision, files would come along that this one does not have.
        self.keep_only(files)?;
        let fetched = stream::iter(items).map(|(item, to)| fetch.one(item, to));
        let fetched = fetched.buffer_unordered(fetch.store.options().n_parallel);
        let reused = fetched.try_fold(0, |sum, reused| std::future::ready(Ok(sum + reused))).await?;
        files
            .iter()
            .try_for_each(|it| set_mode(&self.resources().join(it.place.to_string()), it.file.executable))?;
        Ok(reused)
    }

    fn keep_only(&self, files: &[StreamFile]) -> Result<(), Failure> {
        let wanted: Vec<PathBuf> =
            files.iter().map(|it| self.resources().join(it.place.to_string())).collect();
        for entry in walkdir::WalkDir::new(self.resources()).into_iter().filter_map(Result::ok) {
            let is_part = entry.path().extension().is_some_and(|it| it == "part");
            if !entry.file_type().is_dir() && !is_part && !wanted.iter().any(|it| it == entry.path()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Unpacks the archive, puts the resources beside it, and gives the whole its name.
    async fn become_tree(self, dir: &Path) -> Result<(), Failure> {
        let dir = dir.to_owned();
        tokio::task::spawn_blocking(move || self.lay_out(&dir)).await.map_err(anyhow::Error::from)?
    }

    fn lay_out(&self, dir: &Path) -> Result<(), Failure> {
        let tree = self.0.join("tree");
        if tree.exists() {
            fs::remove_dir_all(&tree)?;
        }
        let mut file = File::open(self.archive())?;
        let size = file.metadata()?.len();
        let archive =
            Archive::read(&mut file, size, &ArchiveLimits::default()).map_err(anyhow::Error::from)?;
        charm_archive::unpack(&mut file, &archive, &tree).map_err(anyhow::Error::from)?;
        if self.resources().exists() {
            fs::rename(self.resources(), tree.join("resources"))?;
        }
        fs::rename(&tree, dir).with_context(|| format!("`{}`", dir.display()))?;
        fs::remove_dir_all(&self.0)?;
        Ok(())
    }
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

fn set_mode(path: &Path, is_executable: bool) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = if is_executable { 0o755 } else { 0o644 };
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}
