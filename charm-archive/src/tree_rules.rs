//! The rules for all paths and links of a tree together: the same for an author's tree, for an archive that
//! arrives at the store, and for one that is unpacked.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use charm_model::tree::EntryKind;

use crate::error::ArchiveError;
use crate::limits::{ArchiveLimits, MAX_LINK_BYTES};
use crate::path;

/// Checks names, kinds and links.
pub(crate) fn check<'a>(
    entries: impl Iterator<Item = (&'a str, &'a EntryKind)> + Clone,
    limits: &ArchiveLimits,
) -> Result<(), ArchiveError> {
    let names = check_names(entries.clone(), limits)?;
    for (path, kind) in entries {
        if let EntryKind::Link { target } = kind {
            names.check_link(path, target)?;
        }
    }
    Ok(())
}

/// Checks everything but links, whose targets are not known before an archive is read.
pub(crate) fn check_names<'a>(
    entries: impl Iterator<Item = (&'a str, &'a EntryKind)>,
    limits: &ArchiveLimits,
) -> Result<Names<'a>, ArchiveError> {
    let mut names = Names { nodes: HashMap::new() };
    for (path, kind) in entries {
        path::check(path)?;
        names.add(path, Role::of(path, kind)?)?;
        limits.check_entries(names.nodes.len() as u64)?;
    }
    Ok(names)
}

/// What a name is to the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A directory that only the paths of others mention.
    Implied,
    Directory,
    File,
    Link,
}

impl Role {
    fn of(path: &str, kind: &EntryKind) -> Result<Self, ArchiveError> {
        match kind {
            EntryKind::Directory => Ok(Self::Directory),
            EntryKind::File { .. } => Ok(Self::File),
            EntryKind::Link { .. } => Ok(Self::Link),
            EntryKind::Other(kind) => Err(ArchiveError::Kind { path: path.to_owned(), kind }),
        }
    }

    /// Returns what a name is that two paths use; an error if one of them is in the way.
    fn merge(self, other: Self, path: &str) -> Result<Self, ArchiveError> {
        match (self, other) {
            (Self::Implied, Self::Implied) => Ok(Self::Implied),
            (Self::Implied, Self::Directory) | (Self::Directory, Self::Implied) => Ok(Self::Directory),
            (Self::Implied, _) | (_, Self::Implied) => {
                Err(ArchiveError::NotDirectory { path: path.to_owned() })
            }
            _ => Err(ArchiveError::Duplicate { path: path.to_owned() }),
        }
    }
}

/// A directory, file or link of the tree, by a number of its own.
type Id = usize;

/// The directory that holds the tree.
const ROOT: Id = 0;

/// The names of a tree, each found by its directory and its folded form.
pub(crate) struct Names<'a> {
    nodes: HashMap<(Id, Cow<'a, str>), Node<'a>>,
}

struct Node<'a> {
    id: Id,
    /// The name as it is written, without its directory.
    part: &'a str,
    role: Role,
}

impl<'a> Names<'a> {
    fn add(&mut self, path: &'a str, role: Role) -> Result<(), ArchiveError> {
        let mut directory = ROOT;
        for (end, _) in path.match_indices('/') {
            directory = self.step(directory, &path[..end], Role::Implied)?;
        }
        self.step(directory, path, role)?;
        Ok(())
    }

    /// Adds the last part of the path to a directory, and returns its number.
    fn step(&mut self, directory: Id, path: &'a str, role: Role) -> Result<Id, ArchiveError> {
        let (parent, part) = path.split_at(path.rfind('/').map_or(0, |slash| slash + 1));
        let next_id = self.nodes.len() + 1;
        match self.nodes.entry((directory, path::folded(part))) {
            Slot::Vacant(slot) => Ok(slot.insert(Node { id: next_id, part, role }).id),
            Slot::Occupied(slot) if slot.get().part != part => {
                let other = format!("{parent}{}", slot.get().part);
                Err(ArchiveError::Folded { path: path.to_owned(), other })
            }
            Slot::Occupied(mut slot) => {
                slot.get_mut().role = slot.get().role.merge(role, path)?;
                Ok(slot.get().id)
            }
        }
    }

    fn check_link(&self, path: &str, target: &str) -> Result<(), ArchiveError> {
        match self.link_problem(path, target) {
            None => Ok(()),
            Some(problem) => {
                let target = path::printable(target.as_bytes());
                Err(ArchiveError::Link { path: path.to_owned(), target, problem })
            }
        }
    }

    fn link_problem(&self, path: &str, target: &str) -> Option<&'static str> {
        if target.is_empty() {
            return Some("is empty");
        }
        if target.len() as u64 > MAX_LINK_BYTES {
            return Some("is too long");
        }
        if target.starts_with('/') {
            return Some("is absolute");
        }
        path::character_problem(target).or_else(|| self.way_problem(path, target))
    }

    /// Follows the target part by part, as a kernel would, but on names alone.
    ///
    /// That gives the kernel's answer only where no part on the way is a link itself: behind one, `..` means
    /// another directory than it seems (`up -> a/b`, `out -> up/../../..`). So such targets are refused.
    fn way_problem(&self, path: &str, target: &str) -> Option<&'static str> {
        let mut way = self.directories(path);
        for part in target.split('/').filter(|part| !matches!(*part, "" | ".")) {
            if matches!(way.last(), Some(Some(node)) if node.role == Role::Link) {
                return Some("passes through another link");
            }
            if part != ".." {
                way.push(self.lookup(&way, part));
            } else if way.pop().is_none() {
                return Some("leaves the tree");
            }
        }
        None
    }

    /// Returns the directories from below the root down to the one that holds the path.
    fn directories(&self, path: &str) -> Vec<Option<&Node<'a>>> {
        let mut way = Vec::new();
        let directory = path.rsplit_once('/').map(|(directory, _)| directory);
        for part in directory.into_iter().flat_map(|it| it.split('/')) {
            way.push(self.lookup(&way, part));
        }
        way
    }

    /// Looks a name up in the directory at the end of the way; `None` where the tree has nothing.
    ///
    /// Folded, because the unit's file system may fold as well.
    fn lookup(&self, way: &[Option<&Node<'a>>], part: &str) -> Option<&Node<'a>> {
        let directory = match way.last() {
            None => ROOT,
            Some(node) => (*node)?.id,
        };
        let name = path::folded(part).into_owned();
        self.nodes.get(&(directory, Cow::Owned(name)))
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn checked(paths: &[(&str, &str)]) -> Result<(), String> {
        let entries: Vec<_> = paths.iter().map(|(path, what)| (*path, kind(what))).collect();
        check(entries.iter().map(|(path, kind)| (*path, kind)), &ArchiveLimits::default())
            .map_err(|error| error.to_string())
    }

    fn kind(what: &str) -> EntryKind {
        match what {
            "file" => EntryKind::File { executable: false },
            "directory" => EntryKind::Directory,
            target => EntryKind::Link { target: target.to_owned() },
        }
    }

    #[test_case(&[("a/b", "file"), ("a", "directory"), ("a/c", "file")]; "a directory after its files")]
    #[test_case(&[("hooks/start", "install"), ("hooks/install", "file")]; "a link beside its target")]
    #[test_case(&[("a/b/c", "../../d/e"), ("d/e", "file")]; "a link up and down again")]
    #[test_case(&[("a", "b"), ("b", "c"), ("c", "file")]; "a chain of links")]
    #[test_case(&[("a", "a")]; "a link to itself goes nowhere")]
    #[test_case(&[("a", "missing/..//./b/")]; "a link to nothing")]
    fn takes(paths: &[(&str, &str)]) {
        assert_eq!(checked(paths), Ok(()));
    }

    #[test_case(&[("a", "file"), ("a", "file")], "`a` stands there twice"; "twice")]
    #[test_case(&[("a", "directory"), ("a", "file")], "`a` stands there twice"; "a directory and a file")]
    #[test_case(&[("a", "file"), ("a/b", "file")], "`a` is a file or link, and a directory for other entries"; "file and directory")]
    #[test_case(&[("a/b", "file"), ("a", "x")], "`a` is a file or link, and a directory for other entries"; "behind a link")]
    #[test_case(&[("x/A", "file"), ("x/a", "file")], "`x/a` and `x/A` differ by case or Unicode form only"; "case")]
    #[test_case(&[("A/x", "file"), ("a/y", "file")], "`a` and `A` differ by case or Unicode form only"; "case of directories")]
    #[test_case(&[("\u{e9}", "file"), ("e\u{301}", "file")], "`e\u{301}` and `\u{e9}` differ by case or Unicode form only"; "unicode form")]
    #[test_case(&[("a", "/etc/passwd")], "the link `a` to `/etc/passwd` is absolute"; "absolute")]
    #[test_case(&[("a", "../b")], "the link `a` to `../b` leaves the tree"; "out of the root")]
    #[test_case(&[("a/b", "x/../../../c")], "the link `a/b` to `x/../../../c` leaves the tree"; "out by a detour")]
    #[test_case(&[("d/up", "e/f"), ("out", "d/up/../..")], "the link `out` to `d/up/../..` passes through another link"; "through a link")]
    #[test_case(&[("d/e/up", "../.."), ("out", "d/e/UP/../f")], "the link `out` to `d/e/UP/../f` passes through another link"; "through a link by another case")]
    #[test_case(&[("a", "..\\b")], "the link `a` to `..\\b` has a backslash"; "backslash")]
    fn refuses(paths: &[(&str, &str)], why: &str) {
        assert_eq!(checked(paths), Err(why.to_owned()));
    }

    #[test]
    fn implied_directories_count_as_entries() {
        let limits = ArchiveLimits { max_entries: 3, ..ArchiveLimits::default() };
        let file = kind("file");
        assert!(check([("a/b/c", &file)].into_iter(), &limits).is_ok());
        let error = check([("a/b/c/d", &file)].into_iter(), &limits).unwrap_err();
        assert_eq!(error.to_string(), "the archive has 4 entries, the limit is 3");
    }
}
