//! Large files of which little changed: little is fetched, whatever hooks have done to what is here.

use std::fs;
use std::os::unix::fs::FileExt as _;

use serde_json::Value;

use crate::sample::Sample;
use crate::store::Store;
use crate::unit::Unit;

const SIZE: usize = 2_000_000;

/// Text that nothing compresses well; the versions differ in a hundredth.
fn text(version: u8) -> String {
    let mut noise = vec![0; SIZE / 2];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    noise[SIZE / 4..SIZE / 4 + SIZE / 100].fill(version);
    hex::encode(noise)
}

fn sample(version: u8) -> Sample {
    Sample::new(version.into(), &[("common/data", &text(version))])
}

fn fetched(outcome: &Value) -> u64 {
    outcome["fetched_bytes"].as_u64().unwrap()
}

const LITTLE: u64 = SIZE as u64 / 6;

#[test]
fn of_a_file_that_changed_a_little_a_little_is_fetched() {
    let store = Store::with(&sample(1));
    let unit = Unit::new(&store);
    assert!(fetched(&unit.install().ok()) > SIZE as u64);
    store.release(&sample(2));
    let outcome = unit.upgrade().ok();
    assert!(fetched(&outcome) < LITTLE, "{outcome}");
    assert!(outcome["reused_bytes"].as_u64().unwrap() > SIZE as u64 - LITTLE, "{outcome}");
    assert!(unit.read("resources/data") == text(2));
}

#[test]
fn a_file_that_a_hook_has_damaged_gives_what_is_still_right() {
    let store = Store::with(&sample(1));
    let unit = Unit::new(&store);
    unit.install().ok();
    let file = fs::File::options().write(true).open(unit.dir().join("resources/data")).unwrap();
    file.write_all_at(b"damaged", 1000).unwrap();
    store.release(&sample(2));
    assert!(fetched(&unit.upgrade().ok()) < 2 * LITTLE);
    assert!(unit.read("resources/data") == text(2));
}

#[test]
fn a_damaged_file_is_mended_with_what_is_wrong_in_it() {
    let store = Store::with(&sample(1));
    let unit = Unit::new(&store);
    unit.install().ok();
    let file = fs::File::options().write(true).open(unit.dir().join("resources/data")).unwrap();
    file.write_all_at(b"damaged", 1000).unwrap();
    let outcome = unit.install().ok();
    assert!(outcome["change"] == "repaired" && fetched(&outcome) < LITTLE, "{outcome}");
    assert!(unit.read("resources/data") == text(1));
}

#[test]
fn what_stood_there_before_the_last_switch_is_of_use_too() {
    let store = Store::with(&sample(1));
    let unit = Unit::new(&store);
    unit.install().ok();
    store.release(&Sample::new(2, &[("common/data", "all else")]));
    unit.upgrade().ok();
    store.release(&sample(3));
    assert!(fetched(&unit.upgrade().ok()) < LITTLE);
    assert!(unit.read("resources/data") == text(3));
}

#[test]
fn units_that_share_seeds_fetch_once() {
    let store = Store::with(&sample(1));
    let seeds = tempfile::tempdir().unwrap();
    let seeds = seeds.path().to_str().unwrap();
    let install = |unit: &Unit, args: &[&str]| {
        unit.run("install", &[args, &["--arch", "amd64", "~joe/mysql"]].concat()).ok()
    };
    install(&Unit::new(&store), &["--seeds", seeds]);
    let second = Unit::new(&store);
    assert!(fetched(&install(&second, &["--seeds", seeds])) < LITTLE);
    assert!(second.read("resources/data") == text(1));
    store.release(&sample(2));
    let third = Unit::new(&store);
    assert!(fetched(&install(&third, &["--seeds", seeds])) < LITTLE, "another revision's");
    assert!(third.read("resources/data") == text(2));
    assert!(fetched(&install(&Unit::new(&store), &["--seeds", seeds, "--no-seeds"])) > SIZE as u64);
}
