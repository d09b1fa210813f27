//! Who may do what: presets, narrowed streams, narrowed tokens.

use std::future::IntoFuture as _;

use futures::future::join_all;
use insta::assert_snapshot;
use serde_json::json;
use test_case::test_case;

use crate::charm::Charm;
use crate::test_store::{Ask, TestStore, User};

/// One question for each class of endpoints.
fn questions(store: &TestStore) -> [(&'static str, Ask<'_>); 7] {
    let path = |endpoint: &str| format!("/v4/~alice/mysql-0.stable.0/{endpoint}");
    [
        ("resolve", store.get("/v4/resolve?id=~alice/mysql")),
        ("status", store.get(&path("status"))),
        ("browse", store.get(&path("archive/metadata.yaml"))),
        ("list", store.get(&path("resources"))),
        ("archive", store.get(&path("archive"))),
        ("resource", store.get(&path("resources/common/app"))),
        ("rights", store.get(&path("rights"))),
    ]
}

/// Returns the statuses of all questions, a row for each kind of caller.
async fn table(store: &TestStore, callers: &[(&str, Option<&User>)]) -> String {
    let mut rows = vec![row("", questions(store).map(|(name, _)| name.to_owned()))];
    for (name, caller) in callers {
        let statuses = questions(store).map(|(_, ask)| ask.by_any(*caller).into_future());
        rows.push(row(name, join_all(statuses).await.iter().map(|it| it.status.as_str().to_owned())));
    }
    rows.join("\n")
}

fn row(name: &str, cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<_> = cells.into_iter().map(|cell| format!("{cell:>9}")).collect();
    format!("{name:12}{}", cells.concat())
}

async fn store() -> (TestStore, User, User, User) {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let carol = store.user_in("carol", &["customers"]).await;
    let eve = store.user("eve").await;
    let charm = Charm::named("mysql")
        .with_stream("stable", &[("common/app", "app")])
        .with_stream("paid", &[("common/app", "gold")]);
    store.publish_openly(&alice, &charm).await;
    let installers = store.put("/v4/~alice/mysql/rights", &json!({ "installers": ["@customers"] }));
    installers.by(&alice).await.read::<serde_json::Value>();
    (store, alice, carol, eve)
}

async fn under(preset: &str) -> String {
    let (store, alice, carol, eve) = store().await;
    store.preset(&alice, "~alice/mysql", preset).await;
    let callers =
        [("maintainer", Some(&alice)), ("installer", Some(&carol)), ("a user", Some(&eve)), ("nobody", None)];
    table(&store, &callers).await
}

#[tokio::test]
async fn public_opens_everything_but_rights() {
    assert_snapshot!(under("public").await, @"
                  resolve   status   browse     list  archive resource   rights
    maintainer        200      200      200      200      200      200      200
    installer         200      200      200      200      200      200      401
    a user            200      200      200      200      200      200      401
    nobody            200      200      200      200      200      200      401
    ");
}

#[tokio::test]
async fn under_test_is_for_maintainers_and_installers() {
    assert_snapshot!(under("under-test").await, @"
                  resolve   status   browse     list  archive resource   rights
    maintainer        200      200      200      200      200      200      200
    installer         200      200      200      200      200      200      401
    a user            404      404      404      404      404      404      404
    nobody            404      404      404      404      404      404      404
    ");
}

#[tokio::test]
async fn gated_shows_everybody_that_it_is_there() {
    assert_snapshot!(under("gated").await, @"
                  resolve   status   browse     list  archive resource   rights
    maintainer        200      200      200      200      200      200      200
    installer         200      200      200      200      200      200      401
    a user            200      200      401      401      401      401      401
    nobody            200      200      401      401      401      401      401
    ");
}

#[tokio::test]
async fn closed_lets_installers_run_and_not_browse() {
    assert_snapshot!(under("closed").await, @"
                  resolve   status   browse     list  archive resource   rights
    maintainer        200      200      200      200      200      200      200
    installer         200      200      401      401      200      200      401
    a user            404      404      404      404      404      404      404
    nobody            404      404      404      404      404      404      404
    ");
}

#[tokio::test]
async fn commercial_lets_everybody_run_and_not_browse() {
    assert_snapshot!(under("commercial").await, @"
                  resolve   status   browse     list  archive resource   rights
    maintainer        200      200      200      200      200      200      200
    installer         200      200      401      401      200      200      401
    a user            200      200      401      401      200      200      401
    nobody            200      200      401      401      200      200      401
    ");
}

#[tokio::test]
async fn a_narrowed_stream_is_for_those_admitted_and_maintainers() {
    let (store, alice, carol, eve) = store().await;
    let narrowed = json!({ "streams": { "paid": ["@customers"] } });
    store.put("/v4/~alice/mysql/rights", &narrowed).by(&alice).await.read::<serde_json::Value>();
    let paths = [
        "mysql-0.paid.0/resources/common/app",
        "mysql-0.paid.0/archive",
        "mysql-0.stable.0/resources/common/app",
        "mysql-0.paid.0/resources",
    ];
    let callers =
        [("maintainer", Some(&alice)), ("customer", Some(&carol)), ("a user", Some(&eve)), ("nobody", None)];
    let mut rows = Vec::new();
    for (name, caller) in callers {
        let asks = paths.map(|path| store.get(&format!("/v4/~alice/{path}")).by_any(caller).into_future());
        rows.push(row(name, join_all(asks).await.iter().map(|it| it.status.as_str().to_owned())));
    }
    assert_snapshot!(rows.join("\n"), @"
    maintainer        200      200      200      200
    customer          200      200      200      200
    a user            401      401      200      200
    nobody            401      401      200      200
    ");
    let paid = store.get("/v4/~alice/mysql-0.paid.0/resources/common/app").by(&carol).await;
    assert_eq!(paid.header("cache-control"), Some("private, no-cache"));
    let archive = store.get("/v4/~alice/mysql-0.paid.0/archive").by(&carol).await;
    assert_eq!(archive.header("cache-control"), Some("private, no-cache"));
}

#[test_case(&["~alice/*:deploy"] => "200 200 401 401 200 200 401"; "one right on the bases of an owner")]
#[test_case(&["~alice/mysql:content+publish"] => "200 200 200 200 401 401 200"; "rights on this base")]
#[test_case(&["~alice/other:publish"] => "404 404 404 404 404 404 404"; "rights on another base")]
#[test_case(&["metadata"] => "200 200 401 401 401 401 401"; "one right on every base")]
#[test_case(&[] => "200 200 200 200 200 200 200"; "all that the user may")]
#[tokio::test]
async fn a_narrowed_token_opens(scope: &[&str]) -> String {
    let (store, alice, ..) = store().await;
    store.preset(&alice, "~alice/mysql", "under-test").await;
    let token = store.token("alice", scope).await;
    let mut statuses = Vec::new();
    for (_, ask) in questions(&store) {
        statuses.push(ask.by(&token).await.status.as_u16().to_string());
    }
    statuses.join(" ")
}

#[tokio::test]
async fn a_narrowed_token_publishes_what_it_is_for_and_nothing_else() {
    let store = TestStore::new().await;
    store.user("alice").await;
    let token = store.token("alice", &["~alice/mysql:publish"]).await;
    store.publish(&token, &Charm::named("mysql")).await;
    let refused = store.post("/v4/publish", &Charm::named("other").plan("alice")).by(&token).await;
    assert_eq!(
        refused.outcome(),
        "401 access denied for user \"alice\": `publish` on ~alice/other is needed"
    );
}

#[tokio::test]
async fn a_base_is_made_by_its_owner_or_a_member_of_the_group_of_that_name() {
    let store = TestStore::new().await;
    let bob = store.user_in("bob", &["charmers"]).await;
    let plan = Charm::named("mysql").plan("charmers");
    assert_eq!(store.post("/v4/publish", &plan).by(&bob).await.status, 200);
    let eve = store.user("eve").await;
    assert_eq!(store.post("/v4/publish", &plan).by(&eve).await.status, 401);
}

#[test_case(json!({ "maintainers": [] }); "no maintainer")]
#[test_case(json!({ "matrix": { "maintainers": ["metadata"], "installers": [], "everybody": [] } }); "maintainers who may not publish")]
#[test_case(json!({ "matrix": { "maintainers": ["publish"], "installers": [], "everybody": [] } }); "maintainers who may not know of it")]
#[tokio::test]
async fn somebody_must_be_left_who_can_change_rights(change: serde_json::Value) {
    let (store, alice, ..) = store().await;
    let refused = store.put("/v4/~alice/mysql/rights", &change).by(&alice).await;
    let message = "400 nobody could publish or change these rights any more: keep a maintainer";
    assert_eq!(refused.outcome(), message);
}

#[test_case(json!({ "preset": "open" }) => "400 preset `open` is not known: it is one of public, under-test, gated, closed and commercial")]
#[test_case(json!({ "preset": "public", "matrix": { "maintainers": [], "installers": [], "everybody": [] } }) => "400 `preset` and `matrix` say the same thing twice: give one")]
#[tokio::test]
async fn rights_that_make_no_sense_are_refused(change: serde_json::Value) -> String {
    let (store, alice, ..) = store().await;
    store.put("/v4/~alice/mysql/rights", &change).by(&alice).await.outcome()
}

#[tokio::test]
async fn the_operator_may_do_everything() {
    let (store, alice, ..) = store().await;
    store.preset(&alice, "~alice/mysql", "under-test").await;
    for (name, ask) in questions(&store) {
        let answer = ask.with_basic("admin", crate::test_store::ADMIN_PASSWORD).await;
        assert_eq!(answer.status, 200, "{name}");
    }
}
