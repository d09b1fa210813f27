//! Large files of which little changed: the change, and what of it may move at most.

use std::thread;
use std::time::{Duration, Instant};

use acceptance::{Fault, Point, Proxy, Route, User};
use serde_json::Value;

/// The longest chunk that the store cuts, in bytes.
const CHUNK: u64 = 128 << 10;

/// What a chunk takes in a map, in bytes: a length and a digest, for every 32 KiB or so.
const MAPPED: u64 = 36;

/// What requests, frames and the beginning of a recipe or a map cost, in bytes.
const FRAMES: u64 = 1000;

/// How long the store may take to make its patches.
const PATIENCE: Duration = Duration::from_mins(4);

/// By which way a unit gets what changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The patch is not made yet, or never.
    Chunks,
    /// The patch is there.
    Patches,
}

impl Way {
    pub(crate) const ALL: [Self; 2] = [Self::Chunks, Self::Patches];
}

/// Returns the bytes with a few more in the middle: everything behind them stands elsewhere.
pub(crate) fn inserted(mut bytes: Vec<u8>) -> Vec<u8> {
    let middle = bytes.len() / 2;
    bytes.splice(middle..middle, *b"a few bytes more");
    bytes
}

/// Returns what an author sends at most for such a change in each of so many files: the chunk that it is in, and no more
/// of the file.
pub(crate) fn most_sent(n_files: u64) -> u64 {
    n_files * (CHUNK + FRAMES)
}

/// Returns what a unit fetches at most for such a change in each of so many files of that size: the chunk and the map
/// which says that it is that chunk alone, or the patch.
pub(crate) fn most_fetched(way: Way, n_files: u64, file_bytes: u64) -> u64 {
    match way {
        Way::Chunks => n_files * (CHUNK + FRAMES + file_bytes / (32 << 10) * MAPPED),
        Way::Patches => n_files * FRAMES,
    }
}

/// What a store is asked for patches with, past the proxy: its address and somebody's token.
pub(crate) struct Store<'a> {
    pub(crate) url: String,
    pub(crate) proxy: &'a Proxy,
    pub(crate) joe: &'a User,
}

impl Store<'_> {
    /// Has a unit that runs `old` get `new` by that way: waits for the patches of what changed, or hides them.
    pub(crate) fn open_way(&self, way: Way, old: &str, new: &str) {
        self.proxy.be_plain();
        match way {
            Way::Chunks => self.proxy.when(Route::Patch, Point::Up(0), Fault::Refuse(404), u32::MAX),
            Way::Patches => {
                for (place, from) in changed(&self.resolve(old), &self.resolve(new)) {
                    self.wait_for_patch(&format!("/v4/{new}/patches/{place}?from={from}"));
                }
            }
        }
    }

    fn resolve(&self, id: &str) -> Value {
        self.joe.publish_json(&["resolve", id, "--arch", "amd64"])
    }

    fn wait_for_patch(&self, path: &str) {
        let (runtime, began) = (tokio::runtime::Runtime::new().unwrap(), Instant::now());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let ask = || {
            let request = http.get(format!("{}{path}", self.url)).bearer_auth(self.joe.token());
            let request = request.header("accept", "application/problem+json");
            runtime.block_on(async {
                let answer = request.send().await.unwrap();
                (answer.status().as_u16(), answer.bytes().await.unwrap())
            })
        };
        loop {
            let (status, answer) = ask();
            if status == 200 {
                return;
            }
            let answer = String::from_utf8_lossy(&answer);
            assert!(answer.contains("E-NO-PATCH-YET"), "{path}: {answer}");
            assert!(began.elapsed() < PATIENCE, "{path}: {answer}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Returns what stands in both and differs, large enough for a patch: each with the digest that it had.
fn changed(old: &Value, new: &Value) -> Vec<(String, String)> {
    let (old, new) = (files(old), files(new));
    let was = |place: &str| old.iter().find(|(it, ..)| it == place).map(|(_, digest, _)| digest.clone());
    let pairs = new.into_iter().filter(|(.., n_bytes)| *n_bytes >= 64 << 10);
    let pairs = pairs.filter_map(|(place, digest, _)| Some((was(&place)?, place, digest)));
    pairs.filter(|(was, _, digest)| was != digest).map(|(was, place, _)| (place, was)).collect()
}

/// Returns place, digest and size of everything that a reference means.
fn files(resolution: &Value) -> Vec<(String, String, u64)> {
    let file = |place: String, it: &Value| {
        (place, it["sha256"].as_str().unwrap().to_owned(), it["size"].as_u64().unwrap())
    };
    let resources = resolution["resources"]["files"].as_array().into_iter().flatten();
    let resources = resources.map(|it| {
        let [tree, path] = ["tree", "path"].map(|key| it[key].as_str().unwrap());
        file(format!("resources/{tree}/{path}"), it)
    });
    [file("archive".to_owned(), &resolution["archive"])].into_iter().chain(resources).collect()
}
