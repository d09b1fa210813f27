//! Charms are found by those who may know of them.

use acceptance::{Server, Tree};
use serde_json::Value;

#[test]
fn a_charm_is_found_by_whoever_may_know_of_it() {
    let server = Server::start();
    let (joe, ann) = (server.user("joe", &[]), server.user("ann", &[]));
    Tree::charm(joe.dir(), "mysql");
    let id = joe.publish_id("mysql");
    let found = |user: &acceptance::User, words: &[&str]| {
        let answer = user.publish_json(&[&["search"], words].concat());
        let ids =
            answer["Results"].as_array().unwrap().iter().map(|it| it["Id"].as_str().unwrap().to_owned());
        (answer["Total"].as_u64().unwrap(), ids.collect::<Vec<_>>())
    };
    assert_eq!(found(&joe, &["mysql"]), (0, Vec::new()), "what is not released is not searched");
    joe.publish_json(&["release", &id]);
    // A search waits for a release, but not for long: on a busy machine this does.
    server.admin(&["reindex"]);
    assert_eq!(found(&joe, &["relational", "database"]), (1, vec!["cs:~joe/mysql-0".to_owned()]));
    assert_eq!(found(&ann, &["mysql"]), (0, Vec::new()));
    let run = joe.publish(&["--format", "human", "search", "mysql"]).ok();
    assert!(run.stdout.starts_with("~joe/mysql-0  ") && run.stdout.ends_with("1 of 1\n"), "{run}");
}

#[test]
fn an_index_is_made_anew_while_the_server_runs() {
    let server = Server::start();
    let joe = server.user("joe", &[]);
    Tree::charm(joe.dir(), "mysql");
    let id = joe.publish_id("mysql");
    joe.publish_json(&["release", &id]);
    let total = || -> Value { joe.publish_json(&["search", "mysql"])["Total"].clone() };
    server.admin(&["reindex"]);
    assert_eq!(total(), 1);
    server.admin(&["reindex"]);
    assert_eq!(total(), 1);
}
