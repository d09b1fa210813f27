//! Only what is new travels, and whatever is wrong with a shorter way costs no more than the way around.

use std::convert::Infallible;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use charm_model::digest::Content;
use delta::compose::DEFAULT_LEVEL;
use delta::{ChunkMap, ChunkerId, best_recipe};
use flate2::Compression;
use flate2::write::GzEncoder;
use store_client::{ClientError, Event, Item, Progress, Seeds, Source, Store};
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::stub::{Files, SIZE, Stub, edited, noise, options, store_at};

/// Sends a new version of a file of which the store has the old one. Returns what was sent of it.
async fn publish(stub: &Stub, files: &Files, seeds: Option<Seeds>) -> Result<u64, ClientError> {
    let store = stub.store();
    let mut publish = files.begin(&store).await?.with_seeds(seeds);
    let progress: Arc<dyn Progress> = Arc::new(());
    publish.compare(&progress).await?;
    publish.finish(progress).await?;
    assert!(stub.has_all());
    Ok(store.traffic().sent)
}

async fn changed_a_little() -> (Stub, Files) {
    let old = noise(1);
    let stub = Stub::with(vec![edited(&old)], vec![old.into()]).await;
    let files = Files::of(&stub);
    (stub, files)
}

#[tokio::test]
async fn of_a_file_that_changed_a_little_a_little_is_sent() {
    let (stub, files) = changed_a_little().await;
    let n_sent = publish(&stub, &files, None).await.unwrap();
    assert!(n_sent < SIZE as u64 / 6, "{n_sent}");
    assert_eq!(stub.seen().recipes.iter().sum::<usize>() as u64, n_sent);
}

#[tokio::test]
async fn what_is_known_before_sending_is_about_what_is_sent() {
    let (stub, files) = changed_a_little().await;
    let mut publish = files.begin(&stub.store()).await.unwrap();
    let progress: Arc<dyn Progress> = Arc::new(());
    let new_bytes: Vec<u64> = publish.compare(&progress).await.unwrap().into_values().collect();
    assert!(new_bytes.len() == 1 && new_bytes[0] >= SIZE as u64 / 10 && new_bytes[0] < SIZE as u64 / 6);
}

#[tokio::test]
async fn a_base_that_is_kept_here_makes_a_patch() {
    let (stub, files) = changed_a_little().await;
    let seeds = Seeds::at(files.dir.path().join("seeds"));
    let (old, path) = (noise(1), files.dir.path().join("old"));
    fs::write(&path, &old).unwrap();
    seeds.keep(&Content::of(&old), "label", &path).unwrap();
    let n_sent = publish(&stub, &files, Some(seeds)).await.unwrap();
    // The new tenth, and next to nothing around it.
    assert!(n_sent < SIZE as u64 / 10 + 1000, "{n_sent}");
}

#[tokio::test]
async fn a_base_here_that_has_nothing_of_a_file_is_given_up_before_anything_is_made_of_it() {
    // Large enough to be sampled: what is smaller than 16 MiB is tried as a whole.
    let [old, new] = [1, 2].map(|seed| noise(seed).repeat((17_usize << 20).div_ceil(SIZE)));
    let stub = Stub::with(vec![new.clone().into()], vec![old.clone().into()]).await;
    let files = Files::of(&stub);
    let seeds = Seeds::at(files.dir.path().join("seeds"));
    let path = files.dir.path().join("old");
    fs::write(&path, &old).unwrap();
    seeds.keep(&Content::of(&old), "label", &path).unwrap();
    let mut publish = files.begin(&stub.store()).await.unwrap().with_seeds(Some(seeds));
    let progress: Arc<dyn Progress> = Arc::new(());
    assert!(publish.compare(&progress).await.unwrap().is_empty());
    publish.finish(progress).await.unwrap();
    let seen = stub.seen();
    assert_eq!((seen.recipes.len(), seen.parts.iter().sum::<usize>()), (0, new.len()));
}

#[tokio::test]
async fn a_seed_that_was_damaged_is_not_made_a_base() {
    let (stub, files) = changed_a_little().await;
    let seeds = Seeds::at(files.dir.path().join("seeds"));
    let (old, path) = (noise(1), files.dir.path().join("old"));
    fs::write(&path, &old).unwrap();
    seeds.keep(&Content::of(&old), "label", &path).unwrap();
    let seed = seeds.find(&Content::of(&old)).unwrap().path;
    fs::File::options().write(true).open(seed).unwrap().write_all_at(b"\xff\xff", 9).unwrap();
    let n_sent = publish(&stub, &files, Some(seeds)).await.unwrap();
    assert!(n_sent > SIZE as u64 / 10 + 1000 && n_sent < SIZE as u64 / 6, "{n_sent}");
}

#[tokio::test]
async fn a_store_that_takes_no_recipes_gets_the_bytes() {
    let (stub, files) = changed_a_little().await;
    stub.seen().refuses_recipes = true;
    publish(&stub, &files, None).await.unwrap();
    assert_eq!(stub.seen().parts.iter().sum::<usize>(), SIZE);
}

#[tokio::test]
async fn an_upload_that_broke_off_goes_on_with_recipes() {
    let (stub, files) = changed_a_little().await;
    let (hex, half) = {
        let seen = stub.seen();
        let blob = &seen.blobs[0];
        (Content::of(blob).digests.sha256.to_hex(), blob[..SIZE / 3].to_vec())
    };
    stub.seen().stored.insert(hex, half);
    let n_sent = publish(&stub, &files, None).await.unwrap();
    assert!(n_sent < SIZE as u64 / 6, "{n_sent}");
}

#[tokio::test]
async fn what_an_earlier_run_has_left_wrong_is_sent_anew() {
    let (stub, files) = changed_a_little().await;
    let hex = Content::of(&stub.seen().blobs[0]).digests.sha256.to_hex();
    stub.seen().stored.insert(hex, vec![0; SIZE / 3]);
    publish(&stub, &files, None).await.unwrap();
}

#[tokio::test]
async fn a_file_that_changes_after_it_was_compared_is_said_to_have() {
    let (stub, files) = changed_a_little().await;
    let mut publish = files.begin(&stub.store()).await.unwrap();
    let progress: Arc<dyn Progress> = Arc::new(());
    publish.compare(&progress).await.unwrap();
    let file = fs::File::options().write(true).open(&files.sources[0].path).unwrap();
    file.write_all_at(b"\xff\xff\xff", SIZE as u64 / 2 + 77).unwrap();
    let outcome = publish.finish(progress).await;
    assert!(matches!(outcome, Err(ClientError::Changed(_))), "{outcome:?}");
}

#[tokio::test]
async fn files_of_one_name_are_made_of_each_other() {
    let amd64 = noise(1);
    let stub = Stub::with(vec![amd64.clone().into(), edited(&amd64)], Vec::new()).await;
    let mut files = Files::of(&stub);
    for (source, arch) in files.sources.iter_mut().zip(["amd64", "arm64"]) {
        let path = files.dir.path().join(arch).join("mysqld.zip");
        fs::create_dir(path.parent().unwrap()).unwrap();
        fs::rename(&source.path, &path).unwrap();
        source.path = path;
    }
    let n_sent = publish(&stub, &files, None).await.unwrap();
    assert!(n_sent < SIZE as u64 + SIZE as u64 / 6, "{n_sent}");
}

/// Someone who wants the stub's archive, and has files that may be much like it.
struct Unit {
    dir: TempDir,
    stub: Stub,
    store: Store,
    candidates: Vec<Source>,
}

impl Unit {
    /// Has the old version of the stub's archive, whose bytes are these.
    async fn of(old: &[u8], new: Bytes) -> Self {
        let stub = Stub::with(vec![new], vec![old.to_vec().into()]).await;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("old.zip");
        fs::write(&path, old).unwrap();
        let candidates = vec![Source { path, content: Content::of(old) }];
        Self { dir, store: store_at(stub.address, options()), stub, candidates }
    }

    async fn changed_a_little() -> Self {
        let old = noise(1);
        Self::of(&old, edited(&old)).await
    }

    fn target(&self) -> PathBuf {
        self.dir.path().join("new.zip")
    }

    /// Fetches the archive. Returns how many bytes came, and how many were here.
    async fn download(&self) -> (u64, u64) {
        let before = self.store.traffic().received;
        let reused = self.try_download().await.unwrap();
        let bytes = self.stub.seen().blobs[0].clone();
        assert!(fs::read(self.target()).unwrap() == bytes);
        assert_eq!(fs::read_dir(self.dir.path()).unwrap().count(), 2, "nothing is left beside it");
        (self.store.traffic().received - before, reused)
    }

    async fn try_download(&self) -> Result<u64, ClientError> {
        self.download_watched(Arc::new(())).await
    }

    async fn download_watched(&self, progress: Arc<dyn Progress>) -> Result<u64, ClientError> {
        let id = "~joe/mysql-1.stable.2".parse().unwrap();
        let expected = Content::of(&self.stub.seen().blobs[0]);
        let (target, candidates) = (self.target(), self.candidates.clone());
        let store = &self.store;
        store.download_from(&id, &Item::Archive, &expected, &target, candidates, progress).await
    }

    /// Lets the store keep the patch that makes its archive of these bytes.
    fn keep_patch(&self, from: &[u8]) {
        let new = self.stub.seen().blobs[0].clone();
        let [target, base] = [&new[..], from].map(|bytes| ChunkMap::of(ChunkerId::FastCdc32K, bytes));
        let mut patch = Vec::new();
        let target = delta::Source { bytes: std::io::Cursor::new(&new), map: &target };
        let base = delta::Source { bytes: std::io::Cursor::new(from), map: &base };
        best_recipe(target, base, DEFAULT_LEVEL, self.dir.path(), &mut patch).unwrap();
        self.stub.seen().patch = Some(patch);
    }
}

const LITTLE: u64 = SIZE as u64 / 6;
const HALF: u64 = SIZE as u64 / 2;

#[tokio::test]
async fn of_a_file_that_changed_a_little_a_little_is_fetched() {
    let unit = Unit::changed_a_little().await;
    let (n_received, n_reused) = unit.download().await;
    assert!(n_received < LITTLE && n_reused > SIZE as u64 - LITTLE, "{n_received} {n_reused}");
}

#[tokio::test]
async fn a_patch_is_fetched_where_there_is_one() {
    let unit = Unit::changed_a_little().await;
    unit.keep_patch(&noise(1));
    let (n_received, _) = unit.download().await;
    let n_patch = unit.stub.seen().patch.as_ref().unwrap().len() as u64;
    assert_eq!((n_received, unit.stub.seen().ranges.len()), (n_patch, 0));
}

/// Returns numbers, gzipped; another one in their middle if there is one.
fn gzipped_numbers(another: Option<u32>) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::new(6));
    for number in (0..100_000_u32).chain(another).chain(100_000..200_000) {
        writeln!(gzip, "{}", number.wrapping_mul(0x9E37_79B9)).unwrap();
    }
    gzip.finish().unwrap()
}

#[tokio::test]
async fn a_patch_through_deflate_is_followed_and_leaves_nothing_beside_the_file() {
    let old = gzipped_numbers(None);
    let unit = Unit::of(&old, gzipped_numbers(Some(77)).into()).await;
    unit.keep_patch(&old);
    let n_patch = unit.stub.seen().patch.as_ref().unwrap().len();
    assert!(n_patch < old.len() / 10, "{n_patch} of {}", old.len());
    let (n_received, _) = unit.download().await;
    assert_eq!((n_received, unit.stub.seen().ranges.len()), (n_patch as u64, 0));
}

#[tokio::test]
async fn a_patch_that_breaks_off_is_gone_on_with() {
    let unit = Unit::changed_a_little().await;
    unit.keep_patch(&noise(1));
    unit.stub.seen().patch_breaks_after = Some(200_000);
    let (n_received, _) = unit.download().await;
    let seen = unit.stub.seen();
    assert_eq!(n_received, seen.patch.as_ref().unwrap().len() as u64);
    assert_eq!(seen.patch_ranges, [None, Some("bytes=200000-".to_owned())]);
}

#[tokio::test]
async fn a_patch_that_makes_something_else_leads_to_chunks() {
    let unit = Unit::changed_a_little().await;
    unit.keep_patch(&noise(1));
    {
        let mut seen = unit.stub.seen();
        // Somewhere in the new bytes, which no digest of the recipe's protects.
        let patch = seen.patch.as_mut().unwrap();
        let at = patch.len() / 2;
        patch[at] ^= 1;
    }
    let (n_received, _) = unit.download().await;
    assert!(n_received < 2 * LITTLE, "{n_received}");
}

#[tokio::test]
async fn a_file_that_a_hook_has_damaged_is_no_base_of_a_patch_and_still_has_chunks() {
    let unit = Unit::changed_a_little().await;
    unit.keep_patch(&noise(1));
    let file = fs::File::options().write(true).open(&unit.candidates[0].path).unwrap();
    file.write_all_at(b"\xff\xff\xff", 1_000_000).unwrap();
    let (n_received, n_reused) = unit.download().await;
    assert!(n_received < 2 * LITTLE && n_reused > SIZE as u64 - 2 * LITTLE, "{n_received} {n_reused}");
    assert!(unit.stub.seen().patch_ranges.is_empty());
}

#[tokio::test]
async fn a_chunk_that_comes_wrong_is_fetched_again_and_never_taken() {
    let unit = Unit::changed_a_little().await;
    unit.stub.seen().n_spoilt = 2;
    let (n_received, _) = unit.download().await;
    assert!(n_received < 2 * LITTLE, "{n_received}");
}

#[tokio::test]
async fn a_map_that_lies_costs_the_bytes_and_nothing_else() {
    let unit = Unit::changed_a_little().await;
    unit.stub.seen().map_lies = true;
    let (_, n_reused) = unit.download().await;
    assert_eq!(n_reused, 0);
}

/// Holds a download where half of a file is there, as long as somebody has the other end.
struct Halfway {
    reached: Notify,
    held: Mutex<Receiver<Infallible>>,
}

impl Progress for Halfway {
    fn note(&self, event: Event) {
        if matches!(event, Event::Made { position, .. } if position >= HALF) {
            self.reached.notify_one();
            // Without this the rest might be there before the test is told of the half.
            let _ = self.held.lock().unwrap().recv();
        }
    }
}

#[tokio::test]
async fn an_interrupted_download_goes_on_behind_the_chunks_that_are_there() {
    let unit = Unit::changed_a_little().await;
    let (let_go, held) = channel();
    let halfway = Arc::new(Halfway { reached: Notify::new(), held: held.into() });
    tokio::select! {
        _ = unit.download_watched(halfway.clone()) => panic!("it was not interrupted"),
        () = halfway.reached.notified() => {}
    }
    drop(let_go);
    // The write that was under way is finished before the file is let go.
    let n_reused = loop {
        match unit.try_download().await {
            Err(ClientError::Busy(_)) => tokio::task::yield_now().await,
            outcome => break outcome.unwrap(),
        }
    };
    assert!(n_reused < HALF, "{n_reused}");
    assert!(fs::read(unit.target()).unwrap() == unit.stub.seen().blobs[0]);
}

#[tokio::test]
async fn what_is_here_under_another_name_is_not_fetched() {
    let bytes = noise(1);
    let unit = Unit::of(&bytes, bytes.clone().into()).await;
    assert_eq!(unit.download().await, (0, SIZE as u64));
}

#[tokio::test]
async fn what_is_like_nothing_here_is_fetched_as_it_is() {
    let unit = Unit::of(&noise(1), noise(2).into()).await;
    let (n_received, n_reused) = unit.download().await;
    assert!(n_received < SIZE as u64 + SIZE as u64 / 100 && n_reused == 0, "{n_received}");
    assert_eq!(unit.stub.seen().ranges, [None]);
}

#[tokio::test]
async fn a_pipe_where_a_file_was_is_no_file() {
    let unit = Unit::changed_a_little().await;
    let path = &unit.candidates[0].path;
    fs::remove_file(path).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert_eq!(unit.download().await.1, 0);
}
