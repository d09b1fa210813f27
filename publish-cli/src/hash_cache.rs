//! What a tree's files were when they were last summed up, so that unchanged ones need not be read again.
//!
//! It saves time and decides nothing: what is sent or proved is checked again while it is read, and whoever deletes
//! the cache, or damages it, loses time alone. One sealed file per tree, under `$XDG_CACHE_HOME/charm-publish/hashes/`.

mod stamp;

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use charm_model::digest::Content;
use etcetera::BaseStrategy as _;
use serde::{Deserialize, Serialize};

pub(crate) use self::stamp::Stamp;
use crate::sealed::{self, Format};

/// The format; whoever finds another begins anew.
const FORMAT: Format = Format { version: "charm-publish hashes 1", max_bytes: 64 << 20 };

/// The most files of one tree that are remembered.
const MAX_FILES: usize = 100_000;

/// The most trees that are remembered; the longest unused is forgotten first.
const MAX_TREES: usize = 64;

/// The cache of one tree.
#[derive(Debug)]
pub(crate) struct HashCache {
    tree: PathBuf,
    /// Where it is kept; none where it is turned off.
    file: Option<PathBuf>,
    files: BTreeMap<String, Known>,
    is_changed: bool,
}

/// What a file was, and how to tell that it still is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    stamp: Stamp,
    content: Content,
}

impl HashCache {
    /// Opens the cache of a tree in the user's cache directory. Where there is none, it is as good as turned off.
    pub(crate) fn of(tree: &Path) -> Self {
        match etcetera::choose_base_strategy() {
            Ok(base) => Self::under(&base.cache_dir().join("charm-publish/hashes"), tree),
            Err(_) => Self::off(tree),
        }
    }

    /// Returns a cache that knows nothing and keeps nothing.
    pub(crate) fn off(tree: &Path) -> Self {
        Self { tree: tree.to_owned(), file: None, files: BTreeMap::new(), is_changed: false }
    }

    fn under(dir: &Path, tree: &Path) -> Self {
        let Ok(canonical) = tree.canonicalize() else { return Self::off(tree) };
        let name = Content::of(canonical.as_os_str().as_bytes()).digests.blake3.to_hex();
        let file = dir.join(name);
        let files = FORMAT.read(&file).unwrap_or_default();
        Self { file: Some(file), files, ..Self::off(tree) }
    }

    /// Returns what a file is, if its stamp is the one that it had when it was summed up.
    pub(crate) fn content(&self, path: &Path, stamp: &Stamp) -> Option<Content> {
        let known = self.files.get(self.key(path)?)?;
        (known.stamp == *stamp).then_some(known.content)
    }

    /// Remembers what a file was between two equal stamps, unless it may have changed since without a trace.
    pub(crate) fn learn(&mut self, path: &Path, stamp: Stamp, content: Content, read_at: SystemTime) {
        let Some(key) = self.key(path).map(str::to_owned) else { return };
        if stamp.is_settled(read_at) {
            self.files.insert(key, Known { stamp, content });
            self.is_changed = true;
        } else {
            self.forget(path);
        }
    }

    /// Forgets a file that was not what it was remembered as.
    pub(crate) fn forget(&mut self, path: &Path) {
        let key = self.key(path).map(str::to_owned);
        self.is_changed |= key.is_some_and(|key| self.files.remove(&key).is_some());
    }

    /// Writes down what changed. Of two processes that do so at once, the later one's is kept, whole.
    pub(crate) fn save(&mut self) {
        let Some(file) = self.file.as_ref().filter(|_| self.is_changed) else { return };
        self.files.retain(|path, _| self.tree.join(path).exists());
        while self.files.len() > MAX_FILES {
            self.files.pop_last();
        }
        // A cache that cannot be written, on a full disk or a foreign one, is no reason not to publish.
        let _ = FORMAT.write(file, &self.files);
        let _ = sealed::keep_newest(file.parent().unwrap_or(Path::new(".")), MAX_TREES);
        self.is_changed = false;
    }

    /// Returns a file's name in the cache; none for one that has no place there.
    fn key<'a>(&self, path: &'a Path) -> Option<&'a str> {
        path.strip_prefix(&self.tree).ok()?.to_str()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::Duration;

    use super::*;

    struct Ground {
        dir: tempfile::TempDir,
    }

    impl Ground {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir(dir.path().join("tree")).unwrap();
            Self { dir }
        }

        fn tree(&self) -> PathBuf {
            self.dir.path().join("tree")
        }

        fn cache(&self) -> HashCache {
            HashCache::under(&self.dir.path().join("hashes"), &self.tree())
        }

        fn file(&self, bytes: &str) -> PathBuf {
            let path = self.tree().join("a");
            fs::write(&path, bytes).unwrap();
            path
        }

        /// Learns a file as if it had been read a minute from now, and returns where the cache is kept.
        fn learn(&self, path: &Path) -> PathBuf {
            let mut cache = self.cache();
            let content = Content::of(&fs::read(path).unwrap());
            let stamp = Stamp::of(path).unwrap();
            cache.learn(path, stamp, content, stamp_time(path) + Duration::from_mins(1));
            cache.save();
            cache.file.unwrap()
        }

        fn known(&self, path: &Path) -> Option<Content> {
            self.cache().content(path, &Stamp::of(path).unwrap())
        }
    }

    fn stamp_time(path: &Path) -> SystemTime {
        fs::metadata(path).unwrap().modified().unwrap()
    }

    #[test]
    fn an_unchanged_file_is_known_to_the_next_process() {
        let ground = Ground::new();
        let path = ground.file("right");
        assert_eq!(ground.known(&path), None);
        ground.learn(&path);
        assert_eq!(ground.known(&path), Some(Content::of(b"right")));
    }

    #[test]
    fn an_edit_of_the_same_size_that_puts_the_time_back_is_seen() {
        let ground = Ground::new();
        let path = ground.file("right");
        let modified = stamp_time(&path);
        ground.learn(&path);
        // The clock of the file system ticks every few milliseconds.
        std::thread::sleep(Duration::from_millis(20));
        ground.file("wrong");
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert_eq!(stamp_time(&path), modified);
        assert_eq!(ground.known(&path), None);
    }

    #[test]
    fn another_file_under_the_same_name_is_seen() {
        let ground = Ground::new();
        let path = ground.file("right");
        let modified = stamp_time(&path);
        ground.learn(&path);
        let other = ground.tree().join("other");
        fs::write(&other, "wrong").unwrap();
        File::options().write(true).open(&other).unwrap().set_modified(modified).unwrap();
        fs::rename(&other, &path).unwrap();
        assert_eq!(ground.known(&path), None);
    }

    #[test]
    fn a_file_that_changed_a_moment_before_it_was_read_is_not_remembered() {
        let ground = Ground::new();
        let path = ground.file("right");
        ground.learn(&path);
        let mut cache = ground.cache();
        cache.learn(&path, Stamp::of(&path).unwrap(), Content::of(b"right"), stamp_time(&path));
        cache.save();
        assert_eq!(ground.known(&path), None);
    }

    #[test]
    fn a_file_that_was_not_what_it_was_remembered_as_is_forgotten() {
        let ground = Ground::new();
        let path = ground.file("right");
        ground.learn(&path);
        let mut cache = ground.cache();
        cache.forget(&path);
        cache.save();
        assert_eq!(ground.known(&path), None);
    }

    #[test]
    fn a_cache_with_any_byte_damaged_is_as_good_as_none() {
        let ground = Ground::new();
        let path = ground.file("right");
        let file = ground.learn(&path);
        let whole = fs::read(&file).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&file, damaged).unwrap();
            assert_eq!(ground.known(&path), None, "byte {at}");
        }
        fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        assert_eq!(ground.known(&path), None);
        ground.learn(&path);
        assert!(ground.known(&path).is_some(), "and is written anew");
    }

    #[test]
    fn a_directory_of_many_trees_stays_small() {
        let ground = Ground::new();
        let path = ground.file("right");
        let dir = ground.dir.path().join("hashes");
        fs::create_dir(&dir).unwrap();
        for n in 0..MAX_TREES + 3 {
            let old = File::create(dir.join(n.to_string())).unwrap();
            old.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }
        ground.learn(&path);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), MAX_TREES);
        assert!(ground.known(&path).is_some());
    }

    #[test]
    fn a_cache_that_is_turned_off_or_cannot_be_written_does_no_harm() {
        let ground = Ground::new();
        let path = ground.file("right");
        fs::write(ground.dir.path().join("hashes"), "a file where the directory should be").unwrap();
        ground.learn_nowhere(HashCache::off(&ground.tree()), &path);
        ground.learn_nowhere(ground.cache(), &path);
        assert_eq!(ground.known(&path), None);
    }

    impl Ground {
        fn learn_nowhere(&self, mut cache: HashCache, path: &Path) {
            let late = stamp_time(path) + Duration::from_mins(1);
            cache.learn(path, Stamp::of(path).unwrap(), Content::of(b"right"), late);
            cache.save();
            assert!(self.dir.path().join("hashes").is_file());
        }
    }
}
