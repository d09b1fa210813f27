//! A client without a network between it and the store.

use std::io;
use std::time::Duration;

use blob_store::BlobError;
use bytes::Bytes;
use charm_model::digest::{Content, Sha256};
use charm_model::name::Channel;
use charm_model::proof::ProofKey;
use charm_model::reference::Reference;
use charm_model::rights::Caller;
use futures::{Stream, TryStreamExt as _, stream};
use store_core::{Store, StoreError, What};
use v4_wire::publish::{BlobPlan, CommitAnswer, CommitRequest, PlanAnswer, Published, UploadProgress};

use crate::sample::Sample;

/// Plans, proves, sends and commits.
pub(crate) async fn publish(
    store: &Store,
    caller: &Caller,
    sample: &Sample,
) -> Result<Published, StoreError> {
    let answer = store.plan(caller, &sample.plan()).await?;
    let session = answer.session.as_ref().unwrap().id.clone();
    let proofs = prove(&answer, sample);
    for (sha256, bytes) in sample.blobs() {
        if matches!(answer.blobs[&sha256], BlobPlan::Send { .. }) {
            send(store, caller, &session, &bytes).await?;
        }
    }
    match store.commit(caller, &session, &proofs).await? {
        CommitAnswer::Committed(published) => Ok(published),
        CommitAnswer::Incomplete { send } => panic!("{send:?}"),
    }
}

/// Plans and sends everything, and leaves it at that. Returns the session.
pub(crate) async fn send_all(store: &Store, caller: &Caller, sample: &Sample) -> Result<String, StoreError> {
    let session = store.plan(caller, &sample.plan()).await?.session.unwrap().id;
    for bytes in sample.blobs().values() {
        send(store, caller, &session, bytes).await?;
    }
    Ok(session)
}

/// Answers every salt of a plan.
pub(crate) fn prove(answer: &PlanAnswer, sample: &Sample) -> CommitRequest {
    let (session, blobs) = (answer.session.as_ref().unwrap(), sample.blobs());
    let proof = |(sha256, plan): (&Sha256, &BlobPlan)| {
        let BlobPlan::Prove { salt } = plan else { return None };
        let bytes = &blobs[sha256];
        let key = ProofKey::derive(&salt.0, &session.id, session.account.as_str(), &Content::of(bytes));
        Some((*sha256, key.answer(&bytes[..]).unwrap()))
    };
    CommitRequest { proofs: answer.blobs.iter().filter_map(proof).collect() }
}

/// Sends what the store does not have yet of a blob, and waits for whoever is still sending it.
pub(crate) async fn send(
    store: &Store,
    caller: &Caller,
    session: &str,
    bytes: &Bytes,
) -> Result<UploadProgress, StoreError> {
    let sha256 = Content::of(bytes).digests.sha256;
    loop {
        let at = store.progress(caller, session, &sha256).await?;
        let rest = bytes.slice(usize::try_from(at.offset).unwrap()..);
        match store.receive(caller, session, &sha256, at.offset, body(rest)).await {
            Err(StoreError::Busy | StoreError::Offset { .. } | StoreError::Blob(BlobError::Busy(_))) => {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            sent => return sent,
        }
    }
}

pub(crate) fn body(bytes: Bytes) -> impl Stream<Item = io::Result<Bytes>> + Send + Unpin {
    stream::iter([Ok(bytes)])
}

/// Reads everything that was published back, and compares.
pub(crate) async fn check(store: &Store, caller: &Caller, sample: &Sample, published: &Published) {
    for id in &published.ids {
        if let Some(archive) = &sample.archive {
            assert_eq!(&read(store, caller, id, &What::Archive).await, archive);
        }
        let Some(stream) = id.version.stream() else { continue };
        for (place, bytes) in &sample.streams[stream] {
            assert_eq!(&read(store, caller, id, &What::Resource(place.clone())).await, bytes);
        }
    }
}

async fn read(store: &Store, caller: &Caller, id: &Reference, what: &What) -> Bytes {
    let opened = store.open(caller, id, Channel::Stable, what).await.unwrap();
    let (size, sha256) = (opened.size, opened.sha256);
    let pieces: Vec<Bytes> = opened.bytes(0..size).await.unwrap().try_collect().await.unwrap();
    let bytes = Bytes::from(pieces.concat());
    assert_eq!(Content::of(&bytes).digests.sha256, sha256);
    bytes
}
