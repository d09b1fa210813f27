//! What people see: whole conversations, as they stand on a terminal.

use acceptance::{Run, Server, Tree, User, noise};
use insta::assert_snapshot;

/// What somebody typed and was told.
pub(crate) struct Transcript {
    user: User,
    pub(crate) text: String,
}

impl Transcript {
    pub(crate) fn new(user: &User) -> Self {
        Self { user: user.clone(), text: String::new() }
    }

    /// Goes on as somebody else.
    pub(crate) fn run_as(self, user: &User) -> Self {
        Self { user: user.clone(), text: format!("{}# {}\n\n", self.text, user.name()) }
    }

    /// Types a command whose words hold no spaces.
    pub(crate) fn typed(mut self, line: &str) -> Self {
        let mut words = line.split(' ');
        let program = words.next().unwrap();
        let run = Run::of(&mut self.user.command(program, &words.collect::<Vec<_>>()));
        self.text.push_str(&run.to_string());
        self.text.push('\n');
        self
    }

    /// Types a command of the operator's, at the store's own machine.
    pub(crate) fn operated(mut self, server: &Server, line: &str) -> Self {
        let mut run = server.admin(&line.split(' ').collect::<Vec<_>>());
        run.line = format!("store-server {line}");
        self.text.push_str(&run.to_string());
        self.text.push('\n');
        self
    }
}

/// Takes out what differs from run to run: times, durations, digests, ports, directories, tokens and their
/// identifiers.
pub(crate) fn steady() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME");
    settings.add_filter(r"\d+\.\d s\b", "N s");
    settings.add_filter(r"sha256:[0-9a-f]{64}", "sha256:…");
    settings.add_filter(r"cst_[\w.-]+", "cst_…");
    settings.add_filter(r"\b[0-9a-f]{32}\b", "TOKEN-ID");
    settings.add_filter(r"\b[0-9a-f]{16}\b", "KEY-ID");
    settings.add_filter(r"\S+/store-\w{6}/", "DIR/");
    settings.add_filter(r"127\.0\.0\.1:\d+", "STORE");
    settings.set_omit_expression(true);
    settings
}

/// A charm with resources for two architectures in two streams.
fn mysql(joe: &User) -> Tree {
    let files = ["common/share.tar", "amd64/mysqld", "arm64/mysqld"];
    Tree::charm(joe.dir(), "mysql")
        .declaring(&["stable", "paid"], &files)
        .resource("common/share.tar", noise(1, 412_000))
        .resource("amd64/mysqld", noise(2, 607_300))
        .resource("arm64/mysqld", noise(3, 598_900))
}

#[test]
fn a_charm_is_published_released_deployed_changed_and_rolled_back() {
    let server = Server::start();
    let joe = server.user("joe", &["charmers"]);
    let tree = mysql(&joe);
    let before = Transcript::new(&joe)
        .typed("charm-publish whoami")
        .typed("charm-publish check mysql")
        .typed("charm-publish plan mysql")
        .typed("charm-publish mysql")
        .typed("charm-publish mysql")
        .typed("charm-publish mysql --stream paid")
        .typed("charm-publish release ~joe/mysql-0.stable.0 --stream paid=0")
        .typed("charm-deploy install ~joe/mysql unit --arch amd64")
        .typed("charm-deploy status unit");
    tree.write_hook("install", "#!/bin/sh\necho changed\n");
    tree.write("resources/amd64/mysqld", noise(4, 609_800));
    let after = before
        .typed("charm-publish mysql")
        .typed("charm-publish status ~joe/mysql")
        .typed(
            "charm-publish release ~joe/mysql-1.stable.1 --if-current ~joe/mysql-0.stable.0 --reason 8.0.38",
        )
        .typed("charm-publish resolve ~joe/mysql --arch amd64")
        .typed("charm-publish resolve ~joe/mysql-0")
        .typed("charm-deploy upgrade unit")
        .typed("charm-deploy upgrade unit")
        .typed("charm-deploy verify unit")
        .typed("charm-deploy rollback unit")
        .typed("charm-publish rollback ~joe/mysql --yes")
        .typed("charm-publish history ~joe/mysql")
        .typed("charm-publish show ~joe/mysql")
        .typed("charm-publish show ~joe/mysql-1 hooks/install");
    steady().bind(|| assert_snapshot!(after.text));
}

#[test]
fn refusals_say_what_is_wrong_and_what_to_do() {
    let server = Server::start();
    let joe = server.user("joe", &[]);
    let tree = mysql(&joe);
    joe.publish_json(&["mysql", "--stream", "stable", "--stream", "paid"]);
    joe.publish_json(&["release", "~joe/mysql-0.stable.0", "--stream", "paid=0"]);
    tree.write("resources/common/layers/20-tls.tar", "tls");
    let forgotten =
        Transcript::new(&joe).typed("charm-publish mysql").typed("charm-publish init mysql --update");
    let refused = forgotten
        .typed("charm-publish mysql --quiet")
        .typed("charm-publish release ~joe/mysql-1.stable.1")
        .typed("charm-publish release ~joe/mysql-0.stable.0 --if-current ~joe/mysql-1.stable.1")
        .typed("charm-publish yank ~joe/mysql-0 --reason CVE-2026-1111")
        .typed("charm-publish yank ~joe/mysql-1 --reason CVE-2026-1111")
        .typed("charm-publish release ~joe/mysql-1.stable.1 --stream paid=0")
        .typed("charm-publish unyank ~joe/mysql-1")
        .typed("charm-publish resolve ~joe/mysql-7")
        .typed("charm-publish resolve ~joe/mysql-007")
        .typed("charm-publish resolve ~ann/mysql")
        .typed("charm-publish mysql --owner ann")
        .typed("charm-publish rollback ~joe/mysql")
        .typed("charm-deploy status unit")
        .typed("charm-deploy install ~joe/mysql-7 unit")
        .typed("charm-publish explain E-SHAPE-EXTRA");
    steady().bind(|| assert_snapshot!(refused.text));
}
