//! Which bytes move: the table of the seeds' use cases, row by row. A new file moves whole; of a large one that changed a
//! little, a little does, whether the store has made its patches or not. That the numbers are true is asserted where they
//! are printed.

use acceptance::{Server, Tree, noise};
use serde_json::{Value, json};
use test_case::test_case;

use crate::little::{Store, Way, inserted, most_fetched, most_sent};
use crate::released::Released;

const KB: usize = 1000;

/// Asserts the charm's revision and whether it is new, the resources' revision and whether that is new.
#[track_caller]
fn assert_revisions(published: &Value, charm: (u32, bool), resources: (u32, bool)) {
    let revision = |(revision, new): (u32, bool)| json!({ "revision": revision, "new": new });
    assert_eq!(published["charm"], revision(charm), "{published}");
    assert_eq!(published["streams"]["stable"], revision(resources), "{published}");
}

/// Asserts how many bytes the publisher sent and the unit fetched at most. The contents here are new wherever they
/// change, so that little less is not enough, but for the archive, of which little may do.
#[track_caller]
fn assert_moved(published: &Value, sent: u64, upgraded: &Value, fetched: u64) {
    for (moved, most) in [(&published["sent"], sent), (&upgraded["fetched_bytes"], fetched)] {
        let moved = moved.as_u64().unwrap();
        let frames = if most == 0 { 0 } else { most / 100 + 200 };
        assert!(moved <= most + frames && moved + 1000 >= most, "{moved} of {most}: {published} {upgraded}");
    }
}

#[test_case(&[("common/a.bin", 90)], 90, 90; "common alone")]
#[test_case(&[("amd64/a.bin", 70), ("arm64/a.bin", 60)], 130, 70; "one for each architecture")]
#[test_case(&[("common/a.bin", 90), ("arm64/extra.bin", 60)], 150, 90; "an extra for another architecture")]
#[test_case(&[("common/a.bin", 90), ("amd64/extra.bin", 60)], 150, 150; "an extra for this architecture")]
fn a_new_charm_is_sent_whole_and_a_unit_fetches_common_and_its_own(
    files: &[(&str, usize)],
    sent_kb: u64,
    fetched_kb: u64,
) {
    let server = Server::start();
    let joe = server.user("joe", &[]);
    let paths: Vec<_> = files.iter().map(|(path, _)| *path).collect();
    let tree = Tree::charm(joe.dir(), "app").declaring(&["stable"], &paths);
    for (seed, (path, n_kb)) in files.iter().enumerate() {
        tree.write(&format!("resources/{path}"), noise(seed as u64, n_kb * KB));
    }
    let published = joe.publish_json(&["app"]);
    joe.publish_json(&["release", "~joe/app-0.stable.0"]);
    let installed = joe.deploy_json(&["install", "~joe/app", "unit", "--arch", "amd64"]);
    let archive = installed["archive"]["size"].as_u64().unwrap();
    assert_revisions(&published, (0, true), (0, true));
    assert_moved(&published, archive + sent_kb * 1000, &installed, archive + fetched_kb * 1000);
}

#[test]
fn the_same_content_for_two_architectures_is_sent_once() {
    let server = Server::start();
    let joe = server.user("joe", &[]);
    let both = noise(1, 80 * KB);
    let _tree = Tree::charm(joe.dir(), "app")
        .declaring(&["stable"], &["amd64/a.bin", "arm64/a.bin"])
        .resource("amd64/a.bin", &both)
        .resource("arm64/a.bin", &both);
    let published = joe.publish_json(&["app"]);
    let archive = joe.publish_json(&["resolve", "~joe/app-0"])["archive"]["size"].as_u64().unwrap();
    assert!(published["sent"].as_u64().unwrap() < archive + 81_000, "{published}");
}

#[test]
fn what_was_published_already_makes_no_revision_and_sends_nothing() {
    let app = Released::new(&[("common/a.bin", &noise(1, 50 * KB))]);
    let published = app.publish();
    assert_revisions(&published, (0, false), (0, false));
    let upgraded = app.upgrade_to(&published);
    assert_moved(&published, 0, &upgraded, 0);
    assert_eq!(upgraded["change"], "unchanged");
}

#[test]
fn changed_resource_files_alone_make_a_resource_revision_and_move_alone() {
    let app = Released::new(&[
        ("common/big.bin", &noise(1, 500 * KB)),
        ("common/a.bin", &noise(2, 40 * KB)),
        ("amd64/b.bin", &noise(3, 30 * KB)),
        ("arm64/b.bin", &noise(4, 20 * KB)),
    ]);
    app.app.write("resources/common/a.bin", noise(5, 41 * KB));
    app.app.write("resources/amd64/b.bin", noise(6, 31 * KB));
    app.app.write("resources/arm64/b.bin", noise(7, 21 * KB));
    let published = app.publish();
    assert_revisions(&published, (0, false), (1, true));
    let upgraded = app.upgrade_to(&published);
    assert_moved(&published, 93_000, &upgraded, 72_000);
    assert_eq!(app.on_unit("resources/b.bin"), noise(6, 31 * KB));
}

#[test]
fn a_changed_hook_alone_makes_a_charm_revision_and_the_resources_stay_pointed_at() {
    let app = Released::new(&[("common/a.bin", &noise(1, 50 * KB))]);
    app.app.write_hook("install", "#!/bin/sh\necho changed\n");
    let published = app.publish();
    assert_revisions(&published, (1, true), (0, false));
    assert_eq!(published["id"], "~joe/app-1.stable.0");
    let upgraded = app.upgrade_to(&published);
    let archive = app.archive_bytes("~joe/app-1");
    assert_moved(&published, archive, &upgraded, archive);
    assert_eq!(app.on_unit("charm/hooks/install"), b"#!/bin/sh\necho changed\n");
}

#[test]
fn a_changed_hook_and_a_changed_resource_make_a_revision_each() {
    let app = Released::new(&[("common/a.bin", &noise(1, 50 * KB)), ("common/b.bin", &noise(2, 60 * KB))]);
    app.app.write_hook("install", "#!/bin/sh\necho changed\n");
    app.app.write("resources/common/b.bin", noise(3, 61 * KB));
    let published = app.publish();
    assert_revisions(&published, (1, true), (1, true));
    let upgraded = app.upgrade_to(&published);
    let both = app.archive_bytes("~joe/app-1") + 61_000;
    assert_moved(&published, both, &upgraded, both);
}

#[test]
fn a_new_declared_file_makes_both_revisions_because_the_shape_is_the_charm_s() {
    let app = Released::new(&[("common/a.bin", &noise(1, 50 * KB))]);
    app.app.declare(&["stable"], &["common/a.bin", "common/new.bin"]);
    app.app.write("resources/common/new.bin", noise(2, 30 * KB));
    let published = app.publish();
    assert_revisions(&published, (1, true), (1, true));
    let upgraded = app.upgrade_to(&published);
    let both = app.archive_bytes("~joe/app-1") + 30_000;
    assert_moved(&published, both, &upgraded, both);
}

/// A base image, and one layer over it.
fn layered() -> Released {
    Released::new(&[
        ("common/layers/00-base.tar", &noise(1, 800 * KB)),
        ("common/layers/10-app.tar", &noise(2, 40 * KB)),
    ])
}

#[test]
fn an_updated_overlay_moves_and_its_base_image_does_not() {
    let app = layered();
    app.app.write("resources/common/layers/10-app.tar", noise(3, 42 * KB));
    let published = app.publish();
    assert_revisions(&published, (0, false), (1, true));
    let upgraded = app.upgrade_to(&published);
    assert_moved(&published, 42_000, &upgraded, 42_000);
    assert_eq!(app.on_unit("resources/layers/00-base.tar"), noise(1, 800 * KB));
}

#[test]
fn a_new_declared_overlay_moves_alone() {
    let app = layered();
    let layers = ["common/layers/00-base.tar", "common/layers/10-app.tar", "common/layers/20-tls.tar"];
    app.app.declare(&["stable"], &layers);
    app.app.write("resources/common/layers/20-tls.tar", noise(3, 20 * KB));
    let published = app.publish();
    assert_revisions(&published, (1, true), (1, true));
    let upgraded = app.upgrade_to(&published);
    let both = app.archive_bytes("~joe/app-1") + 20_000;
    assert_moved(&published, both, &upgraded, both);
}

#[test]
fn a_forgotten_overlay_is_refused_and_nothing_moves() {
    let app = layered();
    app.app.write("resources/common/layers/20-tls.tar", noise(3, 20 * KB));
    let run = app.joe.publish(&["app"]).code(3);
    assert!(run.stderr.contains("error[E-SHAPE-EXTRA]"), "{run}");
    assert!(run.stderr.ends_with("nothing was sent.\n"), "{run}");
    assert_eq!(app.joe.resolve("~joe/app@latest"), "~joe/app-0.stable.0");
}

#[test]
fn two_streams_have_their_own_revisions_and_share_their_bytes() {
    let server = Server::start();
    let joe = server.user("joe", &[]);
    let tree = Tree::charm(joe.dir(), "app")
        .declaring(&["stable", "devel"], &["common/a.bin", "common/b.bin"])
        .resource("common/a.bin", noise(1, 90 * KB))
        .resource("common/b.bin", noise(2, 10 * KB));
    joe.publish_json(&["app"]);
    tree.write("resources/common/b.bin", noise(3, 11 * KB));
    let devel = joe.publish_json(&["app", "--stream", "devel"]);
    assert_eq!(devel["streams"], json!({ "devel": { "revision": 0, "new": true } }));
    assert!((11_000..11_400).contains(&devel["sent"].as_u64().unwrap()), "{devel}");
    let stable = joe.publish_json(&["app"]);
    assert_eq!(stable["streams"], json!({ "stable": { "revision": 1, "new": true } }));
    assert_eq!(stable["sent"], 0);
}

/// How large the files are of which little changes.
const LARGE: usize = 2 << 20;

/// A charm of everything large: an archive, files for both and for each, and an overlay over its base image.
struct Large {
    app: Released,
}

const LARGE_FILES: [&str; 6] = [
    "common/a.bin",
    "common/b.bin",
    "amd64/c.bin",
    "arm64/c.bin",
    "common/layers/00-base.tar",
    "common/layers/10-app.tar",
];

impl Large {
    fn new() -> Self {
        let contents: Vec<_> = (0..).map(|seed| noise(seed, LARGE)).take(LARGE_FILES.len()).collect();
        let files: Vec<_> = LARGE_FILES.iter().copied().zip(contents.iter().map(Vec::as_slice)).collect();
        let large = Self { app: Released::new(&files) };
        large.app.app.write("files/data.bin", noise(99, LARGE));
        large.app.upgrade_to(&large.app.publish());
        large
    }

    /// Puts a few more bytes into a file, and returns what it is then.
    fn change(&self, path: &str) -> Vec<u8> {
        let bytes = inserted(std::fs::read(self.app.app.dir().join(path)).unwrap());
        self.app.app.write(path, &bytes);
        bytes
    }

    /// Publishes and upgrades by that way. Asserts that little moved: for so many large blobs up, and so many down.
    #[track_caller]
    fn assert_little_moves(&self, way: Way, n_up: u64, n_down: u64) -> Value {
        let old = self.app.joe.resolve("~joe/app");
        let published = self.app.publish();
        let store = Store { url: self.app.server.url(), proxy: &self.app.proxy, joe: &self.app.joe };
        store.open_way(way, &old, published["id"].as_str().unwrap());
        let upgraded = self.app.upgrade_to(&published);
        let [sent, fetched] = [&published["sent"], &upgraded["fetched_bytes"]].map(|it| it.as_u64().unwrap());
        assert!(sent > 0 && sent <= most_sent(n_up), "{sent} bytes went up: {published}");
        let most = most_fetched(way, n_down, LARGE as u64);
        assert!(fetched > 0 && fetched <= most, "{way:?}: {fetched} of {most} bytes came down: {upgraded}");
        published
    }
}

#[test]
fn of_large_files_that_changed_a_little_a_little_moves_row_by_row() {
    let large = Large::new();
    let (mut charm, mut resources) = (1, 0);
    for (way, n) in Way::ALL.into_iter().zip(1..) {
        // Few resource files: their chunks up, and down those of the own architecture.
        let changed = ["common/b.bin", "amd64/c.bin", "arm64/c.bin"];
        let [_, ours, _] = changed.map(|place| large.change(&format!("resources/{place}")));
        resources += 1;
        let published = large.assert_little_moves(way, 3, 2);
        assert_revisions(&published, (charm, false), (resources, true));
        assert!(large.app.on_unit("resources/c.bin") == ours);

        // A hook alone: the tree's delta.
        let hook = format!("#!/bin/sh\necho changed {n}\n");
        large.app.app.write_hook("install", &hook);
        charm += 1;
        let published = large.assert_little_moves(way, 1, 1);
        assert_revisions(&published, (charm, true), (resources, false));
        assert_eq!(large.app.on_unit("charm/hooks/install"), hook.as_bytes());

        // A large member of the archive, overwritten: the chunk, and that of the table which has its checksum.
        let mut member = noise(99, LARGE);
        member[LARGE / 2..LARGE / 2 + 4].copy_from_slice(format!("{n:04}").as_bytes());
        large.app.app.write("files/data.bin", &member);
        charm += 1;
        let published = large.assert_little_moves(way, 2, 2);
        assert_revisions(&published, (charm, true), (resources, false));
        assert!(large.app.on_unit("charm/files/data.bin") == member);

        // A hook and resources: both.
        large.app.app.write_hook("install", &format!("{hook}# again\n"));
        let a = large.change("resources/common/a.bin");
        (charm, resources) = (charm + 1, resources + 1);
        let published = large.assert_little_moves(way, 2, 2);
        assert_revisions(&published, (charm, true), (resources, true));
        assert!(large.app.on_unit("resources/a.bin") == a);

        // An overlay: its chunks; the base image is not touched.
        let overlay = large.change("resources/common/layers/10-app.tar");
        resources += 1;
        let published = large.assert_little_moves(way, 1, 1);
        assert_revisions(&published, (charm, false), (resources, true));
        assert!(large.app.on_unit("resources/layers/10-app.tar") == overlay);
        assert!(large.app.on_unit("resources/layers/00-base.tar") == noise(4, LARGE));
    }
}
