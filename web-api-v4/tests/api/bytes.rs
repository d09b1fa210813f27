//! Downloads: ranges, validators, caching.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use charm_model::digest::Content;
use http::StatusCode;
use insta::assert_snapshot;
use sha2::Digest as _;
use test_case::test_case;

use crate::answer::Answer;
use crate::charm::Charm;
use crate::test_store::{TestStore, User};

const APP: &str = "0123456789";
const RESOURCE: &str = "/v4/~alice/mysql-0.stable.0/resources/common/app";
const FILE: &str = "/v4/~alice/mysql-0/archive/hooks/install";
const ARCHIVE: &str = "/v4/~alice/mysql-0.stable.0/archive";

fn mysql() -> Charm {
    let charm = Charm::named("mysql").with_stream("stable", &[("common/app", APP)]);
    charm
        .with_file("icon.svg", "<svg onload='alert(1)'/>")
        .with_file("page.html", "<script>alert(1)</script>")
}

async fn store() -> (TestStore, User) {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    store.publish_openly(&alice, &mysql()).await;
    (store, alice)
}

#[tokio::test]
async fn an_archive_is_served_whole_and_named() {
    let (store, _) = store().await;
    let answer = store.get(ARCHIVE).await;
    assert_eq!(answer.body, mysql().archive());
    assert_eq!(answer.header("content-type"), Some("application/zip"));
    assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=mysql.zip"));
    assert_eq!(answer.header("entity-id"), Some("cs:~alice/mysql-0"));
    assert_eq!(answer.header("entity-version"), Some("cs:~alice/mysql-0.stable.0"));
}

#[test_case(RESOURCE; "a resource")]
#[test_case(ARCHIVE; "an archive")]
#[tokio::test]
async fn whole_blobs_carry_their_digests(path: &str) {
    let (store, _) = store().await;
    let answer = store.get(path).header("range", "bytes=1-2").await;
    let whole = store.get(path).await.body;
    let sha256 = Content::of(&whole).digests.sha256;
    assert_eq!(answer.header("etag"), Some(format!("\"{sha256}\"").as_str()));
    assert_eq!(
        answer.header("repr-digest"),
        Some(format!("sha-256=:{}:", STANDARD.encode(sha256.as_bytes())).as_str())
    );
    assert_eq!(answer.header("content-sha384"), Some(hex::encode(sha2::Sha384::digest(&whole)).as_str()));
}

#[tokio::test]
async fn a_resource_is_served() {
    let (store, _) = store().await;
    assert_snapshot!(store.get(RESOURCE).await, @"
    200 OK
    content-type: application/octet-stream
    content-length: 10
    cache-control: public, max-age=31536000, immutable
    entity-id: cs:~alice/mysql-0
    entity-version: cs:~alice/mysql-0.stable.0
    0123456789
    ");
}

#[tokio::test]
async fn a_file_of_an_archive_is_served() {
    let (store, _) = store().await;
    assert_snapshot!(store.get(FILE).await, @"
    200 OK
    content-type: text/plain; charset=utf-8
    content-length: 17
    cache-control: public, max-age=31536000, immutable
    entity-id: cs:~alice/mysql-0
    entity-version: cs:~alice/mysql-0.stable.0
    #!/bin/sh
    exit 0
    ");
}

#[test_case("bytes=0-0", 206, "0"; "the first")]
#[test_case("bytes=2-5", 206, "2345"; "some")]
#[test_case("bytes=7-", 206, "789"; "to the end")]
#[test_case("bytes=-3", 206, "789"; "the last")]
#[test_case("bytes=8-99", 206, "89"; "beyond the end")]
#[test_case("bytes=0-9", 206, APP; "all, said otherwise")]
#[test_case("bytes=0-1,4-5", 200, APP; "several")]
#[test_case("bytes=5-2", 200, APP; "backwards")]
#[test_case("lines=1-2", 200, APP; "another unit")]
#[tokio::test]
async fn a_range_of_bytes(range: &str, status: u16, body: &str) {
    let (store, _) = store().await;
    let answer = store.get(RESOURCE).header("range", range).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (status, body));
    assert_eq!(answer.header("content-length"), Some(body.len().to_string().as_str()));
}

#[tokio::test]
async fn a_range_of_a_file_in_an_archive_is_unpacked_alone() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let text: String = (0..100_000).flat_map(|n| [n.to_string(), "\n".to_owned()]).collect();
    store.publish_openly(&alice, &Charm::named("mysql").with_file("long", &text)).await;
    for range in [0..text.len(), 0..1, 262_143..262_145, 300_000..500_000, text.len() - 1..text.len()] {
        let header = format!("bytes={}-{}", range.start, range.end - 1);
        let answer = store.get("/v4/~alice/mysql/archive/long").header("range", &header).await;
        assert_eq!(answer.text(), &text[range]);
    }
}

#[tokio::test]
async fn a_range_says_where_it_stands() {
    let (store, _) = store().await;
    assert_snapshot!(store.get(RESOURCE).header("range", "bytes=2-5").await, @"
    206 Partial Content
    content-type: application/octet-stream
    content-length: 4
    content-range: bytes 2-5/10
    cache-control: public, max-age=31536000, immutable
    entity-id: cs:~alice/mysql-0
    entity-version: cs:~alice/mysql-0.stable.0
    2345
    ");
}

#[test_case("bytes=10-"; "behind the end")]
#[test_case("bytes=-0"; "nothing")]
#[tokio::test]
async fn a_range_behind_the_end_is_refused(range: &str) {
    let (store, _) = store().await;
    let refused = store.get(RESOURCE).header("range", range).await;
    assert_eq!(refused.outcome(), "416 the range begins behind the end of 10 bytes");
    assert_eq!(refused.header("content-range"), Some("bytes */10"));
    let archive = store.get(ARCHIVE).header("range", "bytes=9999999-").await;
    assert_eq!((archive.status.as_u16(), archive.header("content-disposition")), (416, None));
}

#[tokio::test]
async fn a_download_goes_on_only_with_the_same_bytes() {
    let (store, _) = store().await;
    let etag = store.get(RESOURCE).await.header("etag").unwrap().to_owned();
    let resume =
        |validator: &str| store.get(RESOURCE).header("range", "bytes=5-").header("if-range", validator);
    assert_eq!(resume(&etag).await.text(), "56789");
    for other in ["\"sha256:other\"", &format!("W/{etag}"), "Sat, 21 Nov 2026 10:00:00 GMT"] {
        let whole = resume(other).await;
        assert_eq!((whole.status, whole.text()), (StatusCode::OK, APP), "{other}");
    }
}

#[tokio::test]
async fn who_has_the_bytes_is_sent_none() {
    let (store, _) = store().await;
    let etag = store.get(RESOURCE).await.header("etag").unwrap().to_owned();
    for known in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
        let answer = store.get(RESOURCE).header("if-none-match", &known).await;
        assert_eq!((answer.status, answer.body.len()), (StatusCode::NOT_MODIFIED, 0), "{known}");
        assert_eq!(answer.header("content-length"), Some("10"), "that of the answer with the bytes");
    }
    assert_eq!(store.get(RESOURCE).header("if-none-match", "\"other\"").await.status, 200);
}

#[test_case(RESOURCE; "a resource")]
#[test_case(FILE; "a file")]
#[test_case(ARCHIVE; "an archive")]
#[test_case("/v4/~alice/mysql/status"; "a status")]
#[test_case("/v4/~alice/mysql/archive/nothing"; "a refusal")]
#[tokio::test]
async fn head_says_what_get_says_without_the_body(path: &str) {
    let (store, _) = store().await;
    let (get, head) = (store.get(path).await, store.head(path).header("range", "bytes=1-2").await);
    assert!(head.body.is_empty());
    let headers = |mut answer: Answer| {
        answer.headers.remove("x-request-id");
        (answer.status, answer.headers)
    };
    assert_eq!(headers(head), headers(get));
}

#[test_case("~alice/mysql-0.stable.0", "resources/common/app" => "public, max-age=31536000, immutable"; "all numbers")]
#[test_case("~alice/mysql-0.stable", "resources/common/app" => "no-cache"; "no number for the resources")]
#[test_case("~alice/mysql-0", "resources/common/app" => "no-cache"; "no stream")]
#[test_case("~alice/mysql", "resources/common/app" => "no-cache"; "no number")]
#[test_case("~alice/jammy/mysql-0.stable.0", "resources/common/app" => "no-cache"; "a series that is not the charm's own")]
#[test_case("~alice/mysql-0", "archive" => "public, max-age=31536000, immutable"; "an archive by its number")]
#[test_case("~alice/mysql", "archive" => "no-cache"; "the current archive")]
#[test_case("~alice/mysql-0", "archive/hooks/install" => "public, max-age=31536000, immutable"; "a file by the archives number")]
#[tokio::test]
async fn what_everybody_may_have_is_cached_for_ever_under_all_its_numbers(
    id: &str,
    endpoint: &str,
) -> String {
    let (store, _) = store().await;
    let answer = store.get(&format!("/v4/{id}/{endpoint}")).await;
    assert_eq!(answer.header("vary"), None);
    answer.header("cache-control").unwrap().to_owned()
}

#[tokio::test]
async fn what_is_not_everybodys_is_never_kept_by_a_shared_cache() {
    let (store, alice) = store().await;
    for preset in ["under-test", "gated", "closed"] {
        store.preset(&alice, "~alice/mysql", preset).await;
        for path in [RESOURCE, FILE, ARCHIVE] {
            let answer = store.get(path).by(&alice).await;
            assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
            assert_eq!(answer.header("vary"), Some("Authorization"));
        }
    }
}

#[test_case("hooks" => "403 directory listing not allowed"; "a directory")]
#[test_case("nothing" => "404 file \"nothing\" not found in the archive"; "nothing")]
#[test_case("../mysql" => "404 file \"../mysql\" not found in the archive"; "a way out")]
#[test_case("%2e%2e/%2e%2e/etc/passwd" => "404 file \"../../etc/passwd\" not found in the archive"; "a way out, encoded")]
#[test_case("%FF" => "404 not found"; "no text")]
#[tokio::test]
async fn a_path_in_an_archive_that_has_no_bytes(path: &str) -> String {
    let (store, _) = store().await;
    store.get(&format!("/v4/~alice/mysql/archive/{path}")).await.outcome()
}

#[test_case("common/nothing" => "404 file \"common/nothing\" not found in the resources of ~alice/mysql-0.stable.0"; "nothing")]
#[test_case("amd64/app" => "404 file \"amd64/app\" not found in the resources of ~alice/mysql-0.stable.0"; "another tree")]
#[test_case("z80/app" => "404 architecture `z80` is not valid: known are amd64, arm64, armhf, i386, ppc64el, riscv64 and s390x"; "no tree")]
#[tokio::test]
async fn a_path_in_resources_that_has_no_bytes(path: &str) -> String {
    let (store, _) = store().await;
    store.get(&format!("/v4/~alice/mysql/resources/{path}")).await.outcome()
}

#[test_case("page.html" => "text/plain; charset=utf-8"; "a page")]
#[test_case("icon.svg" => "image/svg+xml"; "an image with scripts")]
#[test_case("metadata.yaml" => "text/plain; charset=utf-8"; "a text")]
#[tokio::test]
async fn nothing_that_was_uploaded_runs_in_a_browser(path: &str) -> String {
    let (store, _) = store().await;
    let answer = store.get(&format!("/v4/~alice/mysql/archive/{path}")).await;
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && policy.ends_with("sandbox"), "{policy}");
    answer.header("content-type").unwrap().to_owned()
}

#[tokio::test]
async fn resources_are_listed() {
    let (store, _) = store().await;
    let _shown = crate::answer::without_random();
    assert_snapshot!(store.get("/v4/~alice/mysql/resources").await, @r#"
    200 OK
    content-type: application/json
    {
      "files": [
        {
          "blake3": "blake3:…",
          "path": "app",
          "sha256": "sha256:…",
          "size": 10,
          "tree": "common"
        }
      ],
      "manifest": "sha256:…",
      "published": "2026-11-21T10:00:00Z",
      "revision": 0,
      "shape": "sha256:…",
      "stream": "stable"
    }
    "#);
}

#[tokio::test]
async fn a_charm_without_resources_has_none_to_list() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    store.publish_openly(&alice, &Charm::named("plain")).await;
    assert_eq!(
        store.get("/v4/~alice/plain/resources").await.outcome(),
        "404 ~alice/plain-0 has no resources"
    );
}
