//! Nothing that somebody was told to be there is lost with the power.
//!
//! The real programs run under `strace`, and its log is read in order. Flushes are made slow, so that whoever does not
//! wait for one is early for certain.

use acceptance::{Disk, Losses, Server, Settings, Strace, Tree, noise};
use tempfile::TempDir;

use crate::released::Released;

/// More than the first part.
const TWO_PARTS: usize = 9 << 20;

/// In microseconds: longer than a row takes to be written, flushed and answered. SQLite itself calls `fsync`.
const SLOW_FLUSHES: &str = "fdatasync:delay_enter=200000";

#[track_caller]
fn assert_nothing_lost(losses: &Losses, n_moments: usize) {
    assert!(losses.n_moments >= n_moments, "the log has only {} moments to look at", losses.n_moments);
    assert!(losses.lost.is_empty(), "not flushed:\n{}", losses.lost.join("\n"));
}

/// Says whether a file must outlive a loss of power: not what is derived and can be made again, as the index of words is,
/// nor SQLite's index of its log, which it makes again.
fn is_kept_by_the_store(path: &str) -> bool {
    let is_derived = path.contains("/blobs/d/") || path.contains("/data/search");
    path.contains("/data/") && !is_derived && !path.ends_with("-shm")
}

fn is_good_answer(line: &str) -> bool {
    line.contains("<socket:") && line.contains("\"HTTP/1.1 2")
}

#[test]
fn an_acknowledged_byte_is_flushed_before_its_acknowledgement() {
    let log_dir = TempDir::new().unwrap();
    let log = log_dir.path().join("calls");
    let under = Strace::to(&log).and_injecting(SLOW_FLUSHES).wrapper();
    let mut server = Server::with(Settings { under, ..Settings::default() });
    let joe = server.user("joe", &[]);
    let tree = Tree::charm(joe.dir(), "app")
        .declaring(&["stable"], &["common/a.bin", "common/b.bin"])
        .resource("common/a.bin", noise(1, TWO_PARTS))
        .resource("common/b.bin", "b");
    // One at a time: what another request has under way is not what was acknowledged.
    joe.publish_json(&["app", "--jobs", "1"]);
    tree.write("resources/common/a.bin", [noise(1, TWO_PARTS / 2), noise(2, 1000)].concat());
    tree.write_hook("install", "#!/bin/sh\n");
    let id = joe.publish_json(&["app", "--jobs", "1"])["id"].as_str().unwrap().to_owned();
    joe.publish_json(&["release", &id]);
    server.stop();
    assert_nothing_lost(&Disk::losses(&log, is_kept_by_the_store, is_good_answer), 10);
}

#[test]
fn a_pulled_tree_is_flushed_before_it_has_its_name() {
    let app = Released::new(&[("common/a.bin", &noise(1, 300_000)), ("amd64/below/b.bin", b"b")]);
    let log = app.server.dir().join("calls");
    // In full, as the log has the paths of what is open.
    let copy = app.joe.dir().join("copy");
    let args = ["pull", "~joe/app", copy.to_str().unwrap()];
    let mut pull = app.joe.command_under(&Strace::to(&log).wrapper(), "charm-publish", &args);
    assert!(pull.output().unwrap().status.success());
    let is_kept = |path: &str| {
        path.contains("/.copy.pull/tree/")
            || path.contains("/.copy.pull/resources/")
            || path.ends_with("/copy")
    };
    let is_named_or_told =
        |line: &str| line.starts_with("rename") && line.contains("/copy\"") || line.starts_with("write(1<");
    assert_nothing_lost(&Disk::losses(&log, is_kept, is_named_or_told), 2);
    assert!(!app.joe.dir().join(".copy.pull").exists());
}

#[test]
fn a_unit_runs_nothing_that_is_not_flushed() {
    let app = Released::new(&[("common/a.bin", &noise(1, 300_000)), ("common/b.bin", b"b")]);
    app.app.write("resources/common/a.bin", noise(2, 300_000));
    app.app.write_hook("install", "#!/bin/sh\n");
    app.joe.publish_json(&["release", app.publish()["id"].as_str().unwrap()]);
    let log = app.server.dir().join("calls");
    let wrapper = Strace::to(&log).wrapper();
    // In full, as the log has the paths of what is open.
    let unit = app.joe.dir().join("unit");
    let args = ["upgrade", unit.to_str().unwrap(), "--format", "json"];
    let mut upgrade = app.joe.command_under(&wrapper, "charm-deploy", &args);
    assert!(upgrade.output().unwrap().status.success());
    let is_kept = |path: &str| path.contains("/.charm-deploy/") && !path.ends_with("/lock");
    let is_switch_or_word = |line: &str| {
        line.starts_with("rename") && line.contains("/current\"") || line.starts_with("write(1<")
    };
    assert_nothing_lost(&Disk::losses(&log, is_kept, is_switch_or_word), 2);
}
