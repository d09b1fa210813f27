//! What is wrong with a tree is told before anything is sent: all of it at once, and the store hears nothing.

use std::net::TcpListener;

use acceptance::{Run, Server, Tree, User};
use test_case::test_case;

const DECLARED: &str =
    "default-stream: stable\nshape:\n  common: [a.bin]\n  amd64: [b.bin]\nstreams:\n  stable:\n";

/// A charm in which nothing is wrong.
fn sound(user: &User) -> Tree {
    Tree::charm(user.dir(), "app")
        .file("resources.yaml", DECLARED)
        .resource("common/a.bin", "a")
        .resource("amd64/b.bin", "b")
}

/// Publishes to a store that would notice a single connection, and asserts that there was none.
fn publish_unheard(spoil: impl FnOnce(Tree) -> Tree, args: &[&str]) -> Run {
    let server = Server::start();
    let ear = TcpListener::bind("127.0.0.1:0").unwrap();
    ear.set_nonblocking(true).unwrap();
    let joe = server.user("joe", &[]).at(&format!("http://{}", ear.local_addr().unwrap()));
    spoil(sound(&joe));
    let run = joe.publish(&[&["app"], args].concat());
    assert!(ear.accept().is_err(), "the store was spoken to: {run}");
    run
}

fn metadata_without_format(tree: Tree) -> Tree {
    tree.file("metadata.yaml", "name: app\nsummary: s\ndescription: d\nseries: [trusty]\n")
}

fn declaring_in_common(tree: Tree, path: &str) -> Tree {
    tree.file("resources.yaml", DECLARED.replace("[a.bin]", &format!("[a.bin, {path}]")))
}

#[test_case(|it| it.resource("common/20-tls.tar", "x"), "E-SHAPE-EXTRA"; "a forgotten overlay")]
#[test_case(|it| it.resource("arm64/c.bin", "x"), "E-SHAPE-EXTRA"; "a file of an undeclared architecture")]
#[test_case(|it| declaring_in_common(it, "b.bin").resource("common/b.bin", "x"), "E-SHAPE-COLLISION"; "common and an architecture")]
#[test_case(|it| declaring_in_common(it, "A.bin").resource("common/A.bin", "x"), "E-SHAPE-COLLISION"; "names that differ in case only")]
#[test_case(|it| declaring_in_common(it, "a.bin/c"), "E-SHAPE-COLLISION"; "a file that is a directory too")]
#[test_case(|it| declaring_in_common(it, "c.bin"), "E-SHAPE-MISSING"; "a missing file")]
#[test_case(metadata_without_format, "E-FORMAT-MISSING"; "no format")]
#[test_case(|it| it.file("metadata.yaml", "name: app\nsummary: s\ndescription: d\nseries: [trusty]\nformat: 99\n"), "E-FORMAT-UNKNOWN"; "a format of the future")]
#[test_case(|it| it.file("resources.yaml", DECLARED.replace("default-stream: stable", "default-stream: stabel")), "E-RESOURCES-DEFAULT"; "an unknown default stream")]
#[test_case(|it| it.file("resources.yaml", DECLARED.replace("  common", "\tcommon")), "E-YAML-SYNTAX"; "a tab")]
#[test_case(|it| it.file("resources.yaml", format!("{DECLARED}default-stream: devel\n")), "E-YAML-DUPLICATE"; "a key that stands twice")]
#[test_case(|it| it.file("resources.yaml", format!("{DECLARED}strems: {{}}\n")), "E-YAML-UNKNOWN-KEY"; "a misspelt key")]
#[test_case(|it| declaring_in_common(it, "/etc/passwd"), "E-PATH"; "an absolute path")]
#[test_case(|it| declaring_in_common(it, "../a.bin"), "E-PATH"; "a path upwards")]
#[test_case(|it| declaring_in_common(it, "e\u{301}.bin"), "E-PATH"; "a path in another Unicode form")]
#[test_case(|it| it.file("resources.yaml", DECLARED.replace("[a.bin]", "\n      a.bin\n      c.bin")), "E-PATH-FOLDED"; "several names in one text")]
#[test_case(|it| it.link("hooks/start", "../../elsewhere"), "E-LINK-ESCAPES"; "a link that leaves the tree")]
#[test_case(|it| it.link("hooks/start", "/etc/passwd"), "E-LINK-ESCAPES"; "an absolute link")]
#[test_case(|it| it.file("README", "x").file("readme", "y"), "E-FILE-NAME"; "files that differ in case only")]
#[test_case(|it| it.file("\u{e9}", "x").file("e\u{301}", "y"), "E-FILE-NAME"; "files that differ in Unicode form only")]
fn a_fault_is_told_with_exit_3_and_nothing_is_sent(spoil: fn(Tree) -> Tree, code: &str) {
    let run = publish_unheard(spoil, &[]).code(3);
    assert!(run.stderr.contains(&format!("error[{code}]")), "{code} is missing: {run}");
    assert!(run.stderr.ends_with("nothing was sent.\n") && run.stdout.is_empty(), "{run}");
}

#[test]
fn an_undeclared_stream_is_told_with_exit_3_and_nothing_is_sent() {
    let run = publish_unheard(|it| it, &["--stream", "nightly"]).code(3);
    assert!(run.stderr.contains("error[E-STREAM-UNKNOWN]"), "{run}");
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let spoil = |tree| {
        metadata_without_format(declaring_in_common(tree, "b.bin"))
            .resource("common/20-tls.tar", "x")
            .link("hooks/start", "/etc/passwd")
            .file("README", "x")
            .file("readme", "y")
    };
    let run = publish_unheard(spoil, &[]).code(3);
    for code in [
        "E-FORMAT-MISSING",
        "E-SHAPE-COLLISION",
        "E-SHAPE-MISSING",
        "E-SHAPE-EXTRA",
        "E-LINK-ESCAPES",
        "E-FILE-NAME",
    ] {
        assert!(run.stderr.contains(&format!("error[{code}]")), "{code} is missing: {run}");
    }
    assert_eq!(run.stderr.matches("nothing was sent.").count(), 1);
}

#[test]
fn a_finding_names_its_file_its_line_and_its_mend() {
    let run = publish_unheard(|it| it.resource("common/20-tls.tar", "x"), &[]).code(3);
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert!(lines[0].contains("`resources/common/20-tls.tar` is on disk but not declared"), "{run}");
    assert!(lines[1].starts_with("  --> resources.yaml:"), "{run}");
    assert!(lines[2].starts_with("help: add it to `resources.yaml`"), "{run}");
}

#[test]
fn check_tells_the_same_without_any_store() {
    let server = Server::start();
    let joe = server.user("joe", &[]).at("http://nowhere.invalid");
    let _tree = sound(&joe).resource("common/20-tls.tar", "x");
    let checked = joe.publish(&["check", "app", "--format", "json"]).code(3).json();
    assert_eq!((&checked["ok"], &checked["findings"][0]["code"]), (&false.into(), &"E-SHAPE-EXTRA".into()));
}
