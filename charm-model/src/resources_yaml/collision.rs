//! Files that cannot stand together on a unit, where `common` and its architecture become one directory.

use std::collections::{BTreeMap, BTreeSet};

use super::lists::Lists;
use crate::finding::{Code, Finding, Report};
use crate::shape::{Place, Shape, Tree};

/// Two files that are in each other's way.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Collision<'s> {
    /// Both have the same name, at least on file systems that fold case.
    SameName(&'s Place, &'s Place),
    /// The first is a file where the second needs a directory.
    FileIsDirectory(&'s Place, &'s Place),
}

/// Reports what collides on any unit, each once.
pub(super) fn check(lists: &Lists, report: &mut Report) {
    for collision in collisions(&lists.shape) {
        report.at(lists.line_of(collision.second()), collision.finding());
    }
}

fn collisions(shape: &Shape) -> BTreeSet<Collision<'_>> {
    let mut trees: BTreeSet<Tree> = shape.0.iter().map(|place| place.tree).collect();
    if trees.len() > 1 {
        // Every architecture has `common` beside it, so looking at `common` alone would find nothing new.
        trees.remove(&Tree::Common);
    }
    trees.into_iter().flat_map(|tree| collisions_on_unit(shape, tree)).collect()
}

fn collisions_on_unit(shape: &Shape, tree: Tree) -> Vec<Collision<'_>> {
    let mut collisions = Vec::new();
    let mut by_name: BTreeMap<String, &Place> = BTreeMap::new();
    for place in shape.0.iter().filter(|place| place.tree == Tree::Common || place.tree == tree) {
        let name = place.path.folded();
        if let Some(first) = by_name.get(&name) {
            collisions.push(Collision::SameName(first, place));
        } else {
            by_name.insert(name, place);
        }
    }
    for (name, place) in &by_name {
        let directories = name.match_indices('/').map(|(end, _)| &name[..end]);
        let files = directories.filter_map(|directory| by_name.get(directory));
        collisions.extend(files.map(|file| Collision::FileIsDirectory(file, place)));
    }
    collisions
}

impl Collision<'_> {
    fn second(&self) -> &Place {
        match self {
            Self::SameName(_, second) | Self::FileIsDirectory(_, second) => second,
        }
    }

    fn finding(&self) -> Finding {
        let (message, help) = match self {
            Self::SameName(one, other) if one.path == other.path => (
                format!("`{}` stands both in `{}` and in `{}`", one.path, one.tree, other.tree),
                "a unit has one file of that name: keep it in `common` alone, or in each architecture",
            ),
            Self::SameName(one, other) => (
                format!("`{one}` and `{other}` differ by case or Unicode form only"),
                "some file systems take both for one file: give one of them another name",
            ),
            Self::FileIsDirectory(file, inside) => (
                format!("`{file}` is a file, and `{inside}` needs a directory of that name"),
                "give the file or the directory another name",
            ),
        };
        Finding::error(Code::ShapeCollision, message).help(help)
    }
}
