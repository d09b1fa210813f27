//! Publishing: plan, send, commit; all or nothing, and nothing twice.

use charm_model::digest::Content;
use insta::assert_snapshot;
use serde_json::{Value, json};
use v4_wire::publish::{CommitAnswer, CommitRequest, PlanRequest};

use crate::answer::without_random;
use crate::charm::Charm;
use crate::test_store::TestStore;

fn mysql() -> Charm {
    Charm::named("mysql").with_stream("stable", &[("common/app", "app 1"), ("amd64/lib", "lib 1")])
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_does_nothing() {
    let _shown = without_random();
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let charm = Charm::named("mysql")
        .declaring("stable", &["common/app"])
        .having("stable", &[("common/app", "app 1")]);
    let plan = PlanRequest { dry_run: true, ..charm.resources_alone().plan("alice") };
    assert_snapshot!(store.post("/v4/publish", &plan).by(&alice).await, @r#"
    200 OK
    content-type: application/json
    {
      "blobs": {
        "sha256:…": {
          "action": "send",
          "offset": 0
        }
      },
      "streams": {
        "stable": {
          "revision": 0,
          "shape": "sha256:…",
          "unchanged": false
        }
      }
    }
    "#);
    assert_eq!(
        store.get("/v4/~alice/mysql/status").by(&alice).await.outcome(),
        "404 no matching charm or bundle for cs:~alice/mysql"
    );
    assert_eq!(store.place.n_objects(), 0);
}

#[tokio::test]
async fn the_conversation_is_plan_send_commit() {
    let _shown = without_random();
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let charm = Charm::named("mysql").with_stream("stable", &[("common/app", "app 1")]);
    let (session, _) = store.begin(&alice, &charm.plan("alice")).await;
    assert_snapshot!(store.post("/v4/publish", &charm.plan("alice")).by(&alice).await, @r#"
    200 OK
    content-type: application/json
    {
      "blobs": {
        "sha256:…": {
          "action": "send",
          "offset": 0
        },
        "sha256:…": {
          "action": "send",
          "offset": 0
        }
      },
      "charm": {
        "revision": 0,
        "unchanged": false
      },
      "session": {
        "account": "alice",
        "expires": "2026-11-24T10:00:00Z",
        "id": "SESSION",
        "max_part": 268435456,
        "pack": {
          "blob_bytes": 65536,
          "blobs": 1000,
          "bytes": 8388608
        },
        "part_step": 1
      },
      "streams": {
        "stable": {
          "revision": 0,
          "shape": "sha256:…",
          "unchanged": false
        }
      }
    }
    "#);
    for (blob, bytes) in charm.blobs() {
        let sent = store.send(&session, &blob, 0, &bytes).by(&alice).await;
        assert_eq!(sent.json(), json!({ "offset": bytes.len(), "complete": true }));
        assert_eq!(sent.header("upload-offset"), Some(bytes.len().to_string().as_str()));
    }
    assert_snapshot!(store.commit(&session, &CommitRequest::default()).by(&alice).await, @r#"
    200 OK
    content-type: application/json
    {
      "charm": {
        "new": true,
        "revision": 0
      },
      "event": 1,
      "ids": [
        "~alice/mysql-0.stable.0"
      ],
      "logical_bytes": "…",
      "received_bytes": "…",
      "state": "committed",
      "streams": {
        "stable": {
          "new": true,
          "revision": 0
        }
      }
    }
    "#);
}

#[tokio::test]
async fn what_is_unchanged_gets_no_new_number_and_makes_no_event() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let first = store.publish(&alice, &mysql()).await;
    let again = store.publish(&alice, &mysql()).await;
    assert_eq!(again.ids, first.ids);
    assert_eq!((again.charm.new, again.event, again.received_bytes), (false, None, 0));
    assert!(again.streams.values().all(|stream| !stream.new));
}

#[tokio::test]
async fn only_what_changed_gets_a_new_number() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let charm = mysql().with_stream("devel", &[("common/app", "devel 1")]);
    store.publish(&alice, &charm).await;
    let published = store.publish(&alice, &charm.clone().having("devel", &[("common/app", "devel 2")])).await;
    let ids: Vec<_> = published.ids.iter().map(ToString::to_string).collect();
    assert_eq!(ids, ["~alice/mysql-0.stable.0", "~alice/mysql-0.devel.1"]);
    assert_eq!(published.received_bytes, "devel 2".len() as u64);
    let published = store.publish(&alice, &charm.with_file("hooks/start", "#!/bin/sh\n")).await;
    assert_eq!(published.ids[0].to_string(), "~alice/mysql-1.stable.0");
    assert_eq!(published.ids[1].to_string(), "~alice/mysql-1.devel.2");
}

#[tokio::test]
async fn resources_alone_are_for_the_newest_charm() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    store.publish(&alice, &mysql()).await;
    let files = [("common/app", "app 2"), ("amd64/lib", "lib 1")];
    let published = store.publish(&alice, &mysql().having("stable", &files).resources_alone()).await;
    assert_eq!(published.ids[0].to_string(), "~alice/mysql-0.stable.1");
    assert_eq!(published.received_bytes, "app 2".len() as u64);
}

#[tokio::test]
async fn a_plan_asks_for_nothing_that_the_base_has() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    store.publish(&alice, &mysql()).await;
    let answer = store.plan(&alice, &mysql().plan("alice")).await;
    let actions = serde_json::to_value(&answer.blobs).unwrap();
    assert!(
        actions.as_object().unwrap().values().all(|blob| *blob == json!({ "action": "have" })),
        "{actions}"
    );
    assert!(answer.charm.unwrap().unchanged && answer.streams.values().all(|stream| stream.unchanged));
}

#[tokio::test]
async fn a_commit_of_what_is_not_all_there_says_what_is_missing() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let charm = mysql();
    let (session, _) = store.begin(&alice, &charm.plan("alice")).await;
    let (sent, bytes) = charm.blobs().into_iter().next().unwrap();
    store.send(&session, &sent, 0, &bytes).by(&alice).await.read::<Value>();
    let answer = store.commit(&session, &CommitRequest::default()).by(&alice).await.read();
    let CommitAnswer::Incomplete { send } = answer else { panic!("{answer:?}") };
    let others: Vec<_> = charm.blobs().into_keys().filter(|blob| *blob != sent).collect();
    assert_eq!(send.into_keys().collect::<Vec<_>>(), others);
    assert!(store.get("/v4/~alice/mysql/status").by(&alice).await.status.is_client_error());
}

#[tokio::test]
async fn a_commit_that_is_repeated_is_answered_the_same() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let charm = mysql();
    let (session, _) = store.begin(&alice, &charm.plan("alice")).await;
    for (blob, bytes) in charm.blobs() {
        store.send(&session, &blob, 0, &bytes).by(&alice).await.read::<Value>();
    }
    let first = store.commit(&session, &CommitRequest::default()).by(&alice).await;
    store.publish(&alice, &charm.with_file("README", "more")).await;
    let again = store.commit(&session, &CommitRequest::default()).by(&alice).await;
    assert_eq!(first.json(), again.json());
    assert_eq!(first.json()["charm"], json!({ "revision": 0, "new": true }));
}

#[tokio::test]
async fn the_same_plan_goes_on_with_the_same_session() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let charm = mysql();
    let (session, _) = store.begin(&alice, &charm.plan("alice")).await;
    let (blob, bytes) = charm.blobs().into_iter().max_by_key(|(_, bytes)| bytes.len()).unwrap();
    store.send(&session, &blob, 0, &bytes).by(&alice).await.read::<Value>();
    let (again, answer) = store.begin(&alice, &charm.plan("alice")).await;
    assert_eq!(again, session);
    assert_eq!(
        serde_json::to_value(&answer.blobs[&blob]).unwrap(),
        json!({ "action": "send", "offset": bytes.len() })
    );
}

#[tokio::test]
async fn a_publish_that_was_given_up_is_gone() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let (session, _) = store.begin(&alice, &mysql().plan("alice")).await;
    let path = format!("/v4/publish/{}", session.id);
    assert_eq!(store.delete(&path).by(&alice).await.to_string(), "200 OK\ncontent-length: 0");
    let refused = store.commit(&session, &CommitRequest::default()).by(&alice).await;
    assert_eq!(refused.outcome(), format!("404 there is no open publish session `{}` of yours", session.id));
    let (again, _) = store.begin(&alice, &mysql().plan("alice")).await;
    assert_ne!(again.id, session.id);
}

#[tokio::test]
async fn files_that_the_charm_does_not_declare_are_refused_all_at_once() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let charm = mysql()
        .having("stable", &[("common/app", "1"), ("arm64/lib", "1")])
        .having("nightly", &[("common/x", "x")]);
    assert_snapshot!(store.try_publish(&alice, &charm).await, @r#"
    400 Bad Request
    content-type: application/json
    {
      "Code": "invalid charm or bundle",
      "Info": {
        "0": {
          "Code": "E-SHAPE-MISMATCH",
          "Message": "error[E-SHAPE-MISMATCH]: stream `stable` is not what the charm declares: missing: `amd64/lib`; not declared: `arm64/lib`\n  --> resources.yaml"
        },
        "1": {
          "Code": "E-STREAM-UNKNOWN",
          "Message": "error[E-STREAM-UNKNOWN]: the charm does not declare stream `nightly`: it declares `stable`\n  --> resources.yaml"
        }
      },
      "Message": "stream `stable` is not what the charm declares: missing: `amd64/lib`; not declared: `arm64/lib` (and 1 more)"
    }
    "#);
    assert!(store.get("/v4/~alice/mysql/status").by(&alice).await.status.is_client_error());
}

#[tokio::test]
async fn a_charm_that_cannot_be_read_is_refused_with_line_and_mend() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let charm = Charm::named("mysql").with_file(
        "metadata.yaml",
        "name: mysql\nsummary: a\ndescription: b\nseries: [jammy]\nformat: seven\n",
    );
    assert_snapshot!(store.try_publish(&alice, &charm).await, @r#"
    400 Bad Request
    content-type: application/json
    {
      "Code": "invalid charm or bundle",
      "Info": {
        "0": {
          "Code": "E-YAML-TYPE",
          "Message": "error[E-YAML-TYPE]: `format` is a text; a whole number is expected\n  --> metadata.yaml:5"
        }
      },
      "Message": "`format` is a text; a whole number is expected"
    }
    "#);
}

#[tokio::test]
async fn bytes_that_are_no_archive_are_refused() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let bytes = b"PK\x03\x04 and then nothing";
    let plan = PlanRequest { archive: Some(Content::of(bytes)), ..Charm::named("mysql").plan("alice") };
    let (session, _) = store.begin(&alice, &plan).await;
    store.send(&session, &Content::of(bytes).digests.sha256, 0, bytes).by(&alice).await.read::<Value>();
    assert_snapshot!(store.commit(&session, &CommitRequest::default()).by(&alice).await, @r#"
    400 Bad Request
    content-type: application/json
    {
      "Code": "invalid charm or bundle",
      "Info": {
        "0": {
          "Code": "E-ARCHIVE",
          "Message": "error[E-ARCHIVE]: the archive does not end with the end of a central directory\nhelp: send the whole zip file, without a comment and without bytes behind it"
        }
      },
      "Message": "the archive does not end with the end of a central directory"
    }
    "#);
}

#[tokio::test]
async fn a_charm_is_published_under_the_name_that_it_calls_itself() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let charm = Charm::named("mysql")
        .with_file("metadata.yaml", "name: other\nsummary: a\ndescription: b\nseries: [jammy]\n");
    let refused = store.try_publish(&alice, &charm).await;
    assert_eq!(refused.outcome(), "400 the charm calls itself `other`, and is published as ~alice/mysql");
}

#[tokio::test]
async fn one_digest_of_two_contents_is_refused() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let plan = Charm::named("mysql").having("stable", &[("common/a", "a"), ("common/b", "b")]).plan("alice");
    let mut plan = serde_json::to_value(&plan).unwrap();
    plan["streams"]["stable"][1]["sha256"] = plan["streams"]["stable"][0]["sha256"].clone();
    let refused = store.post("/v4/publish", &plan).by(&alice).await;
    assert!(refused.outcome().ends_with("stands for two different contents in this plan"), "{refused}");
}

#[tokio::test]
async fn more_than_the_store_takes_is_refused_before_a_byte_is_sent() {
    let store = TestStore::with(|options| options.limits.archive_bytes = 10).await;
    let alice = store.user("alice").await;
    let refused = store.post("/v4/publish", &mysql().plan("alice")).by(&alice).await;
    assert!(refused.outcome().starts_with("413 the archive's size is "), "{refused}");
}

#[tokio::test]
async fn who_may_not_publish_learns_nothing_of_the_base() {
    let store = TestStore::new().await;
    let (alice, eve) = (store.user("alice").await, store.user("eve").await);
    let plan = mysql().plan("alice");
    let before = store.post("/v4/publish", &plan).by(&eve).await;
    store.publish(&alice, &mysql()).await;
    let after = store.post("/v4/publish", &plan).by(&eve).await;
    assert_snapshot!(after, @r#"
    401 Unauthorized
    content-type: application/json
    {"Code":"unauthorized","Message":"access denied for user \"eve\": `publish` on ~alice/mysql is needed"}
    "#);
    assert_eq!(before.without_request_id(), after.without_request_id());
}

#[tokio::test]
async fn a_new_base_is_under_test_and_its_publishers() {
    let store = TestStore::new().await;
    let (alice, eve) = (store.user("alice").await, store.user("eve").await);
    store.publish(&alice, &mysql()).await;
    assert_snapshot!(store.get("/v4/~alice/mysql/rights").by(&alice).await, @r#"
    200 OK
    content-type: application/json
    {
      "installers": [],
      "maintainers": [
        "alice"
      ],
      "matrix": {
        "everybody": [],
        "installers": [
          "metadata",
          "content",
          "deploy"
        ],
        "maintainers": [
          "metadata",
          "content",
          "deploy",
          "publish"
        ]
      },
      "preset": "under-test"
    }
    "#);
    assert_eq!(
        store.get("/v4/~alice/mysql/status").by(&eve).await.outcome(),
        "404 no matching charm or bundle for cs:~alice/mysql"
    );
}
