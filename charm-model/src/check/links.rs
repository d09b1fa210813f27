//! Symbolic links, followed within a tree as a file system would.

use std::collections::BTreeMap;

use crate::finding::{Code, Finding};
use crate::tree::{EntryKind, TreeEntry};

/// The most links on one way; Linux takes 40 (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// Where a link does not lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Astray {
    Absolute,
    Outside,
    Circle,
}

/// The links of a tree, by where they stand.
pub(super) struct Links<'t>(BTreeMap<&'t str, &'t str>);

impl<'t> Links<'t> {
    /// Collects the links.
    pub(super) fn of(entries: &'t [TreeEntry]) -> Self {
        let links = entries.iter().filter_map(|entry| match &entry.kind {
            EntryKind::Link { target } => Some((entry.path.as_str(), target.as_str())),
            EntryKind::Directory | EntryKind::File { .. } | EntryKind::Other(_) => None,
        });
        Self(links.collect())
    }

    /// Returns where a path leads to inside the tree, all links followed; `None` where it leaves the tree.
    pub(super) fn resolve(&self, path: &str) -> Option<String> {
        self.follow(path).ok()
    }

    /// A look at the text alone would not do: behind a link that leads up, `..` leads further than it seems.
    fn follow(&self, path: &str) -> Result<String, Astray> {
        let mut left: Vec<&str> = path.rsplit('/').collect();
        let mut reached: Vec<&str> = Vec::new();
        let mut n_links = 0;
        while let Some(part) = left.pop() {
            match part {
                "" | "." => {}
                ".." => {
                    reached.pop().ok_or(Astray::Outside)?;
                }
                _ => reached.push(part),
            }
            if let Some(target) = self.0.get(reached.join("/").as_str()) {
                n_links += 1;
                check_step(target, n_links)?;
                reached.pop();
                left.extend(target.rsplit('/'));
            }
        }
        Ok(reached.join("/"))
    }
}

fn check_step(target: &str, n_links: usize) -> Result<(), Astray> {
    if target.starts_with('/') {
        return Err(Astray::Absolute);
    }
    if n_links > MAX_LINKS {
        return Err(Astray::Circle);
    }
    Ok(())
}

/// Finds links that lead out of the tree. `directory` is what stands before the paths in messages.
pub(super) fn check(entries: &[TreeEntry], directory: &str) -> Vec<Finding> {
    let links = Links::of(entries);
    let astray = |(path, target): (&&str, &&str)| {
        let why = links.follow(path).err()?;
        Some(finding(&format!("{directory}{path}"), target, why))
    };
    links.0.iter().filter_map(astray).collect()
}

fn finding(path: &str, target: &str, why: Astray) -> Finding {
    let (what, help) = match why {
        Astray::Absolute => ("which is an absolute path", "make it relative to the link's directory"),
        Astray::Outside => {
            ("which leaves the tree", "put the file itself there, or a link to one in the tree")
        }
        Astray::Circle => ("which leads in a circle", "put the file itself there"),
    };
    let message = format!("the symbolic link `{path}` points to `{target}`, {what}");
    Finding::error(Code::LinkEscapes, message).in_file(path).help(help)
}
