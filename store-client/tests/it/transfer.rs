//! Bytes arrive whole and right, or not at all.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex};

use charm_model::digest::Content;
use store_client::{ClientError, Credentials, Event, Item, Options, Progress, Store};

use crate::stub::{Files, SIZE, Stub};

#[derive(Default)]
struct Sent(Mutex<Vec<Event>>);

impl Progress for Sent {
    fn note(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

impl Sent {
    fn n_bytes(&self) -> u64 {
        let sent = |event: &Event| if let Event::Sent { n_bytes, .. } = event { *n_bytes } else { 0 };
        self.0.lock().unwrap().iter().map(sent).sum()
    }
}

/// Changes a file's bytes, and neither its size nor anything else that a cache could look at.
fn spoil(files: &Files, at: u64) {
    let file = fs::File::options().write(true).open(files.dir.path().join("0")).unwrap();
    file.write_all_at(b"\xff", at).unwrap();
}

#[tokio::test]
async fn a_download_goes_on_where_it_broke_off() {
    let stub = Stub::start(1).await;
    stub.seen().breaks = true;
    let bytes = stub.seen().blobs[0].clone();
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("archive.zip");
    let id = "~joe/mysql-1.stable.2".parse().unwrap();
    let expected = Content::of(&bytes);
    stub.store().download(&id, &Item::Archive, &expected, &target, Arc::new(())).await.unwrap();
    assert!(fs::read(&target).unwrap() == bytes);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    assert_eq!(stub.seen().ranges, [None, Some("bytes=1000000-".to_owned())]);
}

#[tokio::test]
async fn other_bytes_never_get_the_name() {
    let stub = Stub::start(1).await;
    let dir = tempfile::tempdir().unwrap();
    let id = "~joe/mysql-1.stable.2".parse().unwrap();
    let expected = Content { size: SIZE as u64, ..Content::of(b"other") };
    let target = dir.path().join("a");
    let outcome = stub.store().download(&id, &Item::Archive, &expected, &target, Arc::new(())).await;
    assert!(matches!(outcome, Err(ClientError::Integrity { .. })));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn an_upload_asks_how_far_it_is_and_sends_no_byte_twice() {
    let stub = Stub::start(1).await;
    stub.seen().breaks = true;
    let sent = Arc::new(Sent::default());
    let publish = Files::of(&stub);
    let published = publish.begin(&stub.store()).await.unwrap().finish(sent.clone()).await.unwrap();
    assert_eq!(published.ids[0].to_string(), "~joe/mysql-1.stable.2");
    assert!(stub.has_all());
    assert_eq!(sent.n_bytes(), SIZE as u64);
}

#[tokio::test]
async fn an_upload_goes_on_where_another_process_was_stopped() {
    let stub = Stub::start(1).await;
    let files = Files::of(&stub);
    let bytes = stub.seen().blobs[0].clone();
    let hex = Content::of(&bytes).digests.sha256.to_hex();
    stub.seen().stored.insert(hex, bytes[..2_000_000].to_vec());
    let sent = Arc::new(Sent::default());
    files.begin(&stub.store()).await.unwrap().finish(sent.clone()).await.unwrap();
    assert!(stub.has_all());
    assert_eq!(sent.n_bytes(), SIZE as u64 - 2_000_000);
}

#[tokio::test]
async fn what_another_process_has_left_wrong_is_sent_anew() {
    let stub = Stub::start(1).await;
    let files = Files::of(&stub);
    let hex = Content::of(&stub.seen().blobs[0]).digests.sha256.to_hex();
    stub.seen().stored.insert(hex, vec![0; 2_000_000]);
    files.publish(&stub.store()).await.unwrap();
    assert!(stub.has_all());
}

#[tokio::test]
async fn a_file_that_changed_is_said_to_have_and_is_never_whole_at_the_store() {
    for at in [0, SIZE as u64 / 2, SIZE as u64 - 1] {
        let stub = Stub::start(1).await;
        let files = Files::of(&stub);
        spoil(&files, at);
        let outcome = files.publish(&stub.store()).await;
        assert!(matches!(outcome, Err(ClientError::Changed(_))), "{outcome:?}");
        assert!(stub.seen().stored.values().all(|stored| stored.len() < SIZE));
    }
}

#[tokio::test]
async fn a_file_that_changed_where_it_was_sent_already_is_noticed_too() {
    let stub = Stub::start(1).await;
    let files = Files::of(&stub);
    let bytes = stub.seen().blobs[0].clone();
    let hex = Content::of(&bytes).digests.sha256.to_hex();
    stub.seen().stored.insert(hex, bytes[..2_000_000].to_vec());
    spoil(&files, 0);
    assert!(matches!(files.publish(&stub.store()).await, Err(ClientError::Changed(_))));
}

#[tokio::test]
async fn a_file_that_changed_is_not_proved() {
    let stub = Stub::start(1).await;
    stub.seen().asks_for_proof = true;
    let files = Files::of(&stub);
    files.publish(&stub.store()).await.unwrap();
    spoil(&files, 0);
    assert!(matches!(files.publish(&stub.store()).await, Err(ClientError::Changed(_))));
}

#[tokio::test]
async fn a_file_that_shrank_is_said_to_have_changed() {
    let stub = Stub::start(1).await;
    let files = Files::of(&stub);
    fs::File::options().write(true).open(files.dir.path().join("0")).unwrap().set_len(500_000).unwrap();
    let outcome = files.publish(&stub.store()).await;
    assert!(matches!(outcome, Err(ClientError::Changed(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_store_that_is_not_there_is_unreachable() {
    let options = Options { n_retries: 1, ..Options::default() };
    let store = Store::new("http://127.0.0.1:1", Credentials::Anonymous, options).unwrap();
    assert!(matches!(store.whoami().await, Err(ClientError::Unreachable { .. })));
}
