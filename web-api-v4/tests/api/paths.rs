//! References in paths.

use test_case::test_case;

use crate::charm::Charm;
use crate::test_store::TestStore;

#[test_case("mysql-007" => "404 cannot parse URL \"cs:mysql-007\": revision `007` has leading zeros; write it without them"; "leading zeros")]
#[test_case("mysql-99999999999999999999" => "404 cannot parse URL \"cs:mysql-99999999999999999999\": revision `99999999999999999999` is too large: 2147483647 is the largest"; "too large a number")]
#[test_case("robots.txt" => "404 no matching charm or bundle for cs:robots.txt"; "a stream that nobody has")]
#[test_case("Favicon" => "404 cannot parse URL \"cs:Favicon\": charm name `Favicon` is not valid: it begins with a lower-case letter; every word between dashes has lower-case letters and digits, at least one letter"; "upper case")]
#[test_case("~/mysql" => "404 cannot parse URL \"cs:~/mysql\": user name `` is not valid: it begins with a letter or digit and goes on with letters, digits, `-`, `.` and `+`"; "an owner without a name")]
#[test_case("%FF%FE" => "404 cannot parse URL \"cs:\u{fffd}\u{fffd}\": charm name `\u{fffd}\u{fffd}` is not valid: it begins with a lower-case letter; every word between dashes has lower-case letters and digits, at least one letter"; "no text")]
#[test_case("mysql%00" => "404 cannot parse URL \"cs:mysql\0\": charm name `mysql\0` is not valid: it begins with a lower-case letter; every word between dashes has lower-case letters and digits, at least one letter"; "a control character")]
#[test_case("mysql@newest" => "404 cannot parse URL \"cs:mysql@newest\": `@newest` is not known: `@latest` is the only one"; "an unknown tag")]
#[tokio::test]
async fn a_reference_that_cannot_be_read_names_nothing(id: &str) -> String {
    TestStore::new().await.get(&format!("/v4/{id}/archive")).await.outcome()
}

#[test_case("~alice/mysql/archive")]
#[test_case("~alice/mysql/archive/"; "a slash at the end")]
#[test_case("%7Ealice/mysql/archive"; "an encoded tilde")]
#[test_case("%7ealice/mysql/archive"; "an encoded tilde in lower case")]
#[test_case("~alice/jammy/mysql/archive"; "a series")]
#[test_case("~alice/mysql-0/archive"; "a revision")]
#[test_case("~alice/mysql@latest/archive"; "the latest")]
#[test_case("~alice/mysql%40latest/archive"; "the latest, encoded")]
#[tokio::test]
async fn a_reference_that_leads_to_an_archive(path: &str) {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    store.publish_openly(&alice, &Charm::named("mysql")).await;
    let answer = store.get(&format!("/v4/{path}")).await;
    assert_eq!(answer.status, 200, "{answer}");
}

#[test_case("archive"; "an endpoint")]
#[test_case("jammy"; "a series")]
#[test_case("publish"; "an address of its own")]
#[tokio::test]
async fn a_charm_may_be_called_like(name: &str) {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    store.publish_openly(&alice, &Charm::named(name)).await;
    let answer = store.get(&format!("/v4/~alice/{name}/archive/hooks/install")).await;
    assert_eq!(answer.status, 200, "{answer}");
}

#[test_case("/v4/~alice/mysql"; "a reference alone")]
#[test_case("/v4/~alice/mysql/nosuch"; "an endpoint that is not there")]
#[test_case("/v4/~alice"; "an owner alone")]
#[test_case("/v4/~alice/mysql/archive/../status"; "a way up")]
#[tokio::test]
async fn an_address_that_is_none(path: &str) {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    store.publish_openly(&alice, &Charm::named("mysql")).await;
    assert_eq!(store.get(path).await.status, 404);
}
