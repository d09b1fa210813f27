//! What is current moves by a release alone, whole, and one release at a time.

use std::thread;

use acceptance::{Run, Server, Tree, User, noise};
use serde_json::{Value, json};

use crate::released::Released;
use crate::shared::shared;

const N_WRITERS: usize = 64;

#[test]
fn publishing_never_moves_what_is_current() {
    let app = Released::new(&[("common/a.bin", &noise(1, 1000))]);
    app.app.write_hook("install", "#!/bin/sh\n");
    app.app.write("resources/common/a.bin", noise(2, 1000));
    assert_eq!(app.publish()["id"], "~joe/app-1.stable.1");
    assert_eq!(app.joe.resolve("~joe/app"), "~joe/app-0.stable.0");
    assert_eq!(app.joe.resolve("~joe/app@latest"), "~joe/app-1.stable.1");
    assert_eq!(app.joe.deploy_json(&["upgrade", "unit"])["change"], "unchanged");
}

#[test]
fn a_charm_that_was_never_released_is_current_nowhere() {
    let server = Server::start();
    let joe = server.user("joe", &[]);
    Tree::charm(joe.dir(), "app");
    joe.publish_id("app");
    let run = joe.publish(&["resolve", "~joe/app"]).code(5);
    assert!(run.stderr.contains("E-NOT-RELEASED"), "{run}");
}

/// A charm with two streams of one file, of which the newer charm revision declares two.
fn with_another_shape() -> (Server, User) {
    let server = Server::start();
    let joe = server.user("joe", &[]);
    let streams = ["stable", "paid"];
    let tree =
        Tree::charm(joe.dir(), "app").declaring(&streams, &["common/a.bin"]).resource("common/a.bin", "a");
    joe.publish_json(&["app", "--stream", "stable", "--stream", "paid"]);
    joe.publish_json(&["release", "~joe/app-0.stable.0", "--stream", "paid=0"]);
    tree.declare(&streams, &["common/a.bin", "common/b.bin"]);
    tree.write("resources/common/b.bin", "b");
    joe.publish_json(&["app"]);
    (server, joe)
}

#[test]
fn a_release_is_refused_while_any_stream_has_other_files_than_the_charm_declares() {
    let (_server, joe) = with_another_shape();
    let run = joe.publish(&["release", "~joe/app-1.stable.1"]).code(3);
    assert!(run.stderr.contains("error[E-RELEASE-STREAM]"), "{run}");
    assert!(
        run.stderr.contains("`paid`") && run.stderr.contains("common/b.bin"),
        "names the difference: {run}"
    );
    assert_eq!(joe.resolve("~joe/app"), "~joe/app-0.stable.0");
}

#[test]
fn a_release_names_resources_that_do_not_fit() {
    let (_server, joe) = with_another_shape();
    let run = joe.publish(&["release", "~joe/app-0.stable.1"]).code(3);
    assert!(run.stderr.contains("common/b.bin"), "{run}");
}

#[test]
fn a_stream_that_is_dropped_or_released_along_does_not_stand_in_the_way() {
    let (_server, joe) = with_another_shape();
    let moved = joe.publish_json(&["release", "~joe/app-1.stable.1", "--drop-stream", "paid"]);
    assert_eq!(moved["streams"]["paid"], json!({ "from": 0 }));
    assert_eq!(joe.resolve("~joe/app"), "~joe/app-1.stable.1");
    assert_eq!(joe.publish(&["resolve", "~joe/app.paid"]).code, Some(5));
    joe.publish_json(&["app", "--stream", "paid"]);
    let moved = joe.publish_json(&["release", "~joe/app-1.stable.1", "--stream", "paid=1"]);
    assert_eq!(moved["streams"]["paid"], json!({ "to": 1 }));
    assert_eq!(joe.resolve("~joe/app.paid"), "~joe/app-1.paid.1");
}

/// Publishes that many revisions of a charm without resources, and returns their references.
fn revisions(joe: &User, n: usize) -> Vec<String> {
    let tree = Tree::charm(joe.dir(), "app");
    let publish = |number: usize| {
        tree.write("revision-note", number.to_string());
        joe.publish_id("app")
    };
    (0..n).map(publish).collect()
}

fn history(joe: &User) -> Vec<Value> {
    let history = joe.publish_json(&["history", "~joe/app", "--limit", "1000"]);
    history["moves"].as_array().unwrap().iter().rev().cloned().collect()
}

/// Asserts that every move begins where the one before it ended.
fn assert_linear(history: &[Value]) {
    for pair in history.windows(2) {
        assert_eq!(pair[0]["to"], pair[1]["from"]);
        assert!(pair[0]["event"].as_u64() < pair[1]["event"].as_u64());
    }
}

#[test]
fn of_64_releases_that_saw_the_same_current_one_wins_and_the_others_are_told() {
    release_at_once(&[&Server::start()]);
}

#[tokio::test]
async fn of_64_releases_through_two_servers_one_wins_and_the_others_are_told() {
    let Some(settings) = shared().await else { return };
    release_at_once(&[&Server::with(settings.clone()), &Server::with(settings)]);
}

/// Lets 64 writers who all saw the same current release something else, through these servers of one store.
fn release_at_once(servers: &[&Server]) {
    let server = servers[0];
    let joe = server.user("joe", &[]);
    let ids = revisions(&joe, N_WRITERS + 1);
    joe.publish_json(&["release", &ids[0], "--if-current", "none"]);
    let doors: Vec<User> = servers.iter().map(|server| joe.at(&server.url())).collect();
    let release = |door: &User, id: &str| door.publish(&["release", id, "--if-current", &ids[0]]);
    let runs: Vec<Run> = thread::scope(|scope| {
        let writers = ids[1..].iter().zip(doors.iter().cycle());
        let writers: Vec<_> = writers.map(|(id, door)| scope.spawn(move || release(door, id))).collect();
        writers.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let (winners, losers): (Vec<_>, Vec<_>) = runs.iter().partition(|run| run.code == Some(0));
    assert_eq!(winners.len(), 1);
    for loser in losers {
        assert!(loser.code == Some(6) && loser.stderr.contains("error[E-NOT-CURRENT]"), "{loser}");
    }
    let history = history(&joe);
    assert_eq!(history.len(), 2);
    assert_linear(&history);
    assert_eq!(history[1]["to"], joe.resolve("~joe/app"));
}

#[test]
fn concurrent_releases_that_look_again_all_win_in_the_end_and_make_one_line() {
    let server = Server::start();
    let joe = server.user("joe", &[]);
    let ids = revisions(&joe, 9);
    joe.publish_json(&["release", &ids[0]]);
    let persist = |id: &str| {
        loop {
            let current = joe.resolve("~joe/app");
            match joe.publish(&["release", id, "--if-current", &current]) {
                Run { code: Some(0), .. } => break,
                run => assert_eq!(run.code, Some(6), "{run}"),
            }
        }
    };
    thread::scope(|scope| ids[1..].iter().for_each(|id| drop(scope.spawn(move || persist(id)))));
    let history = history(&joe);
    assert_eq!(history.len(), ids.len());
    assert_linear(&history);
}

#[test]
fn a_rollback_is_one_more_move_that_restores_charm_and_resources() {
    let app = Released::new(&[("common/a.bin", &noise(1, 1000))]);
    app.app.write_hook("install", "#!/bin/sh\n");
    app.app.write("resources/common/a.bin", noise(2, 1000));
    app.upgrade_to(&app.publish());
    let moved = app.joe.publish_json(&["rollback", "~joe/app", "--yes"]);
    assert_eq!(
        (&moved["from"], &moved["to"]),
        (&"~joe/app-1.stable.1".into(), &"~joe/app-0.stable.0".into())
    );
    assert_eq!(app.joe.resolve("~joe/app"), "~joe/app-0.stable.0");
    let history = history(&app.joe);
    assert_eq!(history.len(), 3);
    assert_linear(&history);
}

#[test]
fn every_pairing_that_was_current_is_remembered() {
    let app = Released::new(&[("common/a.bin", &noise(1, 1000))]);
    app.app.write_hook("install", "#!/bin/sh\n");
    app.app.write("resources/common/a.bin", noise(2, 1000));
    app.upgrade_to(&app.publish());
    let resolved = app.joe.publish_json(&["resolve", "~joe/app-0"]);
    assert_eq!(resolved["id"], "~joe/app-0.stable.0");
    assert_eq!(resolved["rule"], json!({ "charm": "named", "resources": "remembered" }));
}

#[test]
fn what_is_withdrawn_is_chosen_by_nobody_and_served_to_who_names_it() {
    let server = Server::start();
    let joe = server.user("joe", &[]);
    let ids = revisions(&joe, 3);
    joe.publish_json(&["release", &ids[0]]);
    joe.publish_json(&["yank", &ids[2], "--reason", "CVE-2026-1111"]);
    assert_eq!(joe.resolve("~joe/app@latest"), ids[1]);
    assert_eq!(joe.publish_json(&["resolve", &ids[2]])["withdrawn"], "CVE-2026-1111");
    let run = joe.publish(&["release", &ids[2]]).code(6);
    assert!(run.stderr.contains("error[E-WITHDRAWN]"), "{run}");
    joe.publish_json(&["unyank", &ids[2]]);
    assert_eq!(joe.resolve("~joe/app@latest"), ids[2]);
}

#[test]
fn what_is_current_is_withdrawn_only_together_with_a_move_away_from_it() {
    let server = Server::start();
    let joe = server.user("joe", &[]);
    let ids = revisions(&joe, 2);
    joe.publish_json(&["release", &ids[1]]);
    let run = joe.publish(&["yank", &ids[1], "--reason", "x"]).code(6);
    assert!(run.stderr.contains("error[E-YANK-CURRENT]"), "{run}");
    assert_eq!(joe.resolve("~joe/app"), ids[1]);
    joe.publish_json(&["yank", &ids[1], "--reason", "x", "--move-to", &ids[0]]);
    assert_eq!(joe.resolve("~joe/app"), ids[0]);
}

#[test]
fn a_channel_moves_alone() {
    let server = Server::start();
    let joe = server.user("joe", &[]);
    let ids = revisions(&joe, 2);
    joe.publish_json(&["release", &ids[0]]);
    joe.publish_json(&["release", &ids[1], "--channel", "edge"]);
    assert_eq!(joe.resolve("~joe/app"), ids[0]);
    assert_eq!(joe.publish_json(&["resolve", "~joe/app", "--channel", "edge"])["id"], ids[1]);
}
