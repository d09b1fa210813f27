//! Who may do what, as people and operators see it.

use std::thread;
use std::time::{Duration, Instant};

use acceptance::{Run, Server, Tree, User, program};
use insta::assert_snapshot;
use serde_json::json;

use crate::shared::shared;
use crate::transcripts::{Transcript, steady};

/// A store with a charm of joe's, and somebody else.
fn store() -> (Server, User, User) {
    let server = Server::start();
    let (joe, ann) = (server.user("joe", &["ops"]), server.user("ann", &[]));
    Tree::charm(joe.dir(), "mysql");
    joe.publish_json(&["mysql"]);
    joe.publish_json(&["release", "~joe/mysql-0"]);
    (server, joe, ann)
}

#[test]
fn rights_are_granted_narrowed_revoked_and_transferred() {
    let (server, joe, ann) = store();
    let told = Transcript::new(&joe)
        .typed("charm-publish acl show ~joe/mysql")
        .run_as(&ann)
        .typed("charm-publish resolve ~joe/mysql")
        .run_as(&joe)
        .typed("charm-publish grant ~joe/mysql ann deploy")
        .run_as(&ann)
        .typed("charm-publish resolve ~joe/mysql --quiet")
        .typed("charm-publish acl show ~joe/mysql")
        .run_as(&joe)
        .typed("charm-publish revoke ~joe/mysql ann deploy")
        .typed("charm-publish grant ~joe/mysql ann content --stream paid")
        .typed("charm-publish grant ~joe/mysql ann deploy --stream paid")
        .typed("charm-publish grant ~joe/mysql nobody deploy")
        .typed("charm-publish acl set ~joe/mysql commercial")
        .typed("charm-publish acl set ~joe/mysql 0755")
        .typed("charm-publish revoke ~joe/mysql joe publish")
        .typed("charm-publish transfer ~joe/mysql ann")
        .typed("charm-publish transfer ~joe/mysql ops")
        .typed("charm-publish resolve ~joe/mysql --quiet")
        .operated(&server, "audit --object ~ops/mysql")
        .operated(&server, "audit --refused");
    steady().bind(|| assert_snapshot!(told.text));
}

#[test]
fn managers_say_who_is_in_a_group() {
    let (server, joe, ann) = store();
    let told = Transcript::new(&joe)
        .typed("charm-publish group make customers")
        .operated(&server, "group make customers")
        .operated(&server, "group add customers joe --manager")
        .typed("charm-publish group add customers ann")
        .typed("charm-publish grant ~joe/mysql @customers metadata deploy")
        .typed("charm-publish group list")
        .run_as(&ann)
        .typed("charm-publish resolve ~joe/mysql --quiet")
        .typed("charm-publish group add customers ann --manager")
        .typed("charm-publish group remove customers ann")
        .typed("charm-publish group show customers")
        .typed("charm-publish resolve ~joe/mysql")
        .operated(&server, "group list")
        .operated(&server, "audit --object @customers");
    steady().bind(|| assert_snapshot!(told.text));
}

#[test]
fn an_editor_changes_rights() {
    let (_server, joe, ann) = store();
    let edit = |editor: &str| {
        let mut command = joe.command("charm-publish", &["acl", "edit", "~joe/mysql"]);
        Run::of(command.env("EDITOR", editor))
    };
    assert_eq!(ann.publish(&["resolve", "~joe/mysql"]).code, Some(5));
    edit(r#"sed -i 's/"installers": \[\]/"installers": ["ann"]/'"#).assert_code(0);
    assert_eq!(ann.resolve("~joe/mysql"), "~joe/mysql-0");
    let rights = joe.publish_json(&["acl", "show", "~joe/mysql"]);
    assert_eq!((&rights["preset"], &rights["installers"]), (&json!("under-test"), &json!(["ann"])));
    assert_eq!(edit("true").ok().stderr, "unchanged\n");
    let broken = edit("echo oops >").code(2);
    assert!(broken.stderr.contains("nothing was changed"), "{broken}");
    assert_eq!(joe.publish_json(&["acl", "show", "~joe/mysql"]), rights);
}

#[test]
fn an_editor_does_not_write_over_what_others_have_changed_meanwhile() {
    let (_server, joe, _) = store();
    let grant = format!("{} grant ~joe/mysql ann deploy", program("charm-publish").display());
    let script = format!(
        "#!/bin/sh\n{grant} && sed -i 's/\"installers\": \\[\\]/\"installers\": [\"joe\"]/' \"$1\"\n"
    );
    std::fs::write(joe.dir().join("editor.sh"), script).unwrap();
    let mut command = joe.command("charm-publish", &["acl", "edit", "~joe/mysql"]);
    let refused = Run::of(command.env("EDITOR", "sh ./editor.sh")).code(6);
    assert!(refused.stderr.contains("error[E-NOT-CURRENT]: somebody has changed these rights"), "{refused}");
    assert_eq!(joe.publish_json(&["acl", "show", "~joe/mysql"])["installers"], json!(["ann"]));
}

#[test]
fn tokens_are_made_narrow_listed_and_revoked() {
    let (server, joe, _) = store();
    let told = Transcript::new(&joe)
        .typed("charm-publish token create --scope ~joe/mysql:publish@edge --ttl 12h --description ci")
        .typed("charm-publish token create --scope ~joe/*.paid:content")
        .typed("charm-publish token create --ttl 9000d")
        .typed("charm-publish token revoke 0123456789abcdef0123456789abcdef")
        .operated(&server, "key rotate")
        .operated(&server, "token list --user joe")
        .typed("charm-publish token list");
    let made = joe.publish_json(&["token", "create", "--scope", "~joe/mysql:publish@edge"]);
    let ci = joe.with_token(made["token"].as_str().unwrap());
    let told = told
        .run_as(&ci)
        .typed("charm-publish release ~joe/mysql-0 --channel edge")
        .typed("charm-publish release ~joe/mysql-0 --channel beta")
        .typed("charm-publish token list --quiet")
        .typed("charm-publish token create");
    steady().bind(|| assert_snapshot!(told.text));
    let id = made["id"].as_str().unwrap();
    joe.publish(&["token", "revoke", id]).assert_code(0);
    assert_eq!(ci.publish(&["whoami"]).code, Some(4));
    assert_eq!(joe.publish(&["token", "revoke", id]).code, Some(5));
}

#[test]
fn a_token_can_be_kept_where_its_owner_alone_reads_it() {
    let (_server, joe, _) = store();
    let run = joe.publish(&["token", "create", "--export", "ci.token"]).ok();
    let kept = joe.dir().join("ci.token");
    let token = std::fs::read_to_string(&kept).unwrap();
    assert!(token.starts_with("cst_") && !run.to_string().contains(&token), "{run}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&kept).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    joe.with_token(&token).publish(&["whoami"]).assert_code(0);
    assert_ne!(joe.publish(&["token", "create", "--export", "ci.token"]).code, Some(0));
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), token, "a file that is there stays");
}

#[tokio::test]
async fn a_token_revoked_at_one_server_is_dead_at_the_other_within_seconds() {
    let Some(settings) = shared().await else { return };
    let (first, second) = (Server::with(settings.clone()), Server::with(settings));
    let joe = first.user("joe", &[]);
    let made = joe.publish_json(&["token", "create"]);
    let there = joe.at(&second.url()).with_token(made["token"].as_str().unwrap());
    there.publish(&["whoami"]).assert_code(0);
    joe.publish(&["token", "revoke", made["id"].as_str().unwrap()]).assert_code(0);
    let revoked = Instant::now();
    while there.publish(&["whoami"]).code != Some(4) {
        assert!(revoked.elapsed() < Duration::from_secs(5), "the other server still takes it");
        thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test]
async fn a_key_rotated_at_one_server_signs_what_the_other_takes() {
    let Some(settings) = shared().await else { return };
    let (first, second) = (Server::with(settings.clone()), Server::with(settings));
    let old = first.user("joe", &[]);
    first.admin(&["key", "rotate"]).assert_code(0);
    let new = old.publish_json(&["token", "create"]);
    let there = old.at(&second.url());
    there.publish(&["whoami"]).assert_code(0);
    there.with_token(new["token"].as_str().unwrap()).publish(&["whoami"]).assert_code(0);
}
