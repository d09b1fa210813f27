//! A unit runs the old charm or the new one, whole, whatever happens in between.

use std::fs;
use std::thread;
use std::time::Instant;

use acceptance::noise;
use serde_json::json;
use tempfile::TempDir;

use crate::released::Released;

const N_KILLS: u32 = 12;

/// A charm whose hook and resource both say which version it is.
fn versioned(version: u8) -> (String, Vec<u8>) {
    (format!("#!/bin/sh\necho {version}\n"), noise(u64::from(version), 300_000))
}

/// A released charm of version 0.
fn released() -> Released {
    let app = Released::new(&[("common/a.bin", &versioned(0).1), ("arm64/other.bin", b"other")]);
    app.app.write_hook("install", &versioned(0).0);
    app.upgrade_to(&app.publish());
    app
}

fn change(app: &Released, version: u8) {
    let (hook, resource) = versioned(version);
    app.app.write_hook("install", &hook);
    app.app.write("resources/common/a.bin", resource);
}

/// Asserts that the unit runs that version, and nothing of another.
#[track_caller]
fn assert_runs(app: &Released, version: u8) {
    let (hook, resource) = versioned(version);
    assert_eq!(app.on_unit("charm/hooks/install"), hook.as_bytes());
    assert_eq!(app.on_unit("resources/a.bin"), resource);
    assert_eq!(app.on_unit("charm/resources/a.bin"), resource);
    assert!(app.joe.deploy(&["verify", "unit"]).ok().stdout.contains("as they were installed"));
}

#[test]
fn a_unit_has_the_files_of_common_and_its_architecture_where_hooks_look_for_them() {
    let app = Released::new(&[("common/d/a.bin", b"a"), ("amd64/b.bin", b"b"), ("arm64/b.bin", b"other")]);
    assert_eq!(app.on_unit("resources/d/a.bin"), b"a");
    assert_eq!(app.on_unit("resources/b.bin"), b"b");
    assert_eq!(app.on_unit("resources/common/d/a.bin"), b"a");
    assert_eq!(app.on_unit("resources/arch/b.bin"), b"b");
    assert!(!app.joe.dir().join("unit/resources/arm64").exists());
}

#[test]
fn the_state_names_the_full_reference_and_every_digest() {
    let app = Released::new(&[("common/a.bin", b"a")]);
    let state: serde_json::Value = serde_json::from_slice(&app.on_unit("charm-deploy.json")).unwrap();
    let resolved = app.joe.publish_json(&["resolve", "~joe/app"]);
    assert_eq!((&state["id"], &state["asked"]), (&"~joe/app-0.stable.0".into(), &"~joe/app".into()));
    for digest in ["sha256", "blake3", "tree"] {
        assert_eq!(state["archive"][digest], resolved["archive"][digest]);
    }
    assert_eq!(state["resources"]["files"], resolved["resources"]["files"]);
}

#[test]
fn an_upgrade_a_rollback_and_a_second_rollback_go_there_back_and_there_again() {
    let app = released();
    change(&app, 1);
    app.upgrade_to(&app.publish());
    assert_runs(&app, 1);
    let back = app.joe.deploy_json(&["rollback", "unit"]);
    assert_eq!((&back["change"], &back["fetched_bytes"]), (&"rolled-back".into(), &json!(0)));
    assert_runs(&app, 0);
    app.joe.deploy_json(&["rollback", "unit"]);
    assert_runs(&app, 1);
}

#[test]
fn data_beside_the_charm_survives() {
    let app = released();
    let data = app.joe.dir().join("unit/data/table");
    fs::create_dir(data.parent().unwrap()).unwrap();
    fs::write(&data, "rows").unwrap();
    change(&app, 1);
    app.upgrade_to(&app.publish());
    app.joe.deploy_json(&["rollback", "unit"]);
    assert_eq!(fs::read_to_string(&data).unwrap(), "rows");
}

#[test]
fn a_changed_file_is_found_by_verify_and_mended_by_install() {
    let app = released();
    fs::write(app.joe.dir().join("unit/charm/hooks/install"), "#!/bin/sh\nrm -rf /\n").unwrap();
    let run = app.joe.deploy(&["verify", "unit"]).code(9);
    assert!(run.stdout.contains("charm/hooks/install"), "{run}");
    app.joe.deploy_json(&["install", "~joe/app", "unit", "--arch", "amd64"]);
    assert_runs(&app, 0);
}

#[test]
fn without_a_store_an_upgrade_fails_cleanly_and_a_rollback_works() {
    let mut app = released();
    change(&app, 1);
    app.upgrade_to(&app.publish());
    app.server.kill();
    let run = app.joe.at(&app.server.url()).deploy(&["upgrade", "unit"]).code(8);
    assert!(run.stderr.contains("error[E-UNREACHABLE]"), "{run}");
    assert_runs(&app, 1);
    app.joe.deploy_json(&["rollback", "unit"]);
    assert_runs(&app, 0);
}

#[test]
fn a_killed_upgrade_leaves_the_old_or_the_new_and_the_next_one_finishes() {
    let app = released();
    change(&app, 1);
    let began = Instant::now();
    app.upgrade_to(&app.publish());
    let usual = began.elapsed();
    for turn in 0..N_KILLS {
        let (old, new) = if turn % 2 == 0 { (1, 0) } else { (0, 1) };
        change(&app, new);
        app.joe.publish_json(&["release", app.publish()["id"].as_str().unwrap()]);
        let mut upgrade = app.joe.spawn("charm-deploy", &["upgrade", "unit"]);
        thread::sleep(usual * turn / N_KILLS / 2);
        upgrade.kill().unwrap();
        upgrade.wait().unwrap();
        let is_old = app.on_unit("charm/hooks/install") == versioned(old).0.as_bytes();
        assert_runs(&app, if is_old { old } else { new });
        app.joe.deploy_json(&["upgrade", "unit"]);
        assert_runs(&app, new);
    }
}

#[test]
fn a_charm_is_pulled_as_its_author_s_tree_and_published_from_there_it_is_the_same() {
    let app = released();
    let elsewhere = TempDir::new().unwrap();
    let copy = elsewhere.path().join("app");
    app.joe.publish_json(&["pull", "~joe/app", copy.to_str().unwrap()]);
    assert_eq!(fs::read(copy.join("resources/arm64/other.bin")).unwrap(), b"other");
    let published = app.joe.publish_json(&[copy.to_str().unwrap()]);
    assert_eq!((&published["id"], &published["sent"]), (&app.joe.resolve("~joe/app").into(), &json!(0)));
}
