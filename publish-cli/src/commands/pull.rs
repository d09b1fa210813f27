//! `pull`: a charm and its resources as an author's tree. The directory appears when all of it is there and right.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use charm_archive::{Archive, ArchiveLimits};
use charm_model::digest::Content;
use charm_model::reference::Reference;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use store_client::{Item, Store, hash_file};
use v4_wire::publish::StreamFile;
use v4_wire::resolve::Resolution;

use crate::cli::PullArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Told;
use crate::text::{count, size};

#[derive(Serialize)]
struct Pulled {
    id: Reference,
    dir: PathBuf,
    n_files: usize,
    bytes: u64,
}

impl Told for Pulled {
    const VERB: &'static str = "pull";

    fn human(&self) -> String {
        let (files, bytes) = (count(self.n_files, "resource"), size(self.bytes));
        format!("pulled {} into {}: {files}, {bytes}\n", self.id, self.dir.display())
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
    staging.fetch(&store, &resolution, &files, context).await?;
    context.progress().finish();
    staging.become_tree(&dir).await?;
    context.output().result(&Pulled { id: resolution.id, dir, n_files: files.len(), bytes })?;
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

    async fn fetch(
        &self,
        store: &Store,
        resolution: &Resolution,
        files: &[StreamFile],
        context: &Context,
    ) -> Result<(), Failure> {
        // Left from another revision, files would come along that this one does not have.
        self.keep_only(files)?;
        let archive = (Item::Archive, resolution.archive.content, self.archive());
        let resources = files.iter().map(|it| {
            let path = self.resources().join(it.place.to_string());
            (Item::Resource(it.place.clone()), it.file.content, path)
        });
        let id = &resolution.id;
        let fetched =
            stream::iter([archive].into_iter().chain(resources)).map(|(item, content, path)| async move {
                fetch_one(store, id, &item, &content, &path, context).await
            });
        fetched.buffer_unordered(store.options().n_parallel).try_collect::<()>().await?;
        files
            .iter()
            .try_for_each(|it| set_mode(&self.resources().join(it.place.to_string()), it.file.executable))
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

/// Fetches a file, unless it is there already from an earlier attempt.
async fn fetch_one(
    store: &Store,
    id: &Reference,
    item: &Item,
    expected: &Content,
    path: &Path,
    context: &Context,
) -> Result<(), Failure> {
    if path.exists() && hash_file(path, Arc::new(())).await? == *expected {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    Ok(store.download(id, item, expected, path, context.progress().clone()).await?)
}

fn set_mode(path: &Path, is_executable: bool) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = if is_executable { 0o755 } else { 0o644 };
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}
