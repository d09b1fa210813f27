//! What lies under `resources/`, held against what `resources.yaml` declares.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::{files, links};
use crate::charm::RESOURCES_YAML;
use crate::entity::{Draft, Entity};
use crate::finding::{Code, Finding};
use crate::name::StreamName;
use crate::resources_yaml::{Declaration, Lists, not_a_stream};
use crate::shape::{Place, ResourcePath, Tree};
use crate::tree::{AuthorTree, EntryKind, TreeEntry};
use crate::yaml::nearest::nearest;

/// Checks the resources of a tree, as far as its declaration could be read.
pub(super) fn check(
    tree: &AuthorTree,
    draft: Option<&Draft>,
    only_streams: Option<&[StreamName]>,
) -> Vec<Finding> {
    let mut findings = files::check(&tree.resources, "resources/");
    findings.extend(links::check(&tree.resources, "resources/"));
    if !tree.texts.contains_key(RESOURCES_YAML) {
        findings.extend(undeclared(&tree.resources));
        return findings;
    }
    let found = found(&tree.resources, &mut findings);
    if let Some((declaration, lists)) = draft.and_then(declared) {
        let streams = Streams::new(declaration, lists, only_streams, &mut findings);
        findings.extend(streams.missing(&found));
        findings.extend(streams.extra(&found));
    }
    findings.extend(found.iter().filter(|place| is_opaque(place)).map(opaque_file));
    findings
}

fn undeclared(entries: &[TreeEntry]) -> Option<Finding> {
    let mut files = entries.iter().filter(|entry| matches!(entry.kind, EntryKind::File { .. }));
    let first = &files.next()?.path;
    let found = match files.count() {
        0 => format!("`resources/{first}` is on disk"),
        n_more => format!("`resources/{first}` and {n_more} more are on disk"),
    };
    let message = format!("{found}, and there is no `{RESOURCES_YAML}`");
    let help = format!(
        "declare what is there in `{RESOURCES_YAML}`, which `charm-publish init` writes; or remove it"
    );
    Some(Finding::error(Code::ShapeExtra, message).help(help))
}

fn declared(draft: &Draft) -> Option<(&Declaration, &BTreeMap<StreamName, Rc<Lists>>)> {
    match &draft.entity {
        Entity::Charm(charm) => charm.declaration.as_ref().map(|declaration| (declaration, &draft.lists)),
        Entity::Bundle(_) => None,
    }
}

/// Returns the resources that lie in the tree.
fn found(entries: &[TreeEntry], findings: &mut Vec<Finding>) -> BTreeSet<Place> {
    let links = links::Links::of(entries);
    let is_file = |entry: &TreeEntry| matches!(entry.kind, EntryKind::File { .. });
    let files: BTreeSet<&str> = entries.iter().filter(|it| is_file(it)).map(|it| it.path.as_str()).collect();
    let counts = |entry: &&TreeEntry| match entry.kind {
        EntryKind::File { .. } => true,
        // A link stands for the file of the tree that it leads to. Beside the trees there are links only
        // where `charm-publish link` laid out what a unit has.
        EntryKind::Link { .. } => {
            is_in_tree(&entry.path)
                && links.resolve(&entry.path).is_some_and(|path| files.contains(path.as_str()))
        }
        EntryKind::Directory | EntryKind::Other(_) => false,
    };
    let places: Vec<_> = entries.iter().filter(counts).map(|entry| place(&entry.path)).collect();
    places.into_iter().filter_map(|place| place.map_err(|finding| findings.push(finding)).ok()).collect()
}

fn is_in_tree(path: &str) -> bool {
    path.split_once('/').is_some_and(|(tree, _)| tree.parse::<Tree>().is_ok())
}

fn place(path: &str) -> Result<Place, Finding> {
    let Some((tree, rest)) = path.split_once('/') else {
        let finding = Finding::error(Code::TreeName, format!("`resources/{path}` is in no tree"));
        return Err(finding.help("move it to `resources/common/`, or to an architecture's directory"));
    };
    let tree = tree.parse().map_err(|_| not_a_tree(tree))?;
    let refuse = |error| Finding::error(Code::PathInvalid, format!("`resources/{path}`: {error}"));
    let path: ResourcePath = rest.parse().map_err(refuse)?;
    Ok(Place { tree, path })
}

fn not_a_tree(directory: &str) -> Finding {
    let known = || crate::resources_yaml::tree_words().into_iter();
    let message = format!("`resources/{directory}/` is neither `common` nor a known architecture");
    let help = match nearest(directory, known()) {
        Some(near) => format!("`{near}` is probably meant"),
        None => format!("known are: {}", known().collect::<Vec<_>>().join(", ")),
    };
    Finding::error(Code::TreeName, message).help(help)
}

/// The streams of a declaration that a tree is held against.
struct Streams<'d> {
    lists: &'d BTreeMap<StreamName, Rc<Lists>>,
    /// Those whose files must be there.
    published: Vec<&'d StreamName>,
    /// Those whose files may be there.
    considered: Vec<&'d StreamName>,
}

impl<'d> Streams<'d> {
    fn new(
        declaration: &'d Declaration,
        lists: &'d BTreeMap<StreamName, Rc<Lists>>,
        only_streams: Option<&'d [StreamName]>,
        findings: &mut Vec<Finding>,
    ) -> Self {
        let Some(wanted) = only_streams else {
            let published = vec![&declaration.default_stream];
            return Self { lists, published, considered: declaration.streams.keys().collect() };
        };
        let (known, unknown): (Vec<_>, Vec<_>) =
            wanted.iter().partition(|stream| declaration.streams.contains_key(stream));
        let finding = |stream: &StreamName| {
            not_a_stream(Code::StreamUnknown, stream.as_str(), declaration.streams.keys())
        };
        findings.extend(unknown.into_iter().map(|stream| finding(stream).in_file(RESOURCES_YAML)));
        Self { lists, published: known.clone(), considered: known }
    }

    fn lists_of(&self, streams: &[&'d StreamName]) -> impl Iterator<Item = (&'d StreamName, &'d Lists)> {
        let lists = self.lists;
        streams.iter().filter_map(move |stream| Some((*stream, lists.get(*stream)?.as_ref())))
    }

    fn is_declared(&self, place: &Place) -> bool {
        self.lists_of(&self.considered).any(|(_, lists)| lists.shape.0.contains(place))
    }

    /// Finds files that are declared and not there.
    fn missing(&self, found: &BTreeSet<Place>) -> Vec<Finding> {
        let of_stream = |(stream, lists): (&StreamName, &Lists)| {
            let missing = lists.shape.0.difference(found);
            missing.map(|place| missing_file(place, stream, lists)).collect::<Vec<_>>()
        };
        self.lists_of(&self.published).flat_map(of_stream).collect()
    }

    /// Finds files that are there and not declared: the forgotten overlay.
    fn extra(&self, found: &BTreeSet<Place>) -> Vec<Finding> {
        let Some((stream, lists)) = self.lists_of(&self.published).next() else { return Vec::new() };
        let extra = found.iter().filter(|place| !self.is_declared(place));
        extra.map(|place| extra_file(place, stream, lists)).collect()
    }
}

fn missing_file(place: &Place, stream: &StreamName, lists: &Lists) -> Finding {
    let message = format!("`resources/{place}` is declared by stream `{stream}` and is not on disk");
    let help = format!("put the file there, or remove `- {}` from this list", place.path);
    Finding::error(Code::ShapeMissing, message).at(RESOURCES_YAML, lists.line_of(place)).help(help)
}

fn extra_file(place: &Place, stream: &StreamName, lists: &Lists) -> Finding {
    let Place { tree, path } = place;
    let n_declared = lists.shape.0.iter().filter(|it| it.tree == *tree).count();
    let files = if n_declared == 1 { "file" } else { "files" };
    let message = format!(
        "`resources/{place}` is on disk but not declared: \
         stream `{stream}`, tree `{tree}` declares {n_declared} {files}"
    );
    let line = if n_declared == 0 { format!("{tree}:\n  - {path}") } else { format!("- {path}") };
    let help = format!(
        "add it to `{RESOURCES_YAML}`, which makes a new charm revision and a new resource revision:\n\
         {line}\n\
         or remove it: rm resources/{place}"
    );
    Finding::error(Code::ShapeExtra, message).at(RESOURCES_YAML, lists.last_line_of(*tree)).help(help)
}

/// Says whether a file's name promises a compression that hides what two versions have in common.
fn is_opaque(place: &Place) -> bool {
    [".gz", ".tgz", ".xz", ".txz"].iter().any(|end| place.path.as_str().ends_with(end))
}

fn opaque_file(place: &Place) -> Finding {
    let message = format!("`resources/{place}` cannot share bytes between its versions");
    let finding = Finding::warning(Code::GzipOpaque, message).in_file(format!("resources/{place}"));
    finding.help("ship what is in it as `.tar` or `.zip`, or compress it with `gzip --rsyncable`")
}
