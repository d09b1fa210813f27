//! What a lie about a size is worth.

use charm_model::digest::Content;
use store_core::Store;
use v4_wire::publish::{BlobPlan, CommitAnswer, CommitRequest, PlanRequest};
use v4_wire::rights::RightsRequest;

use crate::audit::audit;
use crate::place::{Place, everywhere};
use crate::publisher::publish;
use crate::sample::{Sample, bytes, reference, user};

everywhere! {
    who_lies_about_the_size_of_a_blob_is_not_asked_to_prove_its_beginning,
    a_base_does_not_have_a_blob_of_another_size,
}

fn sample(base: &str) -> Sample {
    let sample = Sample::declaring(base, "one", &[("stable", &["common/a"])]);
    sample.with("stable", "common/a", bytes("secret", 100_000))
}

/// Returns a plan for the sample whose every blob is said to have one byte.
fn lie(base: &str) -> PlanRequest {
    let mut plan = sample(base).plan();
    plan.archive = plan.archive.map(|content| Content { size: 1, ..content });
    for file in plan.streams.values_mut().flatten() {
        file.file.content.size = 1;
    }
    plan
}

async fn all_to_be_sent(store: &Store, user_name: &str, plan: &PlanRequest) {
    let caller = user(user_name);
    let answer = store.plan(&caller, plan).await.unwrap();
    assert!(
        answer.blobs.values().all(|plan| matches!(plan, BlobPlan::Send { offset: 0, .. })),
        "{:?}",
        answer.blobs
    );
    let session = answer.session.unwrap().id;
    let committed = store.commit(&caller, &session, &CommitRequest::default()).await.unwrap();
    assert!(matches!(committed, CommitAnswer::Incomplete { .. }), "{committed:?}");
}

async fn who_lies_about_the_size_of_a_blob_is_not_asked_to_prove_its_beginning(place: Place) {
    let (store, alice) = (place.server().await, user("alice"));
    publish(&store, &alice, &sample("~alice/one")).await.unwrap();
    let commercial = RightsRequest { preset: Some("commercial".to_owned()), ..RightsRequest::default() };
    store.set_rights(&alice, &reference("~alice/one"), commercial).await.unwrap();
    let honest = store.plan(&user("eve"), &sample("~eve/one").plan()).await.unwrap();
    assert!(honest.blobs.values().all(|plan| matches!(plan, BlobPlan::Prove { .. })), "{:?}", honest.blobs);
    // The first byte of an archive is no secret: it is `P`.
    all_to_be_sent(&store, "eve", &lie("~eve/one")).await;
    audit(&place).await;
}

async fn a_base_does_not_have_a_blob_of_another_size(place: Place) {
    let store = place.server().await;
    publish(&store, &user("alice"), &sample("~alice/one")).await.unwrap();
    all_to_be_sent(&store, "alice", &lie("~alice/one")).await;
    audit(&place).await;
}
