//! Seeds: files that are kept on this machine because the next ones will be much like them.
//!
//! ```text
//! DIR/SHA256.BLAKE3.SIZE.LABEL    a file, and what it was; its time of change is when it was last of use
//! DIR/.new-…                      one that is being copied
//! ```
//!
//! Nothing here is believed: whoever uses a seed sums it up. So nothing is flushed, and whoever deletes the directory,
//! or damages a file in it, loses time alone. Several processes may keep and drop files at once.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use charm_model::digest::{Content, Digests};
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens, ioctl_ficlone};
use tempfile::NamedTempFile;

use crate::local_map::{MIN_DELTA_BYTES, open_regular};
use crate::publish::Source;

/// How many bytes are kept unless somebody says otherwise: 2 GiB.
const LIMIT_BYTES: u64 = 2 << 30;

/// What part of all seeds one file may be.
const MAX_SHARE: u64 = 4;

/// How many files of one label are looked at.
const MAX_ALIKE: usize = 3;

/// After so long, what a killed process has left half-copied is swept.
const LEFTOVER_AFTER: Duration = Duration::from_hours(1);

/// A directory of seeds.
#[derive(Debug, Clone)]
pub struct Seeds {
    dir: PathBuf,
    limit_bytes: u64,
}

/// A file that is kept.
struct Seed {
    source: Source,
    label: String,
    used: SystemTime,
}

impl Seeds {
    /// Takes a directory, which is made when there is something to keep.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), limit_bytes: LIMIT_BYTES }
    }

    /// Keeps at most so many bytes.
    #[must_use]
    pub fn limited_to(self, limit_bytes: u64) -> Self {
        Self { limit_bytes, ..self }
    }

    /// Returns where the bytes of that content should be, if they are kept. Blocks.
    pub fn find(&self, content: &Content) -> Option<Source> {
        let seed = self.list().into_iter().find(|it| it.source.content == *content)?;
        touch(&seed.source.path);
        Some(seed.source)
    }

    /// Returns the files that were kept under that label, those last used first. Blocks.
    pub fn alike(&self, label: &str) -> Vec<Source> {
        let label = short(label);
        let mut seeds: Vec<Seed> = self.list().into_iter().filter(|it| it.label == label).collect();
        seeds.sort_by_key(|it| std::cmp::Reverse(it.used));
        seeds.truncate(MAX_ALIKE);
        let sources: Vec<Source> = seeds.into_iter().map(|it| it.source).collect();
        for source in &sources {
            touch(&source.path);
        }
        sources
    }

    /// Keeps a file under a label that its successors will have too, such as its charm and its place there; what was
    /// not of use for the longest time makes room. Too small or too large a file is not kept. Blocks.
    pub fn keep(&self, content: &Content, label: &str, file: &Path) -> io::Result<()> {
        if !(MIN_DELTA_BYTES..=self.limit_bytes / MAX_SHARE).contains(&content.size) {
            return Ok(());
        }
        fs::create_dir_all(&self.dir)?;
        let path = self.dir.join(name(content, &short(label)));
        let Some(used) = self.keep_as(&path, content, file)? else { return Ok(()) };
        self.make_room(used);
        Ok(())
    }

    /// Returns when the file was kept; nothing if it is not what it is said to be, or was kept before.
    fn keep_as(&self, path: &Path, content: &Content, file: &Path) -> io::Result<Option<SystemTime>> {
        if path.metadata().is_ok_and(|it| it.len() == content.size) {
            touch(path);
            return Ok(None);
        }
        let mut from = open_regular(file)?;
        if from.metadata()?.len() != content.size {
            return Ok(None);
        }
        let mut copy = NamedTempFile::with_prefix_in(".new-", &self.dir)?;
        // Where the file system shares blocks, a seed takes no room until one of the two changes.
        if ioctl_ficlone(copy.as_file(), &from).is_err() {
            io::copy(&mut from, copy.as_file_mut())?;
        }
        let used = copy.as_file().metadata()?.modified()?;
        copy.persist(path)?;
        Ok(Some(used))
    }

    fn make_room(&self, now: SystemTime) {
        let mut seeds = self.list();
        seeds.sort_by_key(|it| std::cmp::Reverse(it.used));
        let mut n_bytes = 0;
        for seed in seeds {
            n_bytes += seed.source.content.size;
            if n_bytes > self.limit_bytes {
                // Another process may have been faster.
                let _ = fs::remove_file(&seed.source.path);
            }
        }
        self.sweep(now);
    }

    fn sweep(&self, now: SystemTime) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let is_new = entry.file_name().as_encoded_bytes().starts_with(b".new-");
            let changed = entry.metadata().and_then(|it| it.modified());
            let age = changed.ok().and_then(|it| now.duration_since(it).ok());
            if is_new && age.is_some_and(|age| age > LEFTOVER_AFTER) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Lists what is kept. A directory that is not there, or cannot be read, keeps nothing.
    fn list(&self) -> Vec<Seed> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let seed = |entry: fs::DirEntry| {
            let (content, label) = parse(entry.file_name().to_str()?)?;
            let used = entry.metadata().ok()?.modified().ok()?;
            Some(Seed { source: Source { path: entry.path(), content }, label, used })
        };
        entries.filter_map(seed).collect()
    }
}

fn name(content: &Content, label: &str) -> String {
    let Digests { sha256, blake3 } = content.digests;
    format!("{}.{}.{}.{label}", sha256.to_hex(), blake3.to_hex(), content.size)
}

fn parse(name: &str) -> Option<(Content, String)> {
    let mut parts = name.split('.');
    let (sha256, blake3) = (parts.next()?, parts.next()?);
    let digests = Digests {
        sha256: format!("sha256:{sha256}").parse().ok()?,
        blake3: format!("blake3:{blake3}").parse().ok()?,
    };
    let content = Content { size: parts.next()?.parse().ok()?, digests };
    Some((content, parts.next()?.to_owned()))
}

/// Returns a label as it stands in a name: of one length, and without what a name cannot have.
fn short(label: &str) -> String {
    blake3::hash(label.as_bytes()).to_hex()[..16].to_owned()
}

/// Takes note that a file was of use. If that fails, it goes earlier than it should.
fn touch(path: &Path) {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let _ =
        File::open(path).map(|file| futimens(file, &Timestamps { last_access: now, last_modification: now }));
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 200_000;

    struct Fixture {
        dir: tempfile::TempDir,
        seeds: Seeds,
    }

    impl Fixture {
        fn of(limit_bytes: u64) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let seeds = Seeds::at(dir.path().join("seeds")).limited_to(limit_bytes);
            Self { dir, seeds }
        }

        fn keep(&self, byte: u8, label: &str) -> Content {
            let (path, bytes) = (self.dir.path().join("file"), vec![byte; SIZE]);
            fs::write(&path, &bytes).unwrap();
            let content = Content::of(&bytes);
            self.seeds.keep(&content, label, &path).unwrap();
            content
        }

        /// Makes that seed look as if it had not been of use for so long.
        fn age(&self, content: &Content, by: Duration) {
            let path =
                self.seeds.list().into_iter().find(|it| it.source.content == *content).unwrap().source.path;
            let file = File::options().write(true).open(path).unwrap();
            let before = file.metadata().unwrap().modified().unwrap() - by;
            file.set_modified(before).unwrap();
        }
    }

    #[test]
    fn what_is_kept_is_found_by_what_it_is_and_by_its_label() {
        let fixture = Fixture::of(1 << 30);
        let (one, other) = (fixture.keep(1, "joe/mysql/archive"), fixture.keep(2, "joe/mysql/archive"));
        fixture.age(&one, Duration::from_mins(1));
        assert!(fs::read(fixture.seeds.find(&one).unwrap().path).unwrap() == vec![1; SIZE]);
        fixture.age(&one, Duration::from_mins(1));
        let alike: Vec<Content> =
            fixture.seeds.alike("joe/mysql/archive").into_iter().map(|it| it.content).collect();
        assert_eq!(alike, [other, one]);
        assert!(fixture.seeds.alike("joe/mysql/common/a").is_empty());
    }

    #[test]
    fn what_was_not_of_use_for_the_longest_time_makes_room() {
        let fixture = Fixture::of(1_000_000);
        let kept: Vec<Content> = (0..5).map(|byte| fixture.keep(byte, "label")).collect();
        for (content, minutes) in kept.iter().zip([5, 4, 3, 2, 1]) {
            fixture.age(content, Duration::from_mins(minutes));
        }
        fixture.seeds.find(&kept[0]).unwrap();
        fixture.keep(9, "label");
        assert!(fixture.seeds.find(&kept[0]).is_some() && fixture.seeds.find(&kept[1]).is_none());
        assert_eq!(fixture.seeds.list().len(), 5);
    }

    #[test]
    fn a_file_that_would_take_all_the_room_is_not_kept() {
        let fixture = Fixture::of(799_999);
        let content = fixture.keep(1, "label");
        assert!(fixture.seeds.find(&content).is_none());
    }

    #[test]
    fn what_a_killed_process_has_left_goes_after_a_while() {
        let fixture = Fixture::of(1 << 30);
        fixture.keep(1, "label");
        let left = fixture.seeds.dir.join(".new-left");
        fs::write(&left, "half").unwrap();
        fixture.keep(2, "label");
        assert!(left.exists());
        let long_ago = left.metadata().unwrap().modified().unwrap() - 2 * LEFTOVER_AFTER;
        File::options().write(true).open(&left).unwrap().set_modified(long_ago).unwrap();
        fixture.keep(3, "label");
        assert!(!left.exists());
    }
}
