//! Patches: made after a publish or a release, and served to whoever may have what they make.

use std::io::{self, Cursor};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use catalog::blob::AddedBlob;
use catalog::patch::WantedPatch;
use charm_model::digest::{Content, Sha256};
use delta::{Bases, Limits, assemble};
use serde_json::json;

use crate::charm::Charm;
use crate::chunks::text;
use crate::test_store::{TestStore, User};

fn charm(app: &str) -> Charm {
    Charm::named("mysql").with_stream("stable", &[("common/app", app)])
}

fn path(revision: u32, from: &str) -> String {
    let from = Content::of(from.as_bytes()).digests.sha256;
    format!("/v4/~alice/mysql-0.stable.{revision}/patches/resources/common/app?from={from}")
}

struct Base<'a>(&'a str);

impl Bases for Base<'_> {
    fn read_at(&mut self, base: &Sha256, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        assert_eq!(*base, Content::of(self.0.as_bytes()).digests.sha256);
        let offset = usize::try_from(offset).unwrap();
        buffer.copy_from_slice(&self.0.as_bytes()[offset..offset + buffer.len()]);
        Ok(())
    }
}

fn made(recipe: &[u8], from: &str, size: usize) -> String {
    let mut target = Vec::new();
    assemble(Cursor::new(recipe), Limits::for_target(size as u64), &mut Base(from), &mut target).unwrap();
    String::from_utf8(target).unwrap()
}

/// Returns text that hardly anything can be made of but itself: six bits of chance in every letter.
fn noise(word: &str) -> String {
    let mut noise = vec![0; 200_000];
    blake3::Hasher::new().update(word.as_bytes()).finalize_xof().fill(&mut noise);
    STANDARD.encode(noise)
}

/// Two versions of a file, published one after the other.
async fn two_versions() -> (TestStore, User, String, String) {
    let store = TestStore::new().await;
    let (alice, old) = (store.user("alice").await, text("app"));
    let new = format!("{}, changed, {}", &old[..150_000], &old[150_000..]);
    store.publish_openly(&alice, &charm(&old)).await;
    store.publish(&alice, &charm(&new).resources_alone()).await;
    (store, alice, old, new)
}

#[tokio::test]
async fn a_publish_has_a_patch_made_that_makes_the_new_of_the_old() {
    let (store, _, old, new) = two_versions().await;
    assert_eq!(refusal(&store, &path(1, &old)).await, (404, "E-NO-PATCH-YET".to_owned()));
    assert_eq!(store.store.make_patches("a server").await.unwrap(), 1);
    let answer = store.get(&path(1, &old)).await;
    assert_eq!(answer.header("content-type"), Some(v4_wire::RECIPE));
    assert_eq!(made(&answer.body, &old, new.len()), new);
    assert!(answer.body.len() < 2000, "{}", answer.body.len());
    let rest = store.get(&path(1, &old)).header("range", "bytes=10-").await;
    assert_eq!((rest.status.as_u16(), &rest.body[..]), (206, &answer.body[10..]));
    assert_eq!(store.store.make_patches("a server").await.unwrap(), 0);
}

#[tokio::test]
async fn a_release_that_goes_back_has_a_patch_made_that_leads_back() {
    let (store, alice, old, new) = two_versions().await;
    for id in ["~alice/mysql-0.stable.1", "~alice/mysql-0.stable.0"] {
        let moved = store.post(&format!("/v4/{id}/release"), &json!({})).by(&alice).await;
        assert_eq!(moved.status, 200, "{moved}");
    }
    assert_eq!(store.store.make_patches("a server").await.unwrap(), 2);
    let back = store.get(&path(0, &new)).await;
    assert_eq!(made(&back.body, &new, old.len()), old);
}

#[tokio::test]
async fn what_has_no_patch_is_refused_by_its_code_and_a_digest_opens_nothing() {
    let (store, alice, old, new) = two_versions().await;
    store.store.make_patches("a server").await.unwrap();
    for (revision, from) in [(1, "unknown"), (0, old.as_str()), (1, new.as_str())] {
        let refused = refusal(&store, &path(revision, from)).await;
        assert_eq!(refused, (404, "E-NO-PATCH".to_owned()), "{from:.9}");
    }
    assert_eq!(store.get("/v4/~alice/mysql-0.stable.1/patches/archive").await.status, 400);
    store.preset(&alice, "~alice/mysql", "gated").await;
    assert_eq!(store.get(&path(1, &old)).await.status, 401);
    store.preset(&alice, "~alice/mysql", "under-test").await;
    assert_eq!(store.get(&path(1, &old)).await.status, 404);
}

/// Returns the status and the code of a refusal.
async fn refusal(store: &TestStore, path: &str) -> (u16, String) {
    let refused = store.get(path).header("accept", "application/problem+json").await;
    let kind = refused.json()["type"].as_str().unwrap().to_owned();
    (refused.status.as_u16(), kind.trim_start_matches("urn:charm-store:").to_owned())
}

#[tokio::test]
async fn a_patch_tells_nothing_of_what_another_base_has_made_or_not() {
    let (store, _, old, new) = two_versions().await;
    let bob = store.user("bob").await;
    store.publish_openly(&bob, &charm(&new)).await;
    for is_made in [false, true] {
        if is_made {
            assert_eq!(store.store.make_patches("a server").await.unwrap(), 1);
        }
        let hidden = store.get(&path(0, &old).replace("~alice", "~bob")).await;
        let unknown = store.get(&path(0, "unknown").replace("~alice", "~bob")).await;
        assert_eq!(hidden.status, 404);
        let digest = |bytes: &str| Content::of(bytes.as_bytes()).digests.sha256.to_string();
        assert_eq!(hidden.to_string().replace(&digest(&old), &digest("unknown")), unknown.to_string());
    }
}

#[tokio::test]
async fn a_patch_tells_nothing_of_what_a_narrowed_stream_has() {
    let store = TestStore::new().await;
    let (alice, carol) = (store.user("alice").await, store.user("carol").await);
    let old = text("app");
    let new = format!("{}, changed, {}", &old[..150_000], &old[150_000..]);
    store.publish_openly(&alice, &charm(&new).with_stream("paid", &[("common/app", &old)])).await;
    let paid = Charm::named("mysql").with_stream("paid", &[("common/app", &new)]);
    store.publish(&alice, &paid.resources_alone()).await;
    assert_eq!(store.store.make_patches("a server").await.unwrap(), 1);
    let narrowed = json!({ "streams": { "paid": ["carol"] } });
    store.put("/v4/~alice/mysql/rights", &narrowed).by(&alice).await.read::<serde_json::Value>();
    assert_eq!(store.get(&path(0, &old)).by(&carol).await.status, 200);
    assert_eq!(store.get(&path(0, &old)).await.status, 404);
}

#[tokio::test]
async fn a_patch_that_is_hardly_smaller_is_not_kept() {
    let store = TestStore::new().await;
    let alice = store.user("alice").await;
    let [old, new] = [noise("one"), noise("quite another")];
    for app in [&old, &new] {
        store.publish_openly(&alice, &charm(app)).await;
    }
    assert_eq!(refusal(&store, &path(1, &old)).await.1, "E-NO-PATCH-YET");
    assert_eq!(store.store.make_patches("a server").await.unwrap(), 0);
    assert_eq!(refusal(&store, &path(1, &old)).await.1, "E-NO-PATCH");
    assert_eq!(store.store.make_patches("a server").await.unwrap(), 0, "and is not tried again");
}

#[tokio::test]
async fn a_server_that_has_made_its_patches_leaves_the_next_to_others() {
    let (store, alice, _, new) = two_versions().await;
    assert_eq!(store.store.make_patches("one server").await.unwrap(), 1);
    let newer = format!("{new}, and more");
    store.publish(&alice, &charm(&newer).resources_alone()).await;
    assert_eq!(store.store.make_patches("another server").await.unwrap(), 1);
}

#[tokio::test]
async fn a_patch_that_took_its_server_down_each_time_is_given_up() {
    let (store, _, old, _) = two_versions().await;
    for _ in 0..2 {
        let mut tx = store.place.database.write().await.unwrap();
        let wanted = tx.wanted_patches(1).await.unwrap()[0];
        assert!(tx.try_patch(&wanted).await.unwrap());
        tx.commit().await.unwrap();
    }
    assert_eq!(store.store.make_patches("a server").await.unwrap(), 0);
    assert_eq!(refusal(&store, &path(1, &old)).await.1, "E-NO-PATCH");
}

#[tokio::test]
async fn a_patch_of_a_blob_that_is_gone_leaves_no_row() {
    let (store, _, _, _) = two_versions().await;
    let now = store.store.now();
    let mut tx = store.place.database.write().await.unwrap();
    let from = tx.wanted_patches(1).await.unwrap()[0].from;
    tx.add_object("o/gone", now).await.unwrap();
    let added = tx.add_blob(Content::of(b"gone"), None, "o/gone", now).await.unwrap();
    let AddedBlob::Added(to) = added else { panic!("{added:?}") };
    tx.remove_unnamed_blob(to, now.plus(Duration::from_secs(1)), now).await.unwrap();
    // As if it had gone between a publish's look at it and its wish.
    tx.want_patch(from, to, now).await.unwrap();
    let gone = WantedPatch { from, to, attempts: 0 };
    assert!(tx.wanted_patches(9).await.unwrap().contains(&gone));
    tx.commit().await.unwrap();
    assert_eq!(store.store.make_patches("a server").await.unwrap(), 1);
    let mut tx = store.place.database.write().await.unwrap();
    tx.want_patch(from, to, now).await.unwrap();
    assert_eq!(
        tx.wanted_patches(9).await.unwrap(),
        [gone],
        "wanted anew, with nothing left of the first wish"
    );
}
