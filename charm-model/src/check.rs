//! The offline proof of a tree: all that a publish would be refused for and that can be known without a store.

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
/// `only_streams` are the streams that are published. Without them it is the default stream, and a file that any
/// declared stream has may lie in the tree.
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
        assert_snapshot!(findings_of(&with_resources(files.map(file))), @r"
        error[E-SHAPE-EXTRA]: `resources/arm64/app.zip` is on disk but not declared: stream `stable`, tree `arm64` declares 0 files
          --> resources.yaml:3
        help: add it to `resources.yaml`, which makes a new charm revision and a new resource revision:
              arm64:
                - app.zip
              or remove it: rm resources/arm64/app.zip
        error[E-SHAPE-EXTRA]: `resources/common/layers/20-tls.tar` is on disk but not declared: stream `stable`, tree `common` declares 1 file
          --> resources.yaml:5
        help: add it to `resources.yaml`, which makes a new charm revision and a new resource revision:
              - layers/20-tls.tar
              or remove it: rm resources/common/layers/20-tls.tar
        ");
    }

    #[test]
    fn a_declared_file_that_is_not_there_is_named_with_its_line() {
        assert_snapshot!(findings_of(&with_resources([file("common/base.zip")])), @r"
        error[E-SHAPE-MISSING]: `resources/amd64/app.zip` is declared by stream `stable` and is not on disk
          --> resources.yaml:6
        help: put the file there, or remove `- app.zip` from this list
        ");
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
        assert_snapshot!(printed(&findings), @r"
        error[E-SHAPE-EXTRA]: `resources/amd64/app.zip` is on disk but not declared: stream `paid`, tree `amd64` declares 0 files
          --> resources.yaml:7
        help: add it to `resources.yaml`, which makes a new charm revision and a new resource revision:
              amd64:
                - app.zip
              or remove it: rm resources/amd64/app.zip
        error[E-SHAPE-MISSING]: `resources/common/licence.bin` is declared by stream `paid` and is not on disk
          --> resources.yaml:10
        help: put the file there, or remove `- licence.bin` from this list
        ");
    }

    #[test]
    fn a_stream_that_is_not_declared_cannot_be_published() {
        let tree = with_resources(["amd64/app.zip", "common/base.zip"].map(file));
        let Checked { findings, .. } = author_tree(&tree, Some(&["payd".parse().unwrap()]));
        assert_snapshot!(printed(&findings), @r"
        error[E-STREAM-UNKNOWN]: `payd` is no stream of `resources.yaml`
          --> resources.yaml
        help: `paid` is probably meant
        ");
    }

    #[test]
    fn resources_lie_in_a_tree() {
        let files = ["amd64/app.zip", "common/base.zip", "loose.zip", "amd46/x", "sparc/y"];
        assert_snapshot!(findings_of(&with_resources(files.map(file))), @r"
        error[E-TREE-NAME]: `resources/amd46/` is neither `common` nor a known architecture
        help: `amd64` is probably meant
        error[E-TREE-NAME]: `resources/loose.zip` is in no tree
        help: move it to `resources/common/`, or to an architecture's directory
        error[E-TREE-NAME]: `resources/sparc/` is neither `common` nor a known architecture
        help: known are: common, amd64, arm64, armhf, i386, ppc64el, riscv64, s390x
        ");
    }

    #[test]
    fn resources_without_a_declaration_are_refused() {
        let mut tree = charm([]);
        tree.resources = vec![file("common/a.zip"), file("common/b.zip")];
        assert_snapshot!(findings_of(&tree), @r"
        error[E-SHAPE-EXTRA]: `resources/common/a.zip` and 1 more are on disk, and there is no `resources.yaml`
        help: declare what is there in `resources.yaml`, which `charm-publish init` writes; or remove it
        ");
    }

    #[test]
    fn a_declaration_that_cannot_be_read_speaks_against_no_file() {
        let mut tree = with_resources([file("common/x")]);
        tree.texts.insert("resources.yaml".to_owned(), b"streams:\n\ts:\n".to_vec());
        assert_snapshot!(findings_of(&tree), @r"
        error[E-YAML-SYNTAX]: a tab stands in the indentation
          --> resources.yaml:2
        help: replace it with spaces: YAML takes no tabs there
        ");
    }

    #[test]
    fn the_layout_of_a_unit_may_lie_beside_the_trees() {
        let links =
            [link("arch", "amd64"), link("app.zip", "amd64/app.zip"), link("base.zip", "common/base.zip")];
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
        assert_snapshot!(findings_of(&with_resources(entries)), @r"
        error[E-SHAPE-MISSING]: `resources/amd64/app.zip` is declared by stream `stable` and is not on disk
          --> resources.yaml:6
        help: put the file there, or remove `- app.zip` from this list
        error[E-LINK-ESCAPES]: the symbolic link `resources/amd64/app.zip` points to `../../../app.zip`, which leaves the tree
          --> resources/amd64/app.zip
        help: put the file itself there, or a link to one in the tree
        ");
    }

    #[test]
    fn a_compressed_resource_is_pointed_out() {
        let mut tree = with_resources([file("common/app.tar.gz")]);
        let resources = "default-stream: s\nstreams: {s: {common: [app.tar.gz]}}\n";
        tree.texts.insert("resources.yaml".to_owned(), resources.as_bytes().to_vec());
        assert_snapshot!(findings_of(&tree), @r"
        warning[W-GZIP]: `resources/common/app.tar.gz` cannot share bytes between its versions
          --> resources/common/app.tar.gz
        help: ship what is in it as `.tar` or `.zip`, or compress it with `gzip --rsyncable`
        ");
    }

    #[test_case("../../outside", false; "above the tree")]
    #[test_case("/etc/passwd", false; "absolute")]
    #[test_case("sub/../../../outside", false; "down and further up")]
    #[test_case("up/../outside", false; "further up behind a link")]
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
        assert_snapshot!(findings_of(&charm([link("lib", "../common/lib"), link("etc", "/etc"), link("a", "a")])), @r"
        error[E-LINK-ESCAPES]: the symbolic link `a` points to `a`, which leads in a circle
          --> a
        help: put the file itself there
        error[E-LINK-ESCAPES]: the symbolic link `etc` points to `/etc`, which is an absolute path
          --> etc
        help: make it relative to the link's directory
        error[E-LINK-ESCAPES]: the symbolic link `lib` points to `../common/lib`, which leaves the tree
          --> lib
        help: put the file itself there, or a link to one in the tree
        ");
    }

    #[test]
    fn names_that_do_not_travel_are_refused() {
        let names = ["a\u{fffd}b", "a\tb", "a\\b", "README.md", "Readme.md", "Lib/a", "lib/b"];
        assert_snapshot!(findings_of(&charm(names.map(file))), @r"
        error[E-FILE-NAME]: `Lib` and `lib` differ by case or Unicode form only
        help: give one of them another name
        error[E-FILE-NAME]: `README.md` and `Readme.md` differ by case or Unicode form only
        help: give one of them another name
        error[E-FILE-NAME]: the name of `a\b` has a backslash
        help: rename the file
        error[E-FILE-NAME]: the name of `a\tb` has a control character
        help: rename the file
        error[E-FILE-NAME]: the name of `a�b` is not UTF-8
        help: rename the file
        ");
    }

    #[test]
    fn names_that_differ_by_unicode_form_are_refused() {
        let findings = findings_of(&charm(["caf\u{e9}", "cafe\u{301}"].map(file)));
        assert!(
            findings.starts_with("error[E-FILE-NAME]: `cafe\u{301}` and `caf\u{e9}` differ"),
            "{findings}"
        );
    }

    #[test]
    fn only_files_directories_and_links_travel() {
        let pipe = TreeEntry { path: "run/pipe".to_owned(), kind: EntryKind::Other("a pipe"), size: 0 };
        assert_snapshot!(findings_of(&charm([pipe])), @r"
        error[E-FILE-KIND]: `run/pipe` is a pipe
          --> run/pipe
        help: remove it; only directories, files and symbolic links are published
        ");
    }

    #[test]
    fn a_hook_that_is_not_executable_is_pointed_out() {
        let idle = |path: &str| TreeEntry { kind: EntryKind::File { executable: false }, ..file(path) };
        let entries =
            ["dispatch", "hooks/install", "hooks/hooks.py", "hooks/lib/x", "src/charm.py"].map(idle);
        assert_snapshot!(findings_of(&charm(entries.into_iter().chain([file("hooks/start")]))), @r"
        warning[W-HOOK-MODE]: `dispatch` is not executable
          --> dispatch
        help: chmod +x dispatch
        warning[W-HOOK-MODE]: `hooks/install` is not executable
          --> hooks/install
        help: chmod +x hooks/install
        ");
    }

    #[test]
    fn everything_is_found_at_once() {
        let mut tree = with_resources(["common/base.zip", "common/tls.tar", "Amd64/app.zip"].map(file));
        tree.charm = vec![link("lib", "../lib"), file("a\\b")];
        tree.texts.insert("metadata.yaml".to_owned(), b"name: A\nname: b\nformat: 0\n".to_vec());
        let codes: Vec<_> = author_tree(&tree, None).findings.into_iter().map(|it| it.code).collect();
        assert_snapshot!(codes.join(" "), @"E-FILE-NAME E-TREE-NAME E-LINK-ESCAPES E-YAML-DUPLICATE E-FORMAT-MISSING E-SHAPE-EXTRA E-SHAPE-MISSING");
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
