//! Names and kinds of files.

use std::collections::{BTreeMap, BTreeSet};

use unicode_normalization::UnicodeNormalization as _;

use crate::finding::{Code, Finding};
use crate::tree::{EntryKind, TreeEntry};

/// Checks names and kinds. `directory` is what stands before the paths in messages: `resources/`, or nothing.
pub(super) fn check(entries: &[TreeEntry], directory: &str) -> Vec<Finding> {
    let mut findings: Vec<_> = entries.iter().flat_map(|entry| check_entry(entry, directory)).collect();
    findings.extend(collisions(entries, directory));
    findings
}

fn check_entry(entry: &TreeEntry, directory: &str) -> Vec<Finding> {
    let path = format!("{directory}{}", entry.path);
    let mut findings = Vec::new();
    if let Some(what) = name_fault(&entry.path) {
        let finding = Finding::error(Code::FileName, format!("the name of `{path}` {what}"));
        findings.push(finding.help("rename the file"));
    }
    if let EntryKind::Other(kind) = entry.kind {
        let finding = Finding::error(Code::FileKind, format!("`{path}` is {kind}")).in_file(path);
        findings.push(finding.help("remove it; only directories, files and symbolic links are published"));
    }
    findings
}

fn name_fault(path: &str) -> Option<&'static str> {
    if path.contains(char::REPLACEMENT_CHARACTER) {
        Some("is not UTF-8")
    } else if path.contains(char::is_control) {
        Some("has a control character")
    } else if path.contains('\\') {
        // Windows would take what stands before it for a directory.
        Some("has a backslash")
    } else {
        None
    }
}

/// Finds names that some file systems take for one: a unit there would lose one of the files.
fn collisions(entries: &[TreeEntry], directory: &str) -> Vec<Finding> {
    let mut by_folded: BTreeMap<(&str, String), BTreeSet<&str>> = BTreeMap::new();
    for path in entries.iter().flat_map(|entry| prefixes(&entry.path)) {
        // Names collide within one directory. That two directories do is said of them, not of all in them.
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        by_folded.entry((parent, folded(name))).or_default().insert(path);
    }
    by_folded.values().filter(|paths| paths.len() > 1).map(|paths| collision(paths, directory)).collect()
}

fn collision(paths: &BTreeSet<&str>, directory: &str) -> Finding {
    let names: Vec<_> = paths.iter().map(|path| format!("`{directory}{path}`")).collect();
    let message = format!("{} differ by case or Unicode form only", names.join(" and "));
    Finding::error(Code::FileName, message).help("give one of them another name")
}

fn folded(name: &str) -> String {
    // Folding can undo a composition and the other way round, so the order is: compose, fold, compose.
    name.nfc().collect::<String>().to_lowercase().nfc().collect()
}

/// Returns a path and the directories that it is in, outermost first.
fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(end, _)| &path[..end]).chain(std::iter::once(path))
}

/// Warns of hooks that a unit could not run.
pub(super) fn check_hooks(entries: &[TreeEntry]) -> Vec<Finding> {
    let is_idle =
        |entry: &&TreeEntry| entry.kind == EntryKind::File { executable: false } && is_hook(&entry.path);
    entries.iter().filter(is_idle).map(|entry| idle_hook(&entry.path)).collect()
}

fn is_hook(path: &str) -> bool {
    // What has an extension is a library of the hooks, such as `hooks/hooks.py`.
    path == "dispatch"
        || path.strip_prefix("hooks/").is_some_and(|name| !name.contains(['/', '.']) && name != "README")
}

fn idle_hook(path: &str) -> Finding {
    let finding = Finding::warning(Code::HookMode, format!("`{path}` is not executable")).in_file(path);
    finding.help(format!("chmod +x {path}"))
}
