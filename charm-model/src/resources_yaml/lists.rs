//! Lists of files: `common: [a.zip]`, `amd64: [b.zip]`.

use std::collections::BTreeMap;

use super::collision;
use crate::finding::{Code, Finding, Report};
use crate::name::Architecture;
use crate::shape::{MAX_STREAM_FILES, PathError, Place, RESERVED_TOP_NAMES, ResourcePath, Shape, Tree};
use crate::yaml::fields::{Fields, mistyped, text};
use crate::yaml::scalar::Scalar;
use crate::yaml::{Node, Value};

/// The files of one stream, or of the shape that streams share; and their lines, counted from 1.
#[derive(Debug, Clone)]
pub(crate) struct Lists {
    /// The files.
    pub(crate) shape: Shape,
    line: usize,
    trees: BTreeMap<Tree, usize>,
    places: BTreeMap<Place, usize>,
}

impl Lists {
    /// Returns lists without files.
    pub(super) fn none(line: usize) -> Self {
        Self { shape: Shape::default(), line, trees: BTreeMap::new(), places: BTreeMap::new() }
    }

    /// Returns the line on which a file is declared.
    pub(crate) fn line_of(&self, place: &Place) -> usize {
        self.places.get(place).copied().unwrap_or(self.line)
    }

    /// Returns the line behind which one more file of that tree would be declared.
    pub(crate) fn last_line_of(&self, tree: Tree) -> usize {
        let of_tree = self.places.iter().filter(|(place, _)| place.tree == tree).map(|(_, line)| *line);
        of_tree.max().or(self.trees.get(&tree).copied()).unwrap_or(self.line)
    }

    /// Adds a file; returns the line on which it stands already, if it does.
    fn add(&mut self, place: Place, line: usize) -> Option<usize> {
        if let Some(first) = self.places.get(&place) {
            return Some(*first);
        }
        self.shape.0.insert(place.clone());
        self.places.insert(place, line);
        None
    }
}

/// Returns the keys under which lists stand.
pub(crate) fn tree_words() -> Vec<&'static str> {
    trees().map(Tree::as_str).collect()
}

fn trees() -> impl Iterator<Item = Tree> {
    std::iter::once(Tree::Common).chain(Architecture::ALL.iter().copied().map(Tree::Arch))
}

/// Reads the lists of all trees; `None` where there is none of them.
pub(super) fn read(line: usize, fields: &mut Fields<'_>, report: &mut Report) -> Option<Lists> {
    let mut lists = Lists::none(line);
    for tree in trees() {
        if let Some(node) = fields.take(tree.as_str()) {
            lists.trees.insert(tree, node.line);
            read_tree(tree, node, &mut lists, report);
        }
    }
    if lists.trees.is_empty() {
        return None;
    }
    check_count(&lists, report);
    collision::check(&lists, report);
    Some(lists)
}

fn check_count(lists: &Lists, report: &mut Report) {
    let n_files = lists.shape.0.len();
    if n_files > MAX_STREAM_FILES {
        let message = format!("{n_files} files are declared; at most {MAX_STREAM_FILES} are taken");
        report.at(lists.line, Finding::error(Code::LimitExceeded, message));
    }
}

fn read_tree(tree: Tree, node: &Node, lists: &mut Lists, report: &mut Report) {
    match &node.value {
        Value::Sequence(items) => {
            for item in items {
                read_item(tree, item, lists, report);
            }
        }
        // One name may stand without a list. Several were lines of a list whose dashes were forgotten.
        Value::Scalar(scalar) if scalar.text.contains(char::is_whitespace) => {
            report.at(node.line, folded(scalar));
        }
        Value::Scalar(_) => read_item(tree, node, lists, report),
        Value::Mapping(_) => {
            mistyped::<()>(node, tree.as_str(), "a list of file names", report);
        }
    }
}

fn read_item(tree: Tree, node: &Node, lists: &mut Lists, report: &mut Report) {
    match &node.value {
        Value::Scalar(scalar) if scalar.folded => report.at(node.line, folded(scalar)),
        _ => {
            let Some(text) = text(node, tree.as_str(), report) else { return };
            match place(tree, &text) {
                Ok(place) => add(place, node.line, lists, report),
                Err(finding) => report.at(node.line, finding),
            }
        }
    }
}

fn folded(scalar: &Scalar) -> Finding {
    let lines: Vec<_> = scalar.text.split_whitespace().map(|name| format!("- {name}")).collect();
    let message = format!("several names stand in one text, `{}`", scalar.text);
    let help = format!("begin each with a dash on a line of its own:\n{}", lines.join("\n"));
    Finding::error(Code::PathFolded, message).help(help)
}

fn place(tree: Tree, text: &str) -> Result<Place, Finding> {
    let refuse = |error: PathError| Finding::error(Code::PathInvalid, format!("`{text}`: {error}"));
    let path: ResourcePath = text.parse().map_err(refuse)?;
    let top = path.folded();
    let top = top.split('/').next().unwrap_or_default();
    if RESERVED_TOP_NAMES.contains(&top) || top.parse::<Architecture>().is_ok() {
        let message =
            format!("`{text}` begins with `{top}`, which is a directory of a unit's `resources/` already");
        return Err(
            Finding::error(Code::ShapeReserved, message).help("give the file or its directory another name")
        );
    }
    Ok(Place { tree, path })
}

fn add(place: Place, line: usize, lists: &mut Lists, report: &mut Report) {
    let message = format!("`{place}` is listed twice");
    if let Some(first) = lists.add(place, line) {
        let finding = Finding::error(Code::ShapeCollision, format!("{message}, first on line {first}"));
        report.at(line, finding.help("remove one of the two lines"));
    }
}
