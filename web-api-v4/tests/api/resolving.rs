//! What references mean, and which rule says so.

use insta::assert_snapshot;
use serde_json::{Value, json};
use test_case::test_case;

use crate::answer::without_random;
use crate::charm::Charm;
use crate::test_store::{TestStore, User};

/// Charm 0 with resources 0 was current, charm 1 with 1 is; charm 2 came with 2, charm 3 came with nothing, and
/// resources 3 fit all of them.
async fn store() -> (TestStore, User) {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let charm = |n: u8| {
        Charm::named("mysql").declaring("stable", &["common/app"]).with_file("README", &n.to_string())
    };
    for n in 0..3 {
        let app = format!("app {n}");
        let published = store.publish(&alice, &charm(n).having("stable", &[("common/app", &app)])).await;
        if n < 2 {
            store.release(&alice, &published).await.read::<Value>();
        }
    }
    store.publish(&alice, &charm(3)).await;
    store.publish(&alice, &charm(3).having("stable", &[("common/app", "app 3")]).resources_alone()).await;
    store.preset(&alice, "~alice/mysql", "public").await;
    (store, alice)
}

#[test_case("~alice/mysql" => "~alice/mysql-1.stable.1 current current"; "current")]
#[test_case("~alice/mysql.stable" => "~alice/mysql-1.stable.1 current current"; "the current of a stream")]
#[test_case("~alice/jammy/mysql" => "~alice/mysql-1.stable.1 current current"; "the current of a series")]
#[test_case("~alice/mysql-0" => "~alice/mysql-0.stable.0 named remembered"; "remembered from when it was current")]
#[test_case("~alice/mysql-2" => "~alice/mysql-2.stable.2 named published-together"; "published together")]
#[test_case("~alice/mysql-3" => "~alice/mysql-3.stable.1 named looked-back"; "looked back from the current resources")]
#[test_case("~alice/mysql-3.stable.0" => "~alice/mysql-3.stable.0 named named"; "named")]
#[test_case("~alice/mysql@latest" => "~alice/mysql-3.stable.3 latest latest"; "latest")]
#[test_case("cs:~alice/mysql-2" => "~alice/mysql-2.stable.2 named published-together"; "with its schema")]
#[tokio::test]
async fn a_reference_means(id: &str) -> String {
    let (store, _) = store().await;
    let answer = store.get(&format!("/v4/resolve?id={id}")).await.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    format!(
        "{} {} {}",
        text(&answer["id"]),
        text(&answer["rule"]["charm"]),
        text(&answer["rule"]["resources"])
    )
}

#[test_case("~alice/mysql-9" => "404 ~alice/mysql has no revision 9: the newest is 3"; "no such charm")]
#[test_case("~alice/mysql.nightly" => "404 ~alice/mysql-1 has no stream `nightly`: it declares `stable`"; "no such stream")]
#[test_case("~alice/mysql-1.stable.9" => "404 stream `stable` of ~alice/mysql has no revision 9: the newest is 3"; "no such resources")]
#[test_case("~alice/focal/mysql" => "404 ~alice/mysql is not released in stable for focal: there is none"; "no such series")]
#[test_case("~alice/mysql&channel=edge" => "404 ~alice/mysql is not released in edge: the newest published revision is 3"; "nothing in the channel")]
#[test_case("~alice/mysql&channel=nowhere" => "400 invalid channel \"nowhere\" specified in request"; "no such channel")]
#[test_case("~alice/mysql&arch=z80" => "400 Failed to deserialize query string: arch: architecture `z80` is not valid: known are amd64, arm64, armhf, i386, ppc64el, riscv64 and s390x"; "no such architecture")]
#[test_case("~alice/nothing" => "404 no matching charm or bundle for cs:~alice/nothing"; "no such charm at all")]
#[test_case("mysql" => "404 no matching charm or bundle for cs:mysql"; "nobodys")]
#[test_case("~alice/mysql-007" => "400 revision `007` has leading zeros; write it without them"; "leading zeros")]
#[test_case("~alice/mysql-99999999999999999999" => "400 revision `99999999999999999999` is too large: 2147483647 is the largest"; "too large a number")]
#[test_case("" => "400 `` is not of the form `[cs:][~owner/][series/]name[-revision][.stream[.revision]]`"; "empty")]
#[tokio::test]
async fn a_reference_that_means_nothing(id: &str) -> String {
    let (store, _) = store().await;
    store.get(&format!("/v4/resolve?id={id}")).await.outcome()
}

#[tokio::test]
async fn a_reference_must_be_given() {
    let (store, _) = store().await;
    assert_eq!(store.get("/v4/resolve").await.outcome(), "400 `id` is missing: say `?id=REFERENCE`");
}

#[tokio::test]
async fn an_answer_has_the_rules_the_event_and_all_digests() {
    let (store, _) = store().await;
    let _shown = without_random();
    assert_snapshot!(store.get("/v4/resolve?id=~alice/mysql-0.stable.0").await, @r#"
    200 OK
    content-type: application/json
    {
      "archive": {
        "blake3": "blake3:…",
        "published": "2026-11-21T10:00:00Z",
        "sha256": "sha256:…",
        "sha384": "sha384:…",
        "size": "…",
        "tree": "sha256:…"
      },
      "channel": "stable",
      "event": 8,
      "id": "~alice/mysql-0.stable.0",
      "kind": "charm",
      "resources": {
        "files": [
          {
            "blake3": "blake3:…",
            "path": "app",
            "sha256": "sha256:…",
            "size": 5,
            "tree": "common"
          }
        ],
        "manifest": "sha256:…",
        "published": "2026-11-21T10:00:00Z",
        "revision": 0,
        "shape": "sha256:…",
        "stream": "stable"
      },
      "rule": {
        "charm": "named",
        "resources": "named"
      }
    }
    "#);
}

#[tokio::test]
async fn an_architecture_has_its_files_and_the_common_ones() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let files = [("common/a", "a"), ("amd64/b", "b"), ("arm64/b", "c")];
    store.publish_openly(&alice, &Charm::named("mysql").with_stream("stable", &files)).await;
    let answer = store.get("/v4/resolve?id=~alice/mysql&arch=arm64").await.json();
    let places = |answer: &Value| -> Vec<String> {
        let files = answer["resources"]["files"].as_array().unwrap().iter();
        files
            .map(|file| format!("{}/{}", file["tree"].as_str().unwrap(), file["path"].as_str().unwrap()))
            .collect()
    };
    assert_eq!(places(&answer), ["common/a", "arm64/b"]);
    let all = store.get("/v4/resolve?id=~alice/mysql").await.json();
    assert_eq!(places(&all).len(), 3);
    assert_eq!(all["resources"]["shape"], answer["resources"]["shape"]);
}

#[tokio::test]
async fn a_charm_of_one_series_is_called_with_it() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    store.publish_openly(&alice, &Charm::of_series("mysql", "trusty")).await;
    let answer = store.get("/v4/resolve?id=~alice/mysql").await.json();
    assert_eq!((answer["id"].as_str(), answer.get("resources")), (Some("~alice/trusty/mysql-0"), None));
    assert_eq!(
        store.get("/v4/~alice/trusty/mysql-0/archive").await.header("cache-control"),
        Some("public, max-age=31536000, immutable")
    );
}

#[tokio::test]
async fn publishing_alone_changes_no_answer_but_the_latest() {
    let (store, alice) = store().await;
    let ids = ["~alice/mysql", "~alice/mysql-0", "~alice/mysql-2", "~alice/mysql-3"];
    let ask = async |id: &str| store.get(&format!("/v4/resolve?id={id}")).await.json()["id"].clone();
    let mut before = Vec::new();
    for id in ids {
        before.push(ask(id).await);
    }
    let charm =
        Charm::named("mysql").with_stream("stable", &[("common/app", "app 9")]).with_file("README", "9");
    store.publish(&alice, &charm).await;
    for (id, before) in ids.into_iter().zip(before) {
        assert_eq!(ask(id).await, before);
    }
    assert_eq!(ask("~alice/mysql@latest").await, json!("~alice/mysql-4.stable.4"));
}
