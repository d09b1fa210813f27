//! What pulls that did not come to their end leave beside the directory, and when it goes.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use acceptance::noise;

use crate::released::Released;

/// The longest that a test waits for a pull to be on its way.
const PATIENCE: Duration = Duration::from_mins(1);

/// A charm whose file takes a slow pull some seconds.
struct Slow {
    app: Released,
}

impl Slow {
    fn new() -> Self {
        Self { app: Released::new(&[("common/a.bin", &noise(1, 3_000_000))]) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.app.joe.dir().join(name)
    }

    /// Begins to pull, slowly, and comes back when some of the file is there.
    fn begin(&self, dir: &str) -> Child {
        let args = ["pull", "~joe/app", dir, "--limit-rate", "300kB"];
        let child = self.app.joe.spawn("charm-publish", &args);
        let (part, began) = (self.path(&format!(".{dir}.pull/resources/common")), Instant::now());
        while fs::read_dir(&part).is_err() {
            assert!(began.elapsed() < PATIENCE, "nothing came");
            thread::sleep(Duration::from_millis(5));
        }
        child
    }

    fn begin_and_kill(&self, dir: &str) {
        let mut child = self.begin(dir);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn pull(&self, dir: &str) {
        self.app.joe.publish(&["pull", "~joe/app", dir]).assert_code(0);
    }
}

#[test]
fn what_was_killed_behind_its_end_is_swept_by_the_next_pull_beside_it() {
    let slow = Slow::new();
    slow.begin_and_kill("copy");
    // As if the kill had come behind the last rename.
    fs::create_dir(slow.path("copy")).unwrap();
    slow.app.joe.publish(&["pull", "~joe/app", "copy"]).assert_code(2);
    assert!(!slow.path(".copy.pull").exists() && slow.path("copy").exists());
}

#[test]
fn what_may_be_gone_on_with_stays_for_a_week() {
    let slow = Slow::new();
    slow.begin_and_kill("copy");
    slow.pull("other");
    assert!(slow.path(".copy.pull").exists());
    let lock = File::options().write(true).open(slow.path(".copy.pull/lock")).unwrap();
    let week = Duration::from_hours(7 * 24);
    lock.set_modified(lock.metadata().unwrap().modified().unwrap() - week - Duration::from_mins(1)).unwrap();
    slow.pull("another");
    assert!(!slow.path(".copy.pull").exists());
}

#[test]
fn what_is_under_way_is_nobody_else_s() {
    let slow = Slow::new();
    let mut child = slow.begin("copy");
    // Even if somebody puts something in its place meanwhile.
    fs::create_dir(slow.path("copy")).unwrap();
    slow.pull("other");
    assert!(slow.path(".copy.pull/resources").exists());
    fs::remove_dir(slow.path("copy")).unwrap();
    let second = slow.app.joe.publish(&["pull", "~joe/app", "copy"]).code(6);
    assert!(second.stderr.contains("another process is fetching `copy`"), "{second}");
    assert!(child.wait().unwrap().success());
    assert!(fs::read(slow.path("copy/resources/common/a.bin")).unwrap() == noise(1, 3_000_000));
}

#[test]
fn a_directory_of_somebody_else_s_is_left_alone_whatever_it_is_called() {
    let slow = Slow::new();
    for (name, file) in [(".a.pull", "lock"), (".b.pull", "mine")] {
        fs::create_dir(slow.path(name)).unwrap();
        fs::write(slow.path(name).join(file), "mine").unwrap();
        fs::create_dir(slow.path(name.trim_matches('.').trim_end_matches(".pull"))).unwrap();
    }
    slow.pull("copy");
    assert!(slow.path(".a.pull/lock").exists() && slow.path(".b.pull/mine").exists());
}
