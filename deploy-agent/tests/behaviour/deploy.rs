//! What the verbs do when nothing goes wrong, and what they refuse.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::sample::Sample;
use crate::store::Store;
use crate::unit::{Unit, exists};

const FILES: &[(&str, &str)] =
    &[("common/base.zip", "base"), ("amd64/bin/mysqld", "mysqld"), ("arm64/bin/mysqld", "arm")];

#[test]
fn a_charm_and_its_resources_are_laid_out_as_documented() {
    let sample = Sample::new(1, FILES);
    let store = Store::with(&sample);
    let unit = Unit::new(&store);
    let outcome = unit.install().ok();
    assert_eq!(outcome["schema"], "charm-deploy/install@1");
    assert_eq!((&outcome["change"], &outcome["id"]), (&json!("installed"), &json!(sample.id())));

    assert_eq!(unit.read("charm/hooks/install"), "#!/bin/sh\necho 1\n");
    let mode = |path: &str| fs::metadata(unit.dir().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("charm/hooks/install"), mode("resources/base.zip")), (0o755, 0o644));
    assert_eq!(unit.read("resources/base.zip"), "base");
    assert_eq!(unit.read("charm/resources/bin/mysqld"), "mysqld");
    assert_eq!(unit.read("resources/arch/bin/mysqld"), "mysqld");
    assert_eq!(unit.link("resources/bin/mysqld").to_str(), Some("../amd64/bin/mysqld"));
    assert_eq!(unit.link("charm").to_str(), Some(".charm-deploy/current/charm"));
    assert_eq!(unit.running(), Some(sample.id()));
    assert_eq!(store.take_asked(), ["archive", "resources/amd64/bin/mysqld", "resources/common/base.zip"]);
    assert_eq!(unit.run("verify", &[]).ok()["differences"], json!([]));
    assert_eq!(unit.run("status", &[]).ok()["previous"], json!(null));
}

#[test]
fn only_what_changed_is_fetched() {
    let store = Store::with(&Sample::new(1, FILES));
    let unit = Unit::new(&store);
    unit.install().ok();
    store.take_asked();
    let next = Sample::new(2, &[("common/base.zip", "base"), ("amd64/bin/mysqld", "newer")]);
    store.release(&next);
    let outcome = unit.upgrade().ok();
    assert_eq!(store.take_asked(), ["archive", "resources/amd64/bin/mysqld"]);
    assert_eq!(outcome["reused_bytes"], json!("base".len()));
    assert_eq!(outcome["fetched_bytes"], json!(next.archive.len() + "newer".len()));
    assert_eq!(unit.read("resources/bin/mysqld"), "newer");
}

#[test]
fn an_archive_that_stays_is_not_fetched() {
    let store = Store::with(&Sample::new(1, FILES));
    let unit = Unit::new(&store);
    unit.install().ok();
    store.take_asked();
    let mut next = Sample::new(1, &[("common/base.zip", "newer"), ("amd64/bin/mysqld", "mysqld")]);
    next.resolution.id = "~joe/precise/mysql-1.stable.2".parse().unwrap();
    store.release(&next);
    unit.upgrade().ok();
    assert_eq!(store.take_asked(), ["resources/common/base.zip"]);
}

#[test]
fn a_file_that_was_changed_in_place_is_fetched_and_not_copied() {
    let store = Store::with(&Sample::new(1, FILES));
    let unit = Unit::new(&store);
    unit.install().ok();
    unit.write("resources/base.zip", "evil");
    store.take_asked();
    store.release(&Sample::new(2, FILES));
    unit.upgrade().ok();
    assert_eq!(store.take_asked(), ["archive", "resources/common/base.zip"]);
    assert_eq!(unit.read("resources/base.zip"), "base");
}

#[test]
fn an_upgrade_to_the_same_changes_nothing() {
    let store = Store::with(&Sample::new(1, FILES));
    let unit = Unit::new(&store);
    unit.install().ok();
    let before = unit.link(".charm-deploy/current");
    store.take_asked();
    assert_eq!(unit.upgrade().ok()["change"], "unchanged");
    assert_eq!(unit.install().ok()["change"], "unchanged");
    assert_eq!((store.take_asked(), unit.link(".charm-deploy/current")), (Vec::new(), before));
}

#[test]
fn what_was_asked_for_last_is_what_an_upgrade_asks_for() {
    let store = Store::with(&Sample::new(1, FILES));
    let unit = Unit::new(&store);
    unit.install().ok();
    store.take_asked();
    let dir = unit.dir();
    let pinned = unit.command(&["upgrade", dir.to_str().unwrap(), "~joe/mysql-1"]).output().unwrap();
    assert!(pinned.status.success());
    let status = unit.run("status", &[]).ok();
    assert_eq!((&status["asked"], &status["channel"]), (&json!("~joe/mysql-1"), &json!("stable")));
    assert_eq!(store.take_asked(), Vec::<String>::new());
}

#[test]
fn data_beside_the_charm_survives_everything() {
    let store = Store::with(&Sample::new(1, FILES));
    let unit = Unit::new(&store);
    unit.write("data/db", "precious");
    unit.install().ok();
    store.release(&Sample::new(2, FILES));
    unit.upgrade().ok();
    unit.run("rollback", &[]).ok();
    assert_eq!(unit.read("data/db"), "precious");
}

#[test]
fn a_rollback_needs_no_store_and_a_second_one_goes_forward() {
    let (one, two) = (Sample::new(1, FILES), Sample::new(2, &[("common/base.zip", "newer")]));
    let store = Store::with(&one);
    let unit = Unit::new(&store);
    unit.install().ok();
    assert_eq!(unit.run("rollback", &[]).refused(), (5, "E-NOTHING-BEFORE".to_owned()));
    store.release(&two);
    unit.upgrade().ok();
    store.take_asked();
    for (id, text) in [(one.id(), "base"), (two.id(), "newer"), (one.id(), "base")] {
        assert_eq!(unit.run("rollback", &[]).ok()["change"], "rolled-back");
        assert_eq!((unit.running(), unit.read("resources/base.zip")), (Some(id), text.to_owned()));
    }
    assert_eq!(store.take_asked(), Vec::<String>::new());
    assert_eq!((unit.count("states"), unit.count("trees"), unit.count("fetch")), (2, 2, 0));
}

#[test]
fn a_rollback_to_a_tree_that_changed_is_refused() {
    let store = Store::with(&Sample::new(1, FILES));
    let unit = Unit::new(&store);
    unit.install().ok();
    unit.write("charm/hooks/install", "changed");
    let next = Sample::new(2, FILES);
    store.release(&next);
    unit.upgrade().ok();
    let run = unit.run("rollback", &[]);
    assert_eq!(run.refused(), (9, "E-ALTERED".to_owned()));
    assert!(run.complaint().contains("changed  charm/hooks/install"), "{}", run.complaint());
    assert_eq!(unit.running(), Some(next.id()));
}

#[test]
fn verify_lists_every_difference_and_install_mends_them() {
    let store = Store::with(&Sample::new(1, FILES));
    let unit = Unit::new(&store);
    unit.install().ok();
    unit.write("charm/hooks/install", "changed");
    unit.write("charm/new", "a hook's note");
    fs::remove_file(unit.dir().join("charm/resources/common/base.zip")).unwrap();
    let run = unit.run("verify", &[]);
    assert_eq!(run.exit(), 9);
    let expected = json!([
        {"path": "charm/hooks/install", "what": "changed"},
        {"path": "charm/resources/common/base.zip", "what": "missing"},
    ]);
    assert_eq!((&run.result()["differences"], &run.result()["extra"]), (&expected, &json!(["charm/new"])));
    store.take_asked();
    assert_eq!(unit.install().ok()["change"], "repaired");
    assert_eq!(store.take_asked(), ["resources/common/base.zip"]);
    assert_eq!(unit.run("verify", &[]).ok()["differences"], json!([]));
}

#[test]
fn a_directory_that_is_not_ours_is_left_alone() {
    let store = Store::with(&Sample::new(1, FILES));
    let unit = Unit::new(&store);
    unit.write("charm/mine", "mine");
    assert_eq!(unit.install().refused(), (2, "E-IN-THE-WAY".to_owned()));
    assert_eq!(unit.read("charm/mine"), "mine");
    assert!(!exists(&unit.dir().join("resources")) && !exists(&unit.dir().join(".charm-deploy")));
}

#[test]
fn a_second_charm_is_an_upgrade_and_no_installation() {
    let store = Store::with(&Sample::new(1, FILES));
    let unit = Unit::new(&store);
    unit.install().ok();
    store.release(&Sample::new(2, FILES));
    assert_eq!(unit.install().refused(), (2, "E-INSTALLED".to_owned()));
}

#[test]
fn where_nothing_is_installed_every_other_verb_says_so() {
    let store = Store::with(&Sample::new(1, FILES));
    let unit = Unit::new(&store);
    for verb in ["upgrade", "rollback", "status", "verify"] {
        assert_eq!(unit.run(verb, &[]).refused(), (5, "E-NOT-INSTALLED".to_owned()), "{verb}");
    }
    assert!(!unit.dir().exists());
}

#[test]
fn a_charm_without_resources_has_none() {
    let mut sample = Sample::new(1, &[]);
    sample.resolution.resources = None;
    let store = Store::with(&sample);
    let unit = Unit::new(&store);
    unit.install().ok();
    assert_eq!(unit.run("verify", &[]).ok()["differences"], json!([]));
    assert!(!unit.dir().join("resources").exists());
}
