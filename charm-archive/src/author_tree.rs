//! An author's directory as plain data.
//!
//! Nothing is opened but the YAML files that say what the charm is, and no link is followed out of the
//! directory.

mod ignored;

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;

use charm_model::finding::{Code, Finding};
use charm_model::tree::{AuthorTree, EntryKind, TreeEntry};
use walkdir::{DirEntry, WalkDir};

use self::ignored::Ignored;
use crate::error::ArchiveError;
use crate::limits::{MAX_TEXT_BYTES, TEXT_FILES};
use crate::path::printable;

/// Where resources stand in an author's directory; never part of the charm.
const RESOURCES: &str = "resources";

/// Reads an author's directory, and returns it with what is wrong with its names.
///
/// Ignored are the version control systems' directories, `.tox`, `build` and what else Juju ignores, and what
/// `.jujuignore` says. Names that are not UTF-8 stand in the tree with replacement characters, and each makes
/// a finding. A YAML file that is too long ends behind [`MAX_TEXT_BYTES`], where the model's reader refuses
/// it.
pub fn read(dir: &Path) -> Result<(AuthorTree, Vec<Finding>), ArchiveError> {
    let ignored = Ignored::read(dir)?;
    let mut findings = Vec::new();
    let is_charm = |it: &DirEntry| {
        let path = it.path().strip_prefix(dir).unwrap_or(it.path());
        path != Path::new(RESOURCES) && !ignored.matches(path, it.file_type().is_dir())
    };
    let charm = read_entries(dir, is_charm, &mut findings)?;
    let resources = read_resources(dir, &mut findings)?;
    Ok((AuthorTree { charm, resources, texts: read_texts(dir)? }, findings))
}

fn read_resources(dir: &Path, findings: &mut Vec<Finding>) -> Result<Vec<TreeEntry>, ArchiveError> {
    let dir = dir.join(RESOURCES);
    match dir.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => read_entries(&dir, |_| true, findings),
        Ok(_) => {
            let finding = Finding::error(Code::FileKind, "`resources` is not a directory");
            findings.push(finding.in_file(RESOURCES).help("make it one; a bind mount does, a link does not"));
            Ok(Vec::new())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(&dir)(error)),
    }
}

/// Reads what a directory holds, sorted by path, and nothing below what is not wanted.
fn read_entries(
    dir: &Path,
    is_wanted: impl Fn(&DirEntry) -> bool,
    findings: &mut Vec<Finding>,
) -> Result<Vec<TreeEntry>, ArchiveError> {
    let mut entries = Vec::new();
    for entry in
        WalkDir::new(dir).min_depth(1).into_iter().filter_entry(|it| it.depth() == 0 || is_wanted(it))
    {
        let entry = entry.map_err(|error| failed(error.path().unwrap_or(dir))(walk_error(error)))?;
        entries.push(read_entry(dir, &entry, findings)?);
    }
    entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

fn walk_error(error: walkdir::Error) -> io::Error {
    error.into_io_error().unwrap_or_else(|| io::Error::other("a link leads back to its own directory"))
}

fn read_entry(dir: &Path, entry: &DirEntry, findings: &mut Vec<Finding>) -> Result<TreeEntry, ArchiveError> {
    let relative = entry.path().strip_prefix(dir).unwrap_or(entry.path());
    let metadata = entry.metadata().map_err(|error| failed(entry.path())(walk_error(error)))?;
    let path = utf8(relative, &format!("the name `{}`", shown(relative)), findings);
    let kind = kind(entry.path(), &path, &metadata, findings)?;
    let size = if metadata.is_file() { metadata.len() } else { 0 };
    Ok(TreeEntry { path, kind, size })
}

fn kind(
    file: &Path,
    path: &str,
    metadata: &Metadata,
    findings: &mut Vec<Finding>,
) -> Result<EntryKind, ArchiveError> {
    let file_type = metadata.file_type();
    if file_type.is_dir() {
        return Ok(EntryKind::Directory);
    }
    if file_type.is_file() {
        return Ok(EntryKind::File { executable: metadata.permissions().mode() & 0o111 != 0 });
    }
    if file_type.is_symlink() {
        let target = fs::read_link(file).map_err(failed(file))?;
        let target = utf8(&target, &format!("the target of the link `{path}`"), findings);
        return Ok(EntryKind::Link { target });
    }
    Ok(EntryKind::Other(match file_type {
        it if it.is_fifo() => "a pipe",
        it if it.is_socket() => "a socket",
        _ => "a device",
    }))
}

/// Returns a path as text, with a finding if that is not what it is.
fn utf8(path: &Path, what: &str, findings: &mut Vec<Finding>) -> String {
    if path.to_str().is_none() {
        let finding = Finding::error(Code::FileName, format!("{what} is not UTF-8"));
        findings.push(finding.in_file(shown(path)).help("rename it"));
    }
    path.to_string_lossy().into_owned()
}

fn shown(path: &Path) -> String {
    printable(path.as_os_str().as_encoded_bytes())
}

fn read_texts(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>, ArchiveError> {
    let root = dir.canonicalize().map_err(failed(dir))?;
    let mut texts = BTreeMap::new();
    for name in TEXT_FILES {
        if let Some(text) = read_text(&root, name)? {
            texts.insert((*name).to_owned(), text);
        }
    }
    Ok(texts)
}

/// Reads a YAML file at the top of the tree; `None` if it is not there, not a file, or not in the tree.
fn read_text(root: &Path, name: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
    let file = match root.join(name).canonicalize() {
        Ok(file) => file,
        // A link that leads nowhere is among the entries; the model says what is missing.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(&root.join(name))(error)),
    };
    if !file.starts_with(root) || !file.metadata().map_err(failed(&file))?.is_file() {
        return Ok(None);
    }
    let mut text = Vec::new();
    let opened = File::open(&file).map_err(failed(&file))?;
    opened.take(MAX_TEXT_BYTES + 1).read_to_end(&mut text).map_err(failed(&file))?;
    Ok(Some(text))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> ArchiveError + use<> {
    ArchiveError::io("read", shown(path))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use tempfile::TempDir;

    use super::*;

    fn directory(files: &[(&str, &str)]) -> TempDir {
        let dir = TempDir::new().unwrap();
        for (path, content) in files {
            let file = dir.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        dir
    }

    fn paths(entries: &[TreeEntry]) -> Vec<&str> {
        entries.iter().map(|it| it.path.as_str()).collect()
    }

    #[test]
    fn what_juju_ignores_and_what_the_author_ignores_is_left_out() {
        let files = [
            (".git/config", ""),
            (".jujuignore", "# a comment\n*.pyc\n!keep.pyc\n/venv/\n"),
            ("build/x", ""),
            ("hooks/install", ""),
            ("lib/.git/config", ""),
            ("lib/a.pyc", ""),
            ("lib/build/x", ""),
            ("lib/keep.pyc", ""),
            ("lib/venv/x", ""),
            ("lib/version", ""),
            ("metadata.yaml", "name: a"),
            ("revision", "7"),
            ("venv/x", ""),
            ("version", "1"),
        ];
        let dir = directory(&files);
        let (tree, findings) = read(dir.path()).unwrap();
        assert_eq!(findings, []);
        let left = [
            "hooks",
            "hooks/install",
            "lib",
            "lib/build",
            "lib/build/x",
            "lib/keep.pyc",
            "lib/venv",
            "lib/venv/x",
            "lib/version",
            "metadata.yaml",
        ];
        assert_eq!(paths(&tree.charm), left);
        assert_eq!(tree.texts["metadata.yaml"], b"name: a");
    }

    #[test]
    fn resources_stand_beside_the_charm_and_cannot_be_made_part_of_it() {
        let files =
            [("resources/common/a", "four"), ("lib/resources/b", ""), (".jujuignore", "!/resources/\n")];
        let (tree, _) = read(directory(&files).path()).unwrap();
        assert_eq!(paths(&tree.charm), ["lib", "lib/resources", "lib/resources/b"]);
        assert_eq!(paths(&tree.resources), ["common", "common/a"]);
        assert_eq!(tree.resources[1].size, 4);
    }

    #[test]
    fn kinds_are_told_apart_and_links_are_not_followed() {
        let dir = directory(&[("a", ""), ("x", "")]);
        fs::set_permissions(dir.path().join("x"), fs::Permissions::from_mode(0o710)).unwrap();
        symlink("/etc", dir.path().join("link")).unwrap();
        let _listener = UnixListener::bind(dir.path().join("socket")).unwrap();
        let (tree, _) = read(dir.path()).unwrap();
        let kinds: Vec<_> = tree.charm.into_iter().map(|it| it.kind).collect();
        let link = EntryKind::Link { target: "/etc".to_owned() };
        let files = [false, true].map(|executable| EntryKind::File { executable });
        let [plain, executable] = files;
        assert_eq!(kinds, [plain, link, EntryKind::Other("a socket"), executable]);
    }

    #[test]
    fn a_name_that_is_not_utf_8_is_a_finding() {
        let dir = directory(&[]);
        fs::write(dir.path().join(OsStr::from_bytes(b"caf\xe9")), "").unwrap();
        let (tree, findings) = read(dir.path()).unwrap();
        assert_eq!(paths(&tree.charm), ["caf\u{fffd}"]);
        insta::assert_snapshot!(findings[0], @r"
        error[E-FILE-NAME]: the name `caf�` is not UTF-8
          --> caf�
        help: rename it
        ");
    }

    #[test]
    fn a_yaml_file_is_read_through_a_link_in_the_tree_and_not_out_of_it() {
        let outside = directory(&[("secret", "s")]);
        let dir = directory(&[("src/metadata.yaml", "name: a")]);
        symlink("src/metadata.yaml", dir.path().join("metadata.yaml")).unwrap();
        symlink(outside.path().join("secret"), dir.path().join("config.yaml")).unwrap();
        symlink("nowhere", dir.path().join("actions.yaml")).unwrap();
        let (tree, _) = read(dir.path()).unwrap();
        assert_eq!(tree.texts.keys().collect::<Vec<_>>(), ["metadata.yaml"]);
    }

    #[test]
    fn a_yaml_file_that_is_too_long_is_cut_where_the_model_sees_it() {
        let long = "a".repeat(3 << 20);
        let (tree, _) = read(directory(&[("config.yaml", &long)]).path()).unwrap();
        assert_eq!(tree.texts["config.yaml"].len() as u64, MAX_TEXT_BYTES + 1);
    }

    #[test]
    fn resources_that_are_a_link_are_a_finding() {
        let dir = directory(&[]);
        symlink("/srv", dir.path().join("resources")).unwrap();
        let (tree, findings) = read(dir.path()).unwrap();
        assert_eq!(tree.resources, []);
        assert_eq!(findings[0].message, "`resources` is not a directory");
    }
}
