//! Pieces of the store by themselves: `cargo bench -p loadtests`. The store as a whole is `cargo xtask bench`.

#![expect(clippy::unwrap_used, reason = "a bench whose ground gives way has nothing to measure")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{Cursor, Read as _, Write as _};
use std::path::Path;

use blob_store::{BlobStore, ObjectKey, UploadState};
use bytes::Bytes;
use charm_archive::{Archive, ArchiveLimits, author_tree, build};
use charm_model::digest::Content;
use charm_model::name::{Channel, Series, StreamName};
use charm_model::reference::{Reference, Revision};
use charm_model::resolve::{CharmFacts, CharmKey, Head, ResourceFacts, Snapshot, resolve};
use charm_model::resources_yaml::Declaration;
use charm_model::shape::{Place, Shape, Tree};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use sha2::Digest as _;
use tempfile::TempDir;
use tokio::runtime::Runtime;

criterion_group!(values, parse_reference, resolve_reference, read_resources_yaml, read_archive);
criterion_group!(bytes, put, get);
criterion_main!(values, bytes);

fn parse_reference(criterion: &mut Criterion) {
    let text = "~joe/precise/mysql-25.devel.325";
    criterion.bench_function("parse a reference", |it| it.iter(|| black_box(text).parse::<Reference>()));
}

/// How many revisions a base has that is published every night for three years.
const N_REVISIONS: u32 = 1_000;

fn resolve_reference(criterion: &mut Criterion) {
    let snapshot = snapshot();
    let mut group = criterion.benchmark_group("resolve among 1,000 revisions");
    for text in ["~joe/mysql", "~joe/mysql-500", "~joe/mysql-500.stable.500", "~joe/mysql@latest"] {
        let reference: Reference = text.parse().unwrap();
        assert!(resolve(&snapshot, &reference, Channel::Stable).is_ok(), "{text}");
        group.bench_function(text, |it| it.iter(|| resolve(&snapshot, &reference, Channel::Stable)));
    }
}

/// Returns a base with as many revisions of the resources as of the charm, the newest of each released: what belongs to
/// an old revision is looked for from there.
fn snapshot() -> Snapshot {
    let shape = Shape([Place { tree: Tree::Common, path: "mysqld".parse().unwrap() }].into());
    let revisions = || (0..N_REVISIONS).filter_map(Revision::new);
    let key = |revision| CharmKey { series: None, revision };
    let resources = ResourceFacts { shape: shape.id(), withdrawn: false };
    let newest = revisions().next_back().unwrap();
    let head = Head { charm: key(newest), streams: [(stable(), newest)].into() };
    Snapshot {
        base: "~joe/mysql".parse().unwrap(),
        event: u64::from(N_REVISIONS),
        charms: revisions().map(|it| (key(it), charm(&shape))).collect(),
        resources: [(stable(), revisions().map(|it| (it, resources)).collect())].into(),
        heads: [((Channel::Stable, jammy()), head)].into(),
        shapes: [(shape.id(), shape)].into(),
        remembered: BTreeMap::new(),
        together: BTreeMap::new(),
    }
}

fn charm(shape: &Shape) -> CharmFacts {
    CharmFacts {
        supported: vec![jammy()],
        default_stream: Some(stable()),
        shapes: [(stable(), shape.id())].into(),
        withdrawn: false,
    }
}

fn stable() -> StreamName {
    "stable".parse().unwrap()
}

fn jammy() -> Series {
    "jammy".parse().unwrap()
}

fn read_resources_yaml(criterion: &mut Criterion) {
    let files = lines(100, |number| format!("    - lib/part-{number}.so\n"));
    let streams = lines(8, |number| format!("  stream{number}a:\n"));
    let text = format!("default-stream: stream0a\nshape:\n  common:\n{files}streams:\n{streams}");
    assert!(Declaration::read("resources.yaml", text.as_bytes()).0.is_some());
    criterion.bench_function("read resources.yaml, 100 files in 8 streams", |it| {
        it.iter(|| Declaration::read("resources.yaml", black_box(text.as_bytes())));
    });
}

fn read_archive(criterion: &mut Criterion) {
    let zip = archive(1_000);
    let size = zip.len() as u64;
    let read = || Archive::read(Cursor::new(&zip), size, &ArchiveLimits::default()).unwrap();
    assert_eq!(read().entries.iter().filter(|it| it.path.starts_with("lib/")).count(), 1_000);
    criterion.bench_function("read an archive of 1,000 files", |it| it.iter(read));
}

/// Returns the zip of a charm with that many modules of Python, each of a few kilobytes.
fn archive(n_files: usize) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("metadata.yaml"), "name: load\nsummary: a\ndescription: a\n").unwrap();
    fs::create_dir(dir.path().join("lib")).unwrap();
    for number in 0..n_files {
        let text = lines(100, |line| format!("def f{line}():\n    return {number} * {line}\n"));
        fs::write(dir.path().join(format!("lib/module{number}.py")), text).unwrap();
    }
    let (tree, _) = author_tree::read(dir.path()).unwrap();
    let mut zip = Vec::new();
    build(dir.path(), &tree, &mut zip).unwrap();
    zip
}

fn lines(n_lines: usize, line: impl Fn(usize) -> String) -> String {
    (0..n_lines).map(line).collect::<Vec<_>>().concat()
}

/// How long the blob is, in bytes.
const BLOB_BYTES: usize = 256 << 20;

/// How long a frame of its body is, in bytes: as hyper hands them on.
const FRAME_BYTES: usize = 64 << 10;

fn blob() -> Bytes {
    (0..BLOB_BYTES / 8).flat_map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).collect()
}

fn put(criterion: &mut Criterion) {
    let (runtime, dir, blob) = (Runtime::new().unwrap(), disk(), blob());
    let (store, content) = (BlobStore::in_directory(dir.path()).unwrap(), Content::of(&blob));
    let mut group = group_of_bytes(criterion, "put 256 MiB");
    // Each gives the space of its last file back, so that a run does not fill the disk.
    let replace = async || store.delete(upload(&store, &blob, &content).await).await.unwrap();
    group.bench_function("blob-store", |it| it.iter(|| runtime.block_on(replace())));
    group.bench_function("write, fsync, SHA-256", |it| it.iter(|| write(&dir.path().join("file"), &blob)));
}

async fn upload(store: &BlobStore, blob: &Bytes, content: &Content) -> ObjectKey {
    let key = ObjectKey::fresh().unwrap();
    let mut state = UploadState::begin(key, content.size, false);
    let frames = (0..blob.len()).step_by(FRAME_BYTES).map(|at| at..at + FRAME_BYTES);
    let body = stream::iter(frames.map(|frame| Ok::<_, std::io::Error>(blob.slice(frame))));
    let mut states = store.append(state.clone(), body).await.unwrap();
    while let Some(durable) = states.try_next().await.unwrap() {
        state = durable;
    }
    drop(states);
    store.finish(&state, &content.digests).await.unwrap();
    key
}

fn write(path: &Path, blob: &[u8]) {
    let mut file = File::create(path).unwrap();
    file.write_all(blob).unwrap();
    file.sync_all().unwrap();
    black_box(sha2::Sha256::digest(blob));
}

fn get(criterion: &mut Criterion) {
    let (runtime, dir, blob) = (Runtime::new().unwrap(), disk(), blob());
    let store = BlobStore::in_directory(dir.path()).unwrap();
    let key = runtime.block_on(upload(&store, &blob, &Content::of(&blob)));
    let file = dir.path().join(key.to_string());
    let mut group = group_of_bytes(criterion, "get 256 MiB");
    group.bench_function("blob-store", |it| it.iter(|| runtime.block_on(download(&store, key))));
    group.bench_function("read into a buffer", |it| it.iter(|| read(&file)));
}

async fn download(store: &BlobStore, key: ObjectKey) -> usize {
    let blocks = store.read(key, 0..BLOB_BYTES as u64).await.unwrap();
    blocks.map(|block| block.unwrap().len()).fold(0, async |sum, len| sum + len).await
}

fn read(path: &Path) -> usize {
    let (mut file, mut buffer) = (File::open(path).unwrap(), vec![0; 1 << 20]);
    std::iter::repeat_with(|| file.read(&mut buffer).unwrap()).take_while(|n_bytes| *n_bytes > 0).sum()
}

fn group_of_bytes<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).throughput(Throughput::Bytes(BLOB_BYTES as u64));
    group
}

/// Returns a directory beside the bench: one for temporary files is often in memory.
fn disk() -> TempDir {
    let bench = std::env::current_exe().unwrap();
    tempfile::tempdir_in(bench.parent().unwrap()).unwrap()
}
