//! Small files that are kept because they save time, and never believed further than they can be checked: a line with
//! the format's version and the checksum of the rest, then JSON.
//!
//! They are written whole beside their place, readable by their owner alone, and not flushed: after a power failure the
//! checksum tells, and time is all that is lost.

use std::fs::{self, DirBuilder, DirEntry, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use charm_model::digest::Content;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::NamedTempFile;

/// What kind of file it is, in which version, and how large one may be, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Format {
    pub(crate) version: &'static str,
    pub(crate) max_bytes: u64,
}

impl Format {
    /// Reads a file; none that is whole, of this version and of a sane size is as good as none.
    pub(crate) fn read<T: DeserializeOwned>(self, file: &Path) -> Option<T> {
        let mut bytes = Vec::new();
        let n_bytes = File::open(file).ok()?.take(self.max_bytes + 1).read_to_end(&mut bytes).ok()? as u64;
        let head_end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (head, body) = (&bytes[..head_end], &bytes[head_end + 1..]);
        let is_whole = n_bytes <= self.max_bytes && head == self.head(body).as_bytes();
        is_whole.then(|| serde_json::from_slice(body).ok())?
    }

    /// Writes a file, and the directories above it. Of two processes that do so at once, the later one's is kept, whole.
    pub(crate) fn write(self, file: &Path, value: &impl Serialize) -> io::Result<()> {
        let dir = file.parent().unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let body = serde_json::to_vec(value)?;
        let mut out = NamedTempFile::new_in(dir)?;
        out.write_all(format!("{}\n", self.head(&body)).as_bytes())?;
        out.write_all(&body)?;
        out.persist(file)?;
        Ok(())
    }

    fn head(self, body: &[u8]) -> String {
        format!("{} {}", self.version, Content::of(body).digests.blake3)
    }
}

/// Removes the oldest files of a directory that has too many, leftovers of crashes among them.
pub(crate) fn keep_newest(dir: &Path, n_files: usize) -> io::Result<()> {
    let mut files: Vec<DirEntry> = fs::read_dir(dir)?.collect::<Result<_, _>>()?;
    files.sort_by_cached_key(|file| file.metadata().and_then(|it| it.modified()).ok());
    let n_surplus = files.len().saturating_sub(n_files);
    // Another process may have removed it first.
    files[..n_surplus].iter().for_each(|file| drop(fs::remove_file(file.path())));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const FORMAT: Format = Format { version: "words 1", max_bytes: 1000 };

    #[test]
    fn a_file_is_its_owner_s_alone_and_so_is_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("made/file");
        FORMAT.write(&file, &"word").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        assert_eq!(FORMAT.read(&file), Some("word".to_owned()));
    }

    #[test]
    fn a_file_of_another_version_or_too_large_is_as_good_as_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        Format { version: "words 2", ..FORMAT }.write(&file, &"word").unwrap();
        assert_eq!(FORMAT.read::<String>(&file), None);
        FORMAT.write(&file, &"word".repeat(250)).unwrap();
        assert_eq!(FORMAT.read::<String>(&file), None);
    }
}
