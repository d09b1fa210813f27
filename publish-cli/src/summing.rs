//! Summing up the files of a tree: remembered where nothing changed, read where something may have.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context as _;
use charm_model::digest::Content;
use charm_model::shape::{ManifestFile, Place};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use store_client::{ClientError, hash_file};

use crate::failure::Failure;
use crate::hash_cache::{HashCache, Stamp};
use crate::progress::Meter;

/// Files to be summed up, by their places.
pub(crate) struct Summing<'a> {
    pub(crate) cache: &'a mut HashCache,
    pub(crate) n_jobs: usize,
    pub(crate) progress: &'a Arc<Meter>,
}

/// A file that has to be read.
struct Unread {
    place: Place,
    path: PathBuf,
    stamp: Stamp,
    executable: bool,
}

impl Summing<'_> {
    /// Returns what each file is.
    pub(crate) async fn all(
        self,
        paths: impl IntoIterator<Item = (Place, PathBuf)>,
    ) -> Result<BTreeMap<Place, ManifestFile>, Failure> {
        let (mut files, mut unread, mut n_bytes) = (BTreeMap::new(), Vec::new(), 0);
        for (place, path) in paths {
            let metadata = path.metadata().with_context(|| format!("`{}`", path.display()))?;
            let (stamp, executable) = (Stamp::from(&metadata), is_executable(&metadata));
            if let Some(content) = self.cache.content(&path, &stamp) {
                files.insert(place, ManifestFile { content, executable });
            } else {
                n_bytes += metadata.len();
                unread.push(Unread { place, path, stamp, executable });
            }
        }
        let progress = self.progress;
        progress.begin("hash", n_bytes);
        files.extend(self.read(unread).await?);
        progress.finish();
        Ok(files)
    }

    async fn read(self, unread: Vec<Unread>) -> Result<Vec<(Place, ManifestFile)>, Failure> {
        let Self { cache, n_jobs, progress } = self;
        let began = now();
        let reads = stream::iter(unread).map(|file| async move {
            let content = file.read(progress).await?;
            Ok::<_, Failure>((file, content))
        });
        let read: Vec<(Unread, Content)> = reads.buffer_unordered(n_jobs).try_collect().await?;
        for (file, content) in &read {
            cache.learn(&file.path, file.stamp, *content, began);
        }
        cache.save();
        let file =
            |(Unread { place, executable, .. }, content)| (place, ManifestFile { content, executable });
        Ok(read.into_iter().map(file).collect())
    }
}

impl Unread {
    /// Reads the file, which must not change meanwhile.
    async fn read(&self, progress: &Arc<Meter>) -> Result<Content, Failure> {
        let content = hash_file(&self.path, progress.clone()).await?;
        if stamp(&self.path)? != self.stamp {
            return Err(ClientError::Changed(self.path.clone()).into());
        }
        Ok(content)
    }
}

fn stamp(path: &Path) -> Result<Stamp, Failure> {
    Ok(Stamp::of(path).with_context(|| format!("`{}`", path.display()))?)
}

fn is_executable(metadata: &Metadata) -> bool {
    metadata.permissions().mode() & 0o111 != 0
}

#[expect(clippy::disallowed_methods, reason = "how old a file is, is between its clock and the machine's")]
fn now() -> SystemTime {
    SystemTime::now()
}
