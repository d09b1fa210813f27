//! Killed at any instruction, a unit runs what it ran or what it is to run, whole; and the next run goes on.

use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use crate::sample::{Entry, Sample};
use crate::store::Store;
use crate::unit::Unit;

const N_FILES: usize = 12;
const N_KILLS: usize = 60;

/// A charm of several hooks and resources, each of which says the revision.
fn sample(revision: u32) -> Sample {
    let text = format!("this is {revision}");
    let names: Vec<_> = (0..N_FILES).map(|n| (format!("hooks/h{n}"), format!("common/d{n}/f{n}"))).collect();
    let entries: Vec<_> = names.iter().map(|(hook, _)| Entry::File(hook, &text)).collect();
    let contents: Vec<_> = (0..N_FILES).map(|n| format!("{text}: {n}")).collect();
    let files: Vec<_> = names.iter().zip(&contents).map(|((_, at), it)| (at.as_str(), it.as_str())).collect();
    Sample::with_entries(revision, &entries, &files)
}

/// Checks that all that a unit shows belongs together, and returns what it is.
fn check(unit: &Unit) -> Option<String> {
    let id = unit.running();
    match &id {
        None => assert!(!unit.dir().join("charm").exists() && !unit.dir().join("resources").exists()),
        Some(id) => {
            let revision = id.rsplit('.').next().unwrap();
            let mut shown = String::new();
            for n in 0..N_FILES {
                write!(shown, "{}", unit.read(&format!("charm/hooks/h{n}"))).unwrap();
                let resource = unit.read(&format!("resources/d{n}/f{n}"));
                assert_eq!(resource, format!("this is {revision}: {n}"));
            }
            assert_eq!(shown, format!("this is {revision}").repeat(N_FILES));
            unit.run("verify", &[]).ok();
        }
    }
    id
}

/// Runs a verb and kills it after a random part of that time.
fn kill_within(unit: &Unit, args: &[&str], time: Duration) {
    let mut child = unit.spawn(args);
    let share = f64::from(getrandom::u32().unwrap()) / f64::from(u32::MAX);
    thread::sleep(time.mul_f64(share));
    child.kill().unwrap();
    child.wait().unwrap();
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

fn assert_swept(unit: &Unit, n_kept: usize) {
    assert_eq!((unit.count("states"), unit.count("trees"), unit.count("fetch")), (n_kept, n_kept, 0));
}

#[test]
fn a_killed_upgrade_leaves_the_old_or_the_new_and_the_next_one_finishes() {
    let samples = [sample(1), sample(2)];
    let store = Store::with(&samples[0]);
    let unit = Unit::new(&store);
    unit.install().ok();
    store.release(&samples[1]);
    let time = timed(|| drop(unit.upgrade().ok()));
    let dir = unit.dir();
    let mut n_old = 0;
    for turn in 0..N_KILLS {
        let (old, new) = (&samples[(turn + 1) % 2], &samples[turn % 2]);
        store.release(new);
        kill_within(&unit, &["upgrade", dir.to_str().unwrap()], time);
        let found = check(&unit).unwrap();
        assert!(found == old.id() || found == new.id(), "{found}");
        n_old += usize::from(found == old.id());
        unit.upgrade().ok();
        assert_eq!(check(&unit), Some(new.id()));
        assert_swept(&unit, 2);
    }
    assert!(n_old > 0, "every kill came too late to show anything");
}

#[test]
fn a_killed_installation_leaves_nothing_or_all() {
    let sample = sample(1);
    let store = Store::with(&sample);
    let time = timed(|| drop(Unit::new(&store).install().ok()));
    for _ in 0..N_KILLS {
        let unit = Unit::new(&store);
        let dir = unit.dir();
        let args = ["install", "~joe/mysql", dir.to_str().unwrap(), "--arch", "amd64"];
        kill_within(&unit, &args, time);
        let found = check(&unit);
        assert!(found.is_none() || found == Some(sample.id()));
        unit.install().ok();
        assert_eq!(check(&unit), Some(sample.id()));
        assert_swept(&unit, 1);
    }
}

#[test]
fn a_killed_rollback_leaves_one_of_the_two() {
    let samples = [sample(1), sample(2)];
    let store = Store::with(&samples[0]);
    let unit = Unit::new(&store);
    unit.install().ok();
    store.release(&samples[1]);
    unit.upgrade().ok();
    let time = timed(|| drop(unit.run("rollback", &[]).ok()));
    let dir = unit.dir();
    for _ in 0..N_KILLS {
        kill_within(&unit, &["rollback", dir.to_str().unwrap()], time);
        let found = check(&unit).unwrap();
        assert!(samples.iter().any(|it| it.id() == found));
        unit.run("rollback", &[]).ok();
        assert_ne!(check(&unit), Some(found));
        assert_swept(&unit, 2);
    }
}
