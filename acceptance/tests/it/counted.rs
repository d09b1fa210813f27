//! What moves, counted on the way: the numbers that are printed are true, and only what changed goes up and down.
//!
//! `ACCEPTANCE_MIB` says how large the tree is; `cargo xtask large` makes it as large as the promise.

use std::env;

use acceptance::{Proxy, Server, Tree, User, noise};

use crate::released::assert_printed;

/// How large the whole tree is, in MiB, unless `ACCEPTANCE_MIB` says otherwise.
const MIB: usize = 128;

const N_FILES: usize = 64;
const N_CHANGED: usize = 3;

/// Returns what of a file that changed in one place moves at most, in bytes: where nothing better is known, all of it.
fn most_of_a_change(file_bytes: u64) -> u64 {
    file_bytes + 10_000
}

/// An author and a unit behind the same proxy.
struct Line {
    _server: Server,
    proxy: Proxy,
    joe: User,
}

impl Line {
    fn new() -> Self {
        let server = Server::start();
        let proxy = Proxy::to(&server.url());
        let joe = server.user("joe", &[]).at(&proxy.url());
        Self { _server: server, proxy, joe }
    }

    /// Publishes `app`, and returns how many bytes went up.
    fn publish(&self) -> u64 {
        let before = self.proxy.sent();
        let published = self.joe.publish_json(&["app"]);
        let sent = self.proxy.sent() - before;
        assert_printed(&published["sent"], sent);
        self.joe.publish_json(&["release", published["id"].as_str().unwrap()]);
        sent
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
    assert!(line.publish() >= 4_000_000);
    assert!(line.deploy(&["install", "~joe/app", "unit", "--arch", "amd64"]) >= 4_000_000);
    tree.write("resources/common/a.bin", noise(3, 2_000_000));
    tree.write_hook("install", "#!/bin/sh\n");
    assert!((2_000_000..2_100_000).contains(&line.publish()));
    assert!((2_000_000..2_100_000).contains(&line.deploy(&["upgrade", "unit"])));
    let before = line.proxy.received();
    let pulled = line.joe.publish_json(&["pull", "~joe/app", "copy"]);
    assert_printed(&pulled["bytes"], line.proxy.received() - before);
}

#[test]
fn of_a_large_tree_only_what_changed_goes_up_and_down() {
    let file_bytes = env::var("ACCEPTANCE_MIB").map_or(MIB, |it| it.parse().unwrap()) * (1 << 20) / N_FILES;
    let line = Line::new();
    let paths: Vec<String> = (0..N_FILES).map(|number| format!("common/{number}.bin")).collect();
    let names: Vec<&str> = paths.iter().map(String::as_str).collect();
    let tree = Tree::charm(line.joe.dir(), "app").declaring(&["stable"], &names);
    for (seed, path) in names.iter().enumerate() {
        tree.write(&format!("resources/{path}"), noise(seed as u64, file_bytes));
    }
    let whole = (N_FILES * file_bytes) as u64;
    assert!(line.publish() >= whole);
    assert!(line.deploy(&["install", "~joe/app", "unit", "--arch", "amd64"]) >= whole);
    for (seed, path) in names.iter().enumerate().take(N_CHANGED) {
        let mut bytes = noise(seed as u64, file_bytes);
        bytes.splice(file_bytes / 2..file_bytes / 2, *b"a few bytes more");
        tree.write(&format!("resources/{path}"), bytes);
    }
    let most = N_CHANGED as u64 * most_of_a_change(file_bytes as u64);
    let sent = line.publish();
    assert!(sent <= most, "{sent} bytes went up");
    let received = line.deploy(&["upgrade", "unit"]);
    assert!(received <= most, "{received} bytes came down");
    assert_eq!((line.publish(), line.deploy(&["upgrade", "unit"])), (0, 0), "nothing had changed");
}
