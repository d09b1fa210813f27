//! What moves, counted on the way: the numbers that are printed are true, and only what changed goes up and down.
//!
//! `ACCEPTANCE_MIB` says how large the tree is; `cargo xtask large` makes it as large as the promise.

use std::env;

use acceptance::{Proxy, Server, Tree, User, noise};

use crate::little::{Store, Way, inserted, most_fetched, most_sent};
use crate::released::assert_printed;

/// How large the whole tree is, in MiB, unless `ACCEPTANCE_MIB` says otherwise.
const MIB: usize = 128;

const N_FILES: usize = 64;
const N_CHANGED: usize = 3;

/// An author and a unit behind the same proxy.
struct Line {
    server: Server,
    proxy: Proxy,
    joe: User,
}

impl Line {
    fn new() -> Self {
        let server = Server::start();
        let proxy = Proxy::to(&server.url());
        let joe = server.user("joe", &[]).at(&proxy.url());
        Self { server, proxy, joe }
    }

    /// Publishes `app` and releases it. Returns how many bytes went up, and the full reference.
    fn publish(&self) -> (u64, String) {
        let before = self.proxy.sent();
        let published = self.joe.publish_json(&["app"]);
        let sent = self.proxy.sent() - before;
        assert_printed(&published["sent"], sent);
        let id = published["id"].as_str().unwrap().to_owned();
        self.joe.publish_json(&["release", &id]);
        (sent, id)
    }

    /// Runs a verb on the unit, and returns how many bytes came down.
    fn deploy(&self, args: &[&str]) -> u64 {
        let before = self.proxy.received();
        let deployed = self.joe.deploy_json(args);
        let received = self.proxy.received() - before;
        assert_printed(&deployed["fetched_bytes"], received);
        received
    }
}

#[test]
fn printed_numbers_are_what_passed() {
    let line = Line::new();
    let files = ["common/a.bin", "amd64/b.bin"];
    let tree = Tree::charm(line.joe.dir(), "app")
        .declaring(&["stable"], &files)
        .resource(files[0], noise(1, 3_000_000))
        .resource(files[1], noise(2, 1_000_000));
    assert!(line.publish().0 >= 4_000_000);
    assert!(line.deploy(&["install", "~joe/app", "unit", "--arch", "amd64"]) >= 4_000_000);
    tree.write("resources/common/a.bin", noise(3, 2_000_000));
    tree.write_hook("install", "#!/bin/sh\n");
    assert!((2_000_000..2_100_000).contains(&line.publish().0));
    assert!((2_000_000..2_100_000).contains(&line.deploy(&["upgrade", "unit"])));
    let before = line.proxy.received();
    let pulled = line.joe.publish_json(&["pull", "~joe/app", "copy"]);
    assert_printed(&pulled["bytes"], line.proxy.received() - before);
}

#[test]
fn of_a_large_tree_only_what_changed_goes_up_and_down() {
    let file_bytes = env::var("ACCEPTANCE_MIB").map_or(MIB, |it| it.parse().unwrap()) * (1 << 20) / N_FILES;
    let paths: Vec<String> = (0..N_FILES).map(|number| format!("common/{number}.bin")).collect();
    only_what_changed_goes_up_and_down(&paths, N_CHANGED, file_bytes);
}

#[test]
fn of_one_large_file_only_what_changed_goes_up_and_down() {
    only_what_changed_goes_up_and_down(&["common/a.bin".to_owned()], 1, 32 << 20);
}

/// Publishes files of that size and installs them, and then changes the first few a little, twice.
fn only_what_changed_goes_up_and_down(paths: &[String], n_changed: usize, file_bytes: usize) {
    let line = Line::new();
    let names: Vec<&str> = paths.iter().map(String::as_str).collect();
    let tree = Tree::charm(line.joe.dir(), "app").declaring(&["stable"], &names);
    let mut contents: Vec<_> = (0..).map(|seed| noise(seed, file_bytes)).take(n_changed).collect();
    for (seed, path) in names.iter().enumerate() {
        tree.write(&format!("resources/{path}"), noise(seed as u64, file_bytes));
    }
    let whole = (names.len() * file_bytes) as u64;
    let (sent, mut old) = line.publish();
    assert!(sent >= whole);
    assert!(line.deploy(&["install", "~joe/app", "unit", "--arch", "amd64"]) >= whole);
    for way in Way::ALL {
        for (content, path) in contents.iter_mut().zip(&names) {
            *content = inserted(std::mem::take(content));
            tree.write(&format!("resources/{path}"), &*content);
        }
        let (sent, new) = line.publish();
        Store { url: line.server.url(), proxy: &line.proxy, joe: &line.joe }.open_way(way, &old, &new);
        let (fetched, n_files) = (line.deploy(&["upgrade", "unit"]), n_changed as u64);
        assert!(sent > 0 && sent <= most_sent(n_files), "{sent} bytes went up");
        let most = most_fetched(way, n_files, file_bytes as u64);
        assert!(fetched > 0 && fetched <= most, "{fetched} of {most} bytes came down");
        old = new;
    }
    for (content, path) in contents.iter().zip(&names) {
        let on_unit = line.joe.dir().join("unit/resources").join(path);
        assert!(std::fs::read(on_unit).unwrap() == *content, "{path}");
    }
    assert_eq!((line.publish().0, line.deploy(&["upgrade", "unit"])), (0, 0), "nothing had changed");
}
