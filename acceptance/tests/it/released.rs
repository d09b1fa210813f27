//! A charm that is published, released and installed: where most tests begin.

use acceptance::{Proxy, Server, Tree, User};
use serde_json::Value;

/// Asserts that a printed number of bytes is what passed: they differ by no more than a hundredth, and by what is too
/// little to be worth printing.
#[track_caller]
pub(crate) fn assert_printed(printed: &Value, passed: u64) {
    let printed = printed.as_u64().unwrap();
    assert!(printed.abs_diff(passed) <= passed / 100 + 200, "{printed} is printed, and {passed} passed");
}

/// A store, its first author, and a charm called `app` that is released and runs on an amd64 unit.
pub(crate) struct Released {
    pub(crate) server: Server,
    /// What the author and the unit reach the store through.
    pub(crate) proxy: Proxy,
    pub(crate) joe: User,
    pub(crate) app: Tree,
}

impl Released {
    /// Publishes, releases and installs `app` with these resources, such as `common/a.bin`.
    pub(crate) fn new(resources: &[(&str, &[u8])]) -> Self {
        let server = Server::start();
        let proxy = Proxy::to(&server.url());
        let joe = server.user("joe", &[]).at(&proxy.url());
        let paths: Vec<&str> = resources.iter().map(|(path, _)| *path).collect();
        let mut app = Tree::charm(joe.dir(), "app");
        if !paths.is_empty() {
            app.declare(&["stable"], &paths);
        }
        for (path, bytes) in resources {
            app = app.resource(path, bytes);
        }
        let id = joe.publish_id("app");
        joe.publish_json(&["release", &id]);
        joe.deploy_json(&["install", "~joe/app", "unit", "--arch", "amd64"]);
        Self { server, proxy, joe, app }
    }

    /// Publishes what stands in the tree, and returns the result, whose numbers are true.
    pub(crate) fn publish(&self) -> Value {
        let before = self.proxy.sent();
        let published = self.joe.publish_json(&["app"]);
        assert_printed(&published["sent"], self.proxy.sent() - before);
        published
    }

    /// Releases what was published, brings the unit to it, and returns what the unit's program said.
    pub(crate) fn upgrade_to(&self, published: &Value) -> Value {
        self.joe.publish_json(&["release", published["id"].as_str().unwrap()]);
        let before = self.proxy.received();
        let upgraded = self.joe.deploy_json(&["upgrade", "unit"]);
        assert_printed(&upgraded["fetched_bytes"], self.proxy.received() - before);
        upgraded
    }

    /// Returns the size of the archive of what a reference means, in bytes.
    pub(crate) fn archive_bytes(&self, id: &str) -> u64 {
        self.joe.publish_json(&["resolve", id])["archive"]["size"].as_u64().unwrap()
    }

    /// Returns a file of the unit, as its hooks see it.
    pub(crate) fn on_unit(&self, path: &str) -> Vec<u8> {
        let path = self.joe.dir().join("unit").join(path);
        std::fs::read(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
    }
}
