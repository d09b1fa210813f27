//! The offline proof of a tree: everything that a publish would be refused for and that can be known without a store.

mod files;
mod links;
mod resources;

use crate::entity::{self, Entity};
use crate::finding::{Finding, conclude};
use crate::name::StreamName;
use crate::tree::{AuthorTree, TreeEntry};

/// What a tree turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The charm or bundle; nothing where an error is among the findings.
    pub entity: Option<Entity>,
    /// Everything that is wrong or worth knowing, sorted.
    pub findings: Vec<Finding>,
}

/// Checks an author's tree.
///
/// `only_streams` are the streams that are published; without them it is the default stream, and a file that stands in
/// any declared stream may lie in the tree.
pub fn author_tree(tree: &AuthorTree, only_streams: Option<&[StreamName]>) -> Checked {
    let mut findings = archive_files(&tree.charm);
    let draft = entity::draft(&tree.texts, &mut findings);
    findings.extend(resources::check(tree, draft.as_ref(), only_streams));
    let (entity, findings) = conclude(draft.map(|draft| draft.entity), findings);
    Checked { entity, findings }
}

/// Checks what goes into an archive, or came in one: names, kinds, links and hooks. Not sorted.
pub fn archive_files(entries: &[TreeEntry]) -> Vec<Finding> {
    let mut findings = files::check(entries, "");
    findings.extend(links::check(entries, ""));
    findings.extend(files::check_hooks(entries));
    findings
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;
    use test_case::test_case;

    use super::*;
    use crate::finding::{has_errors, printed};
    use crate::tree::EntryKind;

    const RESOURCES: &str = "\
default-stream: stable
streams:
  stable:
    common:
      - base.zip
    amd64: [app.zip]
  paid:
    common:
      - base.zip
      - licence.bin
";

    fn file(path: &str) -> TreeEntry {
        TreeEntry { path: path.to_owned(), kind: EntryKind::File { executable: true }, size: 1 }
    }

    fn link(path: &str, target: &str) -> TreeEntry {
        TreeEntry { path: path.to_owned(), kind: EntryKind::Link { target: target.to_owned() }, size: 0 }
    }

    fn charm(entries: impl IntoIterator<Item = TreeEntry>) -> AuthorTree {
        let texts = [("metadata.yaml", "name: a\nformat: 3\n")];
        let texts = texts.map(|(file, text)| (file.to_owned(), text.as_bytes().to_vec())).into();
        AuthorTree { charm: entries.into_iter().collect(), resources: Vec::new(), texts }
    }

    fn with_resources(entries: impl IntoIterator<Item = TreeEntry>) -> AuthorTree {
        let mut tree = charm([]);
        tree.texts.insert("resources.yaml".to_owned(), RESOURCES.as_bytes().to_vec());
        tree.resources = entries.into_iter().collect();
        tree
    }

    fn findings_of(tree: &AuthorTree) -> String {
        let Checked { entity, findings } = author_tree(tree, None);
        assert_eq!(entity.is_none(), has_errors(&findings));
        printed(&findings)
    }

    #[test]
    fn a_tree_that_holds_what_it_declares_stands() {
        assert_eq!(findings_of(&with_resources([file("amd64/app.zip"), file("common/base.zip")])), "");
    }

    #[test]
    fn a_forgotten_overlay_is_named_with_the_line_to_add() {
        let files = ["amd64/app.zip", "common/base.zip", "common/layers/20-tls.tar", "arm64/app.zip"];
        assert_snapshot!(findings_of(&with_resources(files.map(file))), @"");
    }

    #[test]
    fn a_declared_file_that_is_not_there_is_named_with_its_line() {
        assert_snapshot!(findings_of(&with_resources([file("common/base.zip")])), @"");
    }

    #[test]
    fn a_file_of_another_stream_may_lie_there_and_is_not_asked_for() {
        let files = ["amd64/app.zip", "common/base.zip", "common/licence.bin"];
        assert_eq!(findings_of(&with_resources(files.map(file))), "");
    }

    #[test]
    fn only_the_streams_that_are_published_count() {
        let tree = with_resources(["amd64/app.zip", "common/base.zip"].map(file));
        let Checked { findings, .. } = author_tree(&tree, Some(&["paid".parse().unwrap()]));
        assert_snapshot!(printed(&findings), @"");
    }

    #[test]
    fn a_stream_that_is_not_declared_cannot_be_published() {
        let tree = with_resources(["amd64/app.zip", "common/base.zip"].map(file));
        let Checked { findings, .. } = author_tree(&tree, Some(&["payd".parse().unwrap()]));
        assert_snapshot!(printed(&findings), @"");
    }

    #[test]
    fn resources_lie_in_a_tree() {
        let files = ["amd64/app.zip", "common/base.zip", "loose.zip", "amd46/x", "sparc/y"];
        assert_snapshot!(findings_of(&with_resources(files.map(file))), @"");
    }

    #[test]
    fn resources_without_a_declaration_are_refused() {
        let mut tree = charm([]);
        tree.resources = vec![file("common/a.zip"), file("common/b.zip")];
        assert_snapshot!(findings_of(&tree), @"");
    }

    #[test]
    fn a_declaration_that_cannot_be_read_speaks_against_no_file() {
        let mut tree = with_resources([file("common/x")]);
        tree.texts.insert("resources.yaml".to_owned(), b"streams:\n\ts:\n".to_vec());
        assert_snapshot!(findings_of(&tree), @"");
    }

    #[test]
    fn the_layout_of_a_unit_may_lie_beside_the_trees() {
        let links = [link("arch", "amd64"), link("app.zip", "amd64/app.zip"), link("base.zip", "common/base.zip")];
        let files = ["amd64/app.zip", "common/base.zip"].map(file);
        assert_eq!(findings_of(&with_resources(files.into_iter().chain(links))), "");
    }

    #[test]
    fn a_link_inside_the_resources_stands_for_its_file() {
        let entries = [file("common/base.zip"), link("amd64/app.zip", "../common/base.zip")];
        assert_eq!(findings_of(&with_resources(entries)), "");
    }

    #[test]
    fn a_resource_that_leads_out_of_the_resources_is_refused() {
        let entries = [file("common/base.zip"), link("amd64/app.zip", "../../../app.zip")];
        assert_snapshot!(findings_of(&with_resources(entries)), @"");
    }

    #[test]
    fn a_compressed_resource_is_pointed_out() {
        let mut tree = with_resources([file("common/app.tar.gz")]);
        let resources = "default-stream: s\nstreams: {s: {common: [app.tar.gz]}}\n";
        tree.texts.insert("resources.yaml".to_owned(), resources.as_bytes().to_vec());
        assert_snapshot!(findings_of(&tree), @"");
    }

    #[test_case("../outside", false; "above the tree")]
    #[test_case("/etc/passwd", false; "absolute")]
    #[test_case("sub/../../outside", false; "down and further up")]
    #[test_case("up/../../outside", false; "further up behind a link")]
    #[test_case("self", false; "a circle")]
    #[test_case("hooks.py", true; "a neighbour")]
    #[test_case("../lib/hooks.py", true; "another directory")]
    #[test_case("nowhere", true; "dangling")]
    fn a_link_stays_in_the_tree(target: &str, stays: bool) {
        let tree = charm([link("hooks/self", target), link("hooks/up", "..")]);
        assert_eq!(findings_of(&tree).is_empty(), stays, "{}", findings_of(&tree));
    }

    #[test]
    fn a_link_that_leaves_the_tree_is_refused_with_its_target() {
        assert_snapshot!(findings_of(&charm([link("lib", "../common/lib"), link("etc", "/etc"), link("a", "a")])), @"");
    }

    #[test]
    fn names_that_do_not_travel_are_refused() {
        let names = ["a\u{fffd}b", "a\tb", "a\\b", "README.md", "Readme.md", "caf\u{e9}", "cafe\u{301}", "Lib/a", "lib/b"];
        assert_snapshot!(findings_of(&charm(names.map(file))), @"");
    }

    #[test]
    fn only_files_directories_and_links_travel() {
        let pipe = TreeEntry { path: "run/pipe".to_owned(), kind: EntryKind::Other("a pipe"), size: 0 };
        assert_snapshot!(findings_of(&charm([pipe])), @"");
    }

    #[test]
    fn a_hook_that_is_not_executable_is_pointed_out() {
        let idle = |path: &str| TreeEntry { kind: EntryKind::File { executable: false }, ..file(path) };
        let entries = ["dispatch", "hooks/install", "hooks/hooks.py", "hooks/lib/x", "src/charm.py"].map(idle);
        assert_snapshot!(findings_of(&charm(entries.into_iter().chain([file("hooks/start")]))), @"");
    }

    #[test]
    fn everything_is_found_at_once() {
        let mut tree = with_resources(["common/base.zip", "common/tls.tar", "Amd64/app.zip"].map(file));
        tree.charm = vec![link("lib", "../lib"), file("a\\b")];
        tree.texts.insert("metadata.yaml".to_owned(), b"name: A\nname: b\nformat: 0\n".to_vec());
        let codes: Vec<_> = author_tree(&tree, None).findings.into_iter().map(|it| it.code).collect();
        assert_snapshot!(codes.join(" "), @"");
    }

    proptest! {
        #[test]
        fn any_tree_is_checked_to_an_end(
            entries in proptest::collection::vec(("[ab.](/[ab.]{1,2}){0,3}", proptest::option::of("/?[ab.]{1,2}(/[ab.]{1,2}){0,3}")), 0..8)
        ) {
            let entries: Vec<_> = entries.iter().map(|(path, target)| match target {
                Some(target) => link(path, target),
                None => file(path),
            }).collect();
            let mut tree = with_resources(entries.clone());
            tree.charm = entries;
            let Checked { entity, findings } = author_tree(&tree, None);
            prop_assert_eq!(entity.is_none(), has_errors(&findings));
        }
    }
}
