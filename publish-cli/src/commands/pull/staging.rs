//! Where a pull stands before it is whole: `.NAME.pull`, beside the directory that it becomes.
//!
//! ```text
//! .NAME.pull/lock          held by the process at work; the kernel takes it back from one that dies
//!            archive.zip
//!            resources/    as they will stand in the tree
//!            tree/         the archive unpacked
//! ```
//!
//! After an interruption it stays, and the same command goes on with it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use charm_archive::{Archive, ArchiveLimits};
use charm_model::timestamp::Timestamp;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use store_client::{ClientError, Item, Source, durable};
use v4_wire::publish::StreamFile;
use v4_wire::resolve::Resolution;

use super::Fetch;
use crate::failure::Failure;
use crate::moment::now;

const SUFFIX: &str = ".pull";
const LOCK: &str = "lock";
const RESOURCES: &str = "resources";

/// What the lock of a directory of ours holds.
const OURS: &[u8] = b"charm-publish pull\n";

/// After so long, what an interrupted pull has left is not gone on with any more.
const LEFTOVER_AFTER: Duration = Duration::from_hours(7 * 24);

/// What has been fetched so far, beside the directory that it becomes.
pub(super) struct Staging {
    path: PathBuf,
    _lock: Lock,
}

impl Staging {
    /// Makes the directory, or goes on with one that an earlier process has left.
    ///
    /// # Errors
    ///
    /// [`ClientError::Busy`] while another process pulls to the same place.
    pub(super) fn beside(dir: &Path) -> Result<Self, Failure> {
        let name = dir.file_name().and_then(|it| it.to_str());
        let name = name
            .ok_or_else(|| Failure::usage("the directory has no name", "name one that does not exist yet"))?;
        let path = dir.with_file_name(format!(".{name}{SUFFIX}"));
        fs::create_dir_all(&path).with_context(|| format!("`{}`", path.display()))?;
        let lock = Lock::take(&path).with_context(|| format!("`{}`", path.display()))?;
        let lock = lock.ok_or_else(|| ClientError::Busy(dir.to_owned()))?;
        let staging = Self { path, _lock: lock };
        staging.take_resources_back()?;
        Ok(staging)
    }

    /// Takes the resources out of a tree that came to nothing, so that they are not fetched again.
    fn take_resources_back(&self) -> io::Result<()> {
        let in_tree = self.tree().join(RESOURCES);
        if in_tree.exists() && !self.resources().exists() {
            fs::rename(in_tree, self.resources())?;
        }
        Ok(())
    }

    fn archive(&self) -> PathBuf {
        self.path.join("archive.zip")
    }

    fn tree(&self) -> PathBuf {
        self.path.join("tree")
    }

    fn resources(&self) -> PathBuf {
        self.path.join(RESOURCES)
    }

    /// Returns what is fetched, and where to.
    pub(super) fn items(&self, resolution: &Resolution, files: &[StreamFile]) -> Vec<(Item, Source)> {
        let archive = Source { path: self.archive(), content: resolution.archive.content };
        let resources = files.iter().map(|it| {
            let path = self.resources().join(it.place.to_string());
            (Item::Resource(it.place.clone()), Source { path, content: it.file.content })
        });
        [(Item::Archive, archive)].into_iter().chain(resources).collect()
    }

    /// Fetches everything. Returns how many bytes were in files here.
    pub(super) async fn fetch(
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
    pub(super) async fn become_tree(self, dir: &Path) -> Result<(), Failure> {
        let dir = dir.to_owned();
        tokio::task::spawn_blocking(move || self.lay_out(&dir)).await.map_err(anyhow::Error::from)?
    }

    fn lay_out(&self, dir: &Path) -> Result<(), Failure> {
        let tree = self.tree();
        if tree.exists() {
            fs::remove_dir_all(&tree)?;
        }
        let mut file = File::open(self.archive())?;
        let size = file.metadata()?.len();
        let archive =
            Archive::read(&mut file, size, &ArchiveLimits::default()).map_err(anyhow::Error::from)?;
        charm_archive::unpack(&mut file, &archive, &tree).map_err(anyhow::Error::from)?;
        if self.resources().exists() {
            durable::flush_directories(&self.resources())?;
            fs::rename(self.resources(), tree.join(RESOURCES))?;
        }
        durable::flush(&tree)?;
        fs::rename(&tree, dir).with_context(|| format!("`{}`", dir.display()))?;
        durable::flush_parent(dir)?;
        Ok(remove(&self.path)?)
    }
}

/// The right to a staging directory.
struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock, which is made if need be. `None` if another process has it, or was about to remove it.
    fn take(dir: &Path) -> io::Result<Option<Self>> {
        let path = dir.join(LOCK);
        let file = File::options().write(true).create(true).truncate(false).open(&path)?;
        let Some(mut lock) = Self::of(file, &path)? else { return Ok(None) };
        // Says whose the directory is, and by its time when somebody last was at work.
        lock.file.set_len(0)?;
        lock.file.write_all(OURS)?;
        Ok(Some(lock))
    }

    fn of(file: File, path: &Path) -> io::Result<Option<Self>> {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let there = fs::metadata(path).ok().map(|it| (it.dev(), it.ino()));
        let ours = file.metadata()?;
        Ok((there == Some((ours.dev(), ours.ino()))).then_some(Self { file }))
    }
}

/// Removes what earlier pulls have left beside a directory: those that came to their end and were killed behind it, and
/// those that nobody has gone on with for long. What cannot be removed costs no more than its room.
pub(super) fn sweep_beside(dir: &Path) {
    let parent = dir.parent().filter(|it| *it != Path::new("")).unwrap_or(Path::new("."));
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let target = name.to_str().and_then(|it| it.strip_prefix('.')?.strip_suffix(SUFFIX));
        let is_directory = entry.file_type().is_ok_and(|it| it.is_dir());
        if let Some(target) = target.filter(|_| is_directory) {
            let _ = sweep(&entry.path(), &parent.join(target));
        }
    }
}

fn sweep(staging: &Path, target: &Path) -> io::Result<()> {
    let path = staging.join(LOCK);
    let file = match File::open(&path) {
        // One that was killed while it removed itself; a directory of anybody else's is not empty, or is not missed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return fs::remove_dir(staging),
        file => file?,
    };
    let Some(lock) = Lock::of(file, &path)? else { return Ok(()) };
    if fs::read(&path)? != OURS {
        return Ok(());
    }
    let at_work = Timestamp::from(lock.file.metadata()?.modified()?);
    let is_over = target.symlink_metadata().is_ok() || now().since(at_work) > LEFTOVER_AFTER;
    if is_over { remove(staging) } else { Ok(()) }
}

/// Removes a staging directory whose lock is held, and the lock last: whoever is killed in here leaves it to be swept.
fn remove(staging: &Path) -> io::Result<()> {
    for entry in fs::read_dir(staging)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else if entry.file_name() != LOCK {
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_file(staging.join(LOCK))?;
    fs::remove_dir(staging)
}

fn set_mode(path: &Path, is_executable: bool) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = if is_executable { 0o755 } else { 0o644 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(durable::flush(path)?)
}
