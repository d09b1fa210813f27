//! A server that is killed while it writes into a local directory.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use blob_store::upload::UploadState;
use blob_store::{BlobError, BlobStore};
use bytes::Bytes;
use charm_model::digest::Content;
use futures::TryStreamExt as _;

use crate::body::{begin, body, bytes, get};

/// Tells the process that it is the one to be killed, and where it works.
const VICTIM: &str = "BLOB_STORE_TESTS_VICTIM";

fn content() -> Bytes {
    bytes(40, (100 << 20) + 77)
}

fn load(directory: &Path) -> UploadState {
    serde_json::from_slice(&fs::read(directory.join("state")).unwrap()).unwrap()
}

fn save(directory: &Path, state: &UploadState) {
    let (new, saved) = (directory.join("state.new"), directory.join("state"));
    fs::write(&new, serde_json::to_vec(state).unwrap()).unwrap();
    fs::rename(new, saved).unwrap();
}

/// Does nothing but in the process that `a_killed_server_loses_nothing_that_it_called_durable` starts.
#[tokio::test(flavor = "multi_thread")]
async fn victim() {
    let Some(directory) = env::var_os(VICTIM) else { return };
    let directory = Path::new(&directory);
    upload(directory).await.unwrap();
    fs::write(directory.join("done"), "").unwrap();
}

async fn upload(directory: &Path) -> Result<(), BlobError> {
    let store = BlobStore::in_directory(&directory.join("objects"))?;
    let mut state = load(directory);
    let rest = content().slice(usize::try_from(state.offset()).unwrap()..);
    let mut checkpoints = store.append(state.clone(), body(&rest)).await?;
    while let Some(durable) = checkpoints.try_next().await? {
        save(directory, &durable);
        state = durable;
    }
    drop(checkpoints);
    store.finish(&state, &Content::of(&content()).digests).await.map(drop)
}

/// Runs the victim, and kills it after a while, unless it has ended. Says whether it was done.
fn run_and_kill(directory: &Path, patience: Duration) -> bool {
    let mut victim = Command::new(env::current_exe().unwrap())
        .args(["crash::victim", "--exact"])
        .env(VICTIM, directory)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(patience);
    let has_ended = victim.try_wait().unwrap().is_some();
    victim.kill().unwrap();
    victim.wait().unwrap();
    let is_done = directory.join("done").exists();
    assert!(is_done || !has_ended, "the server failed on its own");
    is_done
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_nothing_that_it_called_durable() {
    let directory = tempfile::tempdir().unwrap();
    save(directory.path(), &begin(&content()));
    let mut offset = 0;
    let mut patience = Duration::from_millis(70);
    while !run_and_kill(directory.path(), patience) {
        let state = load(directory.path());
        assert!(state.offset() >= offset);
        offset = state.offset();
        patience += Duration::from_millis(23);
        assert!(patience < Duration::from_mins(1), "the server does not get on");
    }
    let state = load(directory.path());
    let store = BlobStore::in_directory(&directory.path().join("objects")).unwrap();
    assert!(get(&store, state.key(), 0..state.size()).await.unwrap() == content());
}
