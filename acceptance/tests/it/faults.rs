//! Disks that are full, fail or lie, and ways on which bytes change: a clear error, reads go on, no wrong byte is
//! accepted, and once the fault is gone the same command succeeds.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use acceptance::{Fault, Point, Proxy, Route, Run, Server, Settings, Strace, Tree, User, noise};
use tempfile::TempDir;
use test_case::test_case;

use crate::released::Released;

const MB: usize = 1_000_000;

/// So slow that a fault can be put in its way.
const RATE: &str = "8MB";

/// An author with a charm that is published, and with a second that is large and is not.
struct Author {
    server: Server,
    proxy: Proxy,
    joe: User,
    large: Vec<u8>,
}

impl Author {
    fn with(settings: Settings) -> Self {
        let server = Server::with(settings);
        let proxy = Proxy::to(&server.url());
        let joe = server.user("joe", &[]).at(&proxy.url());
        Tree::charm(joe.dir(), "small");
        joe.publish_json(&["small"]);
        let large = noise(1, 24 * MB);
        let _tree = Tree::charm(joe.dir(), "large")
            .declaring(&["stable"], &["common/a.bin"])
            .resource("common/a.bin", &large);
        Self { server, proxy, joe, large }
    }

    fn data(&self) -> PathBuf {
        self.server.dir().join("data")
    }

    /// Begins to publish, and returns with the file that the store is receiving.
    fn begin(&self) -> (Child, PathBuf) {
        let mut command = self.joe.command("charm-publish", &["large", "--limit-rate", RATE]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let staging = self.data().join("blobs/staging");
        (child, soon(|| largest(&staging).filter(|path| size(path) > 1 << 20)))
    }

    /// Asserts that what was published is read although something fails.
    fn assert_reads_go_on(&self) {
        self.joe.publish_json(&["pull", "~joe/small@latest", "read"]);
        fs::remove_dir_all(self.joe.dir().join("read")).unwrap();
        self.joe.publish(&["resolve", "~joe/large@latest"]).assert_code(5);
    }

    /// Asserts that the same command goes on to its good end, and that what it published is right.
    fn assert_goes_on(&self) {
        self.joe.publish_json(&["large"]);
        let twice = self.proxy.sent_twice();
        assert!(twice.is_empty(), "sent twice: {}", twice.join("; "));
        self.joe.publish_json(&["pull", "~joe/large@latest", "copy"]);
        assert!(fs::read(self.joe.dir().join("copy/resources/common/a.bin")).unwrap() == self.large);
        self.server.admin(&["doctor"]).assert_code(0);
    }
}

/// Waits for something.
fn soon<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "it does not come");
        thread::sleep(Duration::from_millis(5));
    }
}

fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |it| it.len())
}

/// Returns the largest file below a directory.
fn largest(dir: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(dir).ok()?.flatten().map(|it| it.path());
    let files = entries.filter_map(|path| if path.is_dir() { largest(&path) } else { Some(path) });
    files.max_by_key(|path| size(path))
}

fn end(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
    Run { line: "charm-publish large".to_owned(), code: output.status.code(), stdout, stderr }
}

/// A disk of its own for a server: a file system in memory, where this user may mount one.
fn small_disk(dir: &Path) -> Option<Vec<String>> {
    let script = "mount -t tmpfs -o size=48m tmpfs \"$0\" && exec \"$@\"";
    let words = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, dir.to_str().unwrap()];
    let may_mount = Command::new(words[0]).args(&words[1..]).arg("true").output();
    may_mount.is_ok_and(|it| it.status.success()).then(|| words.map(str::to_owned).to_vec())
}

#[test]
fn a_store_whose_disk_is_full_says_so_and_reads_on() {
    let objects = TempDir::new().unwrap();
    let Some(under) = small_disk(objects.path()) else { return };
    let objects = objects.path().to_str().unwrap();
    let author = Author::with(Settings { objects: Some(objects.to_owned()), under, ..Settings::default() });
    let ballast = PathBuf::from(format!("/proc/{}/root{objects}/ballast", author.server.pid()));
    File::create(&ballast).unwrap().write_all(&noise(9, 36 * MB)).unwrap();
    let run = author.joe.publish(&["large"]).code(7);
    assert!(run.stderr.contains("error[E-NO-SPACE]"), "{run}");
    author.assert_reads_go_on();
    fs::remove_file(ballast).unwrap();
    author.joe.publish_json(&["large"]);
    assert!(author.proxy.sent_twice().is_empty());
}

/// Which file of the store fails.
#[derive(Debug, Clone, Copy)]
enum Failing {
    Staged,
    Database,
    Any,
}

#[test_case("pwrite64:error=EIO", Failing::Staged; "writing a blob")]
#[test_case("pwrite64:error=ENOSPC", Failing::Staged; "writing a blob to a full disk")]
#[test_case("fdatasync:error=EIO", Failing::Staged; "flushing a blob")]
#[test_case("rename:error=EIO", Failing::Any; "naming a blob")]
#[test_case("pwrite64:error=EIO", Failing::Database; "writing a row")]
#[test_case("fsync,fdatasync:error=EIO", Failing::Database; "flushing a row")]
#[test_case("pwrite64:error=ENOSPC", Failing::Database; "writing a row to a full disk")]
fn a_disk_that_fails_loses_nothing_when(what: &str, failing: Failing) {
    let author = Author::with(Settings::default());
    let (mut publish, staged) = author.begin();
    let path = match failing {
        Failing::Staged => Some(staged),
        Failing::Database => Some(author.data().join("catalog.sqlite-wal")),
        Failing::Any => None,
    };
    let faulty = Strace::injecting(what, path.as_deref()).attach(author.server.pid());
    wait_a_while(&mut publish);
    author.assert_reads_go_on();
    drop(faulty);
    let run = end(publish);
    // Where it may pass in a moment, the client has waited for that.
    let is_clear = matches!(run.code, Some(1 | 7 | 8)) && run.stderr.contains("error");
    assert!(is_clear || run.code == Some(0), "{run}");
    author.assert_goes_on();
}

/// Waits for a program's end, but not as long as it may have patience.
fn wait_a_while(child: &mut Child) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(5) && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_a_disk_says_to_have_written_and_has_not_is_never_handed_on() {
    let author = Author::with(Settings::default());
    let (publish, staged) = author.begin();
    // The call returns without having written: the first hundred bytes of a block are missing from then on.
    let lying = Strace::injecting("pwrite64:retval=100:when=1", Some(&staged)).attach(author.server.pid());
    end(publish).assert_code(0);
    drop(lying);
    let run = author.joe.publish(&["pull", "~joe/large@latest", "copy"]).code(9);
    assert!(run.stderr.contains("are not what the store promised"), "{run}");
    assert!(!author.joe.dir().join("copy").exists());
}

/// Changes a byte of a file.
fn flip(path: &Path, at: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

#[test]
fn an_object_that_has_changed_on_disk_reaches_nobody() {
    let app = Released::new(&[("common/a.bin", &noise(1, 2 * MB))]);
    app.app.write("resources/common/a.bin", noise(2, 3 * MB));
    app.joe.publish_json(&["release", app.publish()["id"].as_str().unwrap()]);
    let object = largest(&app.server.dir().join("data/blobs/o")).unwrap();
    flip(&object, 2_000_000);
    for run in [
        app.joe.publish(&["pull", "~joe/app", "copy"]),
        app.joe.deploy(&["install", "~joe/app", "other", "--arch", "amd64"]),
        app.joe.deploy(&["upgrade", "unit"]),
    ] {
        assert_eq!(run.code, Some(9), "{run}");
    }
    assert!(!app.joe.dir().join("copy").exists() && !app.joe.dir().join("other/charm").exists());
    assert_eq!(app.on_unit("resources/a.bin"), noise(1, 2 * MB));
    app.joe.publish_json(&["pull", "~joe/app-0.stable.0", "older"]);
    flip(&object, 2_000_000);
    app.joe.publish_json(&["pull", "~joe/app", "copy"]);
    app.joe.deploy_json(&["install", "~joe/app", "other", "--arch", "amd64"]);
    app.joe.deploy_json(&["upgrade", "unit"]);
    assert_eq!(app.on_unit("resources/a.bin"), noise(2, 3 * MB));
}

#[test]
fn bytes_that_change_on_the_way_up_are_not_published() {
    let author = Author::with(Settings::default());
    author.proxy.when(Route::Part, Point::Up(5_000_000), Fault::Flip, 1);
    let run = author.joe.publish(&["large"]);
    assert!(matches!(run.code, Some(0 | 9)), "{run}");
    let flipped = author.proxy.exchanges().iter().any(|it| it.up > 5_000_000);
    assert!(flipped, "nothing was changed");
    author.joe.publish_json(&["large"]);
    author.joe.publish_json(&["pull", "~joe/large@latest", "copy"]);
    assert!(fs::read(author.joe.dir().join("copy/resources/common/a.bin")).unwrap() == author.large);
}

#[test_case("charm-publish", &["pull", "~joe/large@latest", "copy"], "copy/resources/common/a.bin"; "pull")]
#[test_case("charm-deploy", &["install", "~joe/large@latest", "unit"], "unit/resources/a.bin"; "install")]
fn bytes_that_change_on_the_way_down_are_not_kept(program: &str, args: &[&str], file: &str) {
    let author = Author::with(Settings::default());
    author.joe.publish_json(&["large"]);
    author.proxy.when(Route::Content, Point::Down(5_000_000), Fault::Flip, 1);
    let run = Run::of(&mut author.joe.command(program, args));
    assert!(matches!(run.code, Some(0 | 9)), "{run}");
    let file = author.joe.dir().join(file);
    assert_eq!(file.exists(), run.code == Some(0), "{run}");
    if run.code == Some(9) {
        Run::of(&mut author.joe.command(program, args)).assert_code(0);
    }
    assert!(fs::read(file).unwrap() == author.large);
}

#[test]
fn a_unit_whose_disk_is_full_keeps_what_it_has() {
    let app = Released::new(&[("common/a.bin", &noise(1, 100_000))]);
    app.app.write("resources/common/a.bin", noise(2, 300_000));
    app.joe.publish_json(&["release", app.publish()["id"].as_str().unwrap()]);
    // A write that crosses the limit is short, and the next fails. The unit is 512 bytes.
    let limit = "trap '' XFSZ; ulimit -f 400; exec \"$0\" \"$@\"";
    let under = ["sh", "-c", limit].map(str::to_owned);
    let run = Run::of(&mut app.joe.command_under(&under, "charm-deploy", &["upgrade", "unit"]));
    assert!(run.code == Some(1) && run.stderr.contains("File too large"), "{run}");
    assert_eq!(app.on_unit("resources/a.bin"), noise(1, 100_000));
    app.joe.deploy(&["verify", "unit"]).assert_code(0);
    app.joe.deploy_json(&["upgrade", "unit"]);
    assert_eq!(app.on_unit("resources/a.bin"), noise(2, 300_000));
}
