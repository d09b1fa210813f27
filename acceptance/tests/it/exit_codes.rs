//! The exit codes: what scripts rely on.

use acceptance::{Server, Tree, User};
use test_case::test_case;

/// A store with one released charm of Joe's, `~joe/app-0`, and another revision, `~joe/app-1`.
fn store() -> (Server, User) {
    let server = Server::start();
    let joe = server.user("joe", &[]);
    let tree = Tree::charm(joe.dir(), "app");
    joe.publish_json(&["release", &joe.publish_id("app")]);
    tree.write_hook("install", "#!/bin/sh\n");
    joe.publish_id("app");
    (server, joe)
}

#[test_case(&["app"] => 0; "published already")]
#[test_case(&["plan", "app", "--exit-code"] => 0; "a plan without changes")]
#[test_case(&["release", "~joe/app-0"] => 0; "released already")]
#[test_case(&["resolve", "~joe/app-99999999999999999999"] => 2; "a revision beyond all counters")]
#[test_case(&["resolve", "~joe/app-007"] => 2; "leading zeros")]
#[test_case(&["elsewhere"] => 2; "no such directory")]
#[test_case(&["app", "--store", "here"] => 2; "no address")]
#[test_case(&["app", "--stream", "nightly"] => 3; "an undeclared stream")]
#[test_case(&["app", "--owner", "ann"] => 4; "somebody else's name")]
#[test_case(&["resolve", "~joe/nothing"] => 5; "no such charm")]
#[test_case(&["resolve", "~joe/app-7"] => 5; "no such revision")]
#[test_case(&["rollback", "~joe/app", "--yes"] => 5; "nothing to go back to")]
#[test_case(&["release", "~joe/app-1", "--if-current", "~joe/app-1"] => 6; "not what is current")]
#[test_case(&["yank", "~joe/app-0", "--reason", "x"] => 6; "withdrawing what is current")]
#[test_case(&["resolve", "~joe/app", "--store", "http://127.0.0.1:9"] => 8; "no store")]
fn publish_ends_with(args: &[&str]) -> i32 {
    let (_server, joe) = store();
    let run = joe.publish(args);
    assert!(run.code == Some(0) || run.stdout.is_empty(), "standard output is for results: {run}");
    run.code.unwrap()
}

#[test]
fn a_question_that_nobody_can_answer_ends_with_2() {
    let (_server, joe) = store();
    joe.publish_json(&["release", "~joe/app-1"]);
    let run = joe.publish(&["rollback", "~joe/app"]);
    assert!(run.code == Some(2) && run.stderr.contains("`--yes`"), "{run}");
}

#[test]
fn a_plan_with_changes_ends_with_10_if_asked() {
    let (_server, joe) = store();
    Tree::charm(joe.dir(), "other");
    assert_eq!(joe.publish(&["plan", "other", "--exit-code"]).code, Some(10));
    assert_eq!(joe.publish(&["plan", "other"]).code, Some(0));
}

#[test]
fn a_wrong_token_ends_with_4() {
    let (_server, joe) = store();
    let run = joe.with_token("cst_wrong").publish(&["whoami"]);
    assert!(matches!(run.code, Some(2 | 4)), "{run}");
    let run = joe.with_token("joe:wrong").publish(&["whoami"]);
    assert_eq!(run.code, Some(4), "{run}");
}

#[test_case(&["install", "~joe/app", "unit"] => 0; "installed")]
#[test_case(&["install", "app~", "unit"] => 2; "no reference")]
#[test_case(&["install", "~joe/app", "unit", "--store", "http://127.0.0.1:9"] => 8; "no store")]
#[test_case(&["install", "~joe/nothing", "unit"] => 5; "no such charm")]
#[test_case(&["status", "unit"] => 5; "nothing installed")]
#[test_case(&["upgrade", "unit"] => 5; "nothing to upgrade")]
#[test_case(&["rollback", "unit"] => 5; "nothing to roll back")]
fn deploy_ends_with(args: &[&str]) -> i32 {
    let (_server, joe) = store();
    joe.deploy(args).code.unwrap()
}
