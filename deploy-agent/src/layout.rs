//! Where resources stand on a unit: so that hooks name no architecture, and the author's own directory does as well.
//!
//! ```text
//! resources/common/PATH, resources/ARCH/PATH     the files
//! resources/arch -> ARCH
//! resources/PATH -> common/PATH or ARCH/PATH     each file once more, flat
//! ```

use charm_model::name::Architecture;
use charm_model::shape::Place;
use thiserror::Error;
use v4_wire::publish::StreamFile;

use crate::listing::{Listing, Node, Taken};

/// The directory of the resources within a charm.
pub(crate) const RESOURCES: &str = "resources";

/// Two things would have to stand at one path: the store let a collision through, or never checked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` would have to be two things at once")]
pub struct LayoutError(pub String);

impl From<Taken> for LayoutError {
    fn from(Taken(path): Taken) -> Self {
        Self(path)
    }
}

/// Lists the resources of a unit as they stand within the charm.
pub(crate) fn layout(files: &[StreamFile], arch: Architecture) -> Result<Listing, LayoutError> {
    let mut listing = Listing::default();
    for directory in ["common", arch.as_str()] {
        listing.add(&format!("{RESOURCES}/{directory}"), Node::Directory)?;
    }
    listing.add(&format!("{RESOURCES}/arch"), Node::Link { target: arch.to_string() })?;
    for StreamFile { place, file } in files.iter().filter(|it| it.place.tree.is_for(arch)) {
        listing.add(&format!("{RESOURCES}/{place}"), Node::file(file))?;
        listing.add(&format!("{RESOURCES}/{}", place.path), Node::Link { target: flat_target(place) })?;
    }
    Ok(listing)
}

/// Returns the way from a file's flat place to the file.
fn flat_target(place: &Place) -> String {
    let n_up = place.path.as_str().matches('/').count();
    format!("{}{place}", "../".repeat(n_up))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use charm_model::digest::Content;
    use charm_model::shape::ManifestFile;
    use proptest::prelude::*;
    use test_case::test_case;

    use super::*;
    use crate::fetched::Fetched;
    use crate::tree;

    const ARCH: Architecture = Architecture::Amd64;

    fn file(place: &str) -> StreamFile {
        let (tree, path) = place.split_once('/').unwrap();
        let place = Place { tree: tree.parse().unwrap(), path: path.parse().unwrap() };
        let content = Content::of(place.to_string().as_bytes());
        StreamFile { place, file: ManifestFile { content, executable: false } }
    }

    #[test]
    fn each_file_stands_in_its_tree_and_flat() {
        let listing = layout(&[file("common/a"), file("amd64/b/c"), file("arm64/d")], ARCH).unwrap();
        let links = listing.0.iter().filter_map(|(path, node)| match node {
            Node::Link { target } => Some((path.as_str(), target.as_str())),
            _ => None,
        });
        let expected =
            [("resources/a", "common/a"), ("resources/arch", "amd64"), ("resources/b/c", "../amd64/b/c")];
        assert_eq!(links.collect::<Vec<_>>(), expected);
    }

    #[test_case(&["common/a", "amd64/a"] => "resources/a"; "in both trees")]
    #[test_case(&["common/a", "amd64/a/b"] => "resources/a"; "a file and a directory")]
    #[test_case(&["common/a/b", "amd64/a"] => "resources/a"; "a directory and a file")]
    #[test_case(&["common/common"] => "resources/common"; "the place of common")]
    #[test_case(&["common/amd64/x", "amd64/x"] => "resources/amd64/x"; "the place of the architecture")]
    #[test_case(&["common/arch/x"] => "resources/arch"; "through our own link")]
    fn refuses_what_would_be_two_things(places: &[&str]) -> String {
        let files: Vec<_> = places.iter().map(|it| file(it)).collect();
        layout(&files, ARCH).unwrap_err().0
    }

    fn places() -> impl Strategy<Value = BTreeSet<String>> {
        proptest::collection::btree_set("(common|amd64|arm64)/[ab](/[cd](/[ef])?)?", 0..8)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_laid_out_reads_the_same_flat_as_in_its_tree(places in places()) {
            let files: Vec<_> = places.iter().map(|it| file(it)).collect();
            let Ok(listing) = layout(&files, ARCH) else { return Ok(()) };
            let dir = tempfile::tempdir().unwrap();
            let fetched = Fetched::open(dir.path().join("fetch")).unwrap();
            for file in &files {
                fs::write(fetched.path(&file.file.content), file.place.to_string()).unwrap();
            }
            let charm = dir.path().join("charm");
            fs::create_dir(&charm).unwrap();
            tree::lay_out(&listing, &fetched, &charm).unwrap();
            for StreamFile { place, .. } in &files {
                let flat = charm.join("resources").join(place.path.as_str());
                if place.tree.is_for(ARCH) {
                    prop_assert_eq!(fs::read_to_string(flat).unwrap(), place.to_string());
                }
            }
            prop_assert!(!charm.join("resources/arm64").exists());
        }
    }
}
