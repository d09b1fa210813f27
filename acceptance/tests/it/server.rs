//! Whatever the server acknowledged is there, however it ended; and several servers are one store.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use acceptance::{Run, Server, Tree, noise};

use crate::shared::shared;

const N_WRITERS: usize = 6;
const N_CRASHES: usize = 4;

#[test]
fn a_server_that_is_told_to_stop_ends_well_and_has_everything_when_it_comes_back() {
    let mut server = Server::start();
    let joe = server.user("joe", &[]);
    Tree::charm(joe.dir(), "app");
    let id = joe.publish_id("app");
    assert_eq!(server.stop(), Some(0));
    server.start_again();
    assert_eq!(joe.resolve("~joe/app@latest"), id);
}

#[test]
fn users_and_tokens_are_made_while_no_server_runs() {
    let mut server = Server::start();
    server.kill();
    let joe = server.user("joe", &["charmers"]);
    server.start_again();
    let me = joe.publish_json(&["whoami"]);
    assert_eq!((&me["user"], &me["groups"][0]), (&"joe".into(), &"charmers".into()));
}

#[test]
fn a_server_killed_during_an_upload_leaves_nothing_half_and_the_same_command_finishes() {
    let mut server = Server::start();
    let joe = server.user("joe", &[]);
    let bytes = noise(1, 128 << 20);
    let _tree = Tree::charm(joe.dir(), "app")
        .declaring(&["stable"], &["common/a.bin"])
        .resource("common/a.bin", &bytes);
    for _ in 0..3 {
        let before = bytes_in(server.dir());
        let mut upload = joe.spawn("charm-publish", &["app"]);
        while bytes_in(server.dir()) < before + (8 << 20) {
            thread::sleep(Duration::from_millis(5));
        }
        server.kill();
        upload.kill().unwrap();
        assert!(!upload.wait().unwrap().success(), "the upload was over before it was interrupted");
        server.start_again();
        assert_eq!(joe.publish(&["resolve", "~joe/app@latest"]).code, Some(5));
    }
    joe.publish_json(&["app"]);
    joe.publish_json(&["pull", "~joe/app@latest", "copy"]);
    assert!(fs::read(joe.dir().join("copy/resources/common/a.bin")).unwrap() == bytes);
}

#[test]
fn whatever_was_acknowledged_before_a_crash_is_there_after_it() {
    crash_and_look(Server::start());
}

#[tokio::test]
async fn whatever_was_acknowledged_before_a_crash_is_in_the_database_and_the_bucket_after_it() {
    let Some(settings) = shared().await else { return };
    crash_and_look(Server::with(settings));
}

/// Kills a server while it commits, again and again.
fn crash_and_look(mut server: Server) {
    let joe = server.user("joe", &[]);
    let mut acknowledged: Vec<String> = Vec::new();
    for crash in 0..N_CRASHES {
        let writers: Vec<_> = (0..N_WRITERS)
            .map(|writer| {
                let name = format!("app-c{crash}w{writer}");
                Tree::charm(joe.dir(), &name);
                let joe = joe.clone();
                thread::spawn(move || joe.publish(&["--quiet", &name]))
            })
            .collect();
        thread::sleep(Duration::from_millis(60 + 40 * crash as u64));
        server.kill();
        server.start_again();
        let runs = writers.into_iter().map(|it| it.join().unwrap());
        acknowledged.extend(runs.filter_map(|run| acknowledgement(&run)));
        for id in &acknowledged {
            assert_eq!(joe.resolve(id), *id);
        }
    }
    assert_eq!(server.admin(&["doctor"]).code, Some(0));
}

/// Returns how many bytes the files of a store have together.
fn bytes_in(dir: &Path) -> u64 {
    // A file that goes away while it is looked at counts nothing.
    let mut left = vec![dir.join("data")];
    let mut n_bytes = 0;
    while let Some(path) = left.pop() {
        match fs::read_dir(&path) {
            Ok(entries) => left.extend(entries.flatten().map(|it| it.path())),
            Err(_) => n_bytes += path.metadata().map_or(0, |it| it.len()),
        }
    }
    n_bytes
}

/// Returns the reference that a publish was answered with; none if the crash came before the answer.
fn acknowledgement(run: &Run) -> Option<String> {
    assert!(matches!(run.code, Some(0 | 8)), "{run}");
    (run.code == Some(0)).then(|| run.stdout.trim().to_owned())
}

#[tokio::test]
async fn what_is_published_through_one_server_is_deployed_through_another() {
    let Some(settings) = shared().await else { return };
    let one = Server::with(settings.clone());
    let other = Server::with(settings);
    let joe = one.user("joe", &[]);
    let bytes = noise(1, 5 << 20);
    let tree = Tree::charm(joe.dir(), "app").declaring(&["stable"], &["common/a.bin"]);
    tree.write("resources/common/a.bin", &bytes);
    joe.publish_json(&["release", &joe.publish_id("app")]);
    let elsewhere = joe.at(&other.url());
    elsewhere.deploy_json(&["install", "~joe/app", "unit"]);
    assert!(fs::read(joe.dir().join("unit/resources/a.bin")).unwrap() == bytes);
    tree.write_hook("install", "#!/bin/sh\n");
    elsewhere.publish_json(&["release", &elsewhere.publish_id("app")]);
    assert_eq!(joe.resolve("~joe/app"), "~joe/app-1.stable.0");
}
