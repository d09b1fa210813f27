//! `kill -9` of the client, the server or both, at every point that has a name and at random ones.
//!
//! Afterwards: the same command goes on and succeeds, no acknowledged part travels twice, nothing half-published is
//! visible, nothing acknowledged is lost, and a unit has the old tree or the new.
//!
//! `cargo xtask kill` runs the random ones for longer. A failure names the seed; `ACCEPTANCE_SEED` repeats it, as far as
//! processes can be repeated.

mod moment;
mod ordeal;

use std::env;

use acceptance::{Chance, Point, Route, Settings, seed};
use test_case::test_case;

use self::moment::{Moment, Place, Victim};
use self::ordeal::{Act, Ordeal};
use crate::shared::shared;

/// How many kills each of the random tests makes, unless `ACCEPTANCE_KILLS` says how many there are to be.
const N_KILLS: usize = 40;

const PUBLISH: &[Moment] = &[
    Moment::At(Route::Plan, Point::Up(0)),
    Moment::At(Route::Plan, Point::Answer),
    Moment::At(Route::Part, Point::Up(0)),
    Moment::At(Route::Part, Point::Up(100)),
    Moment::At(Route::Part, Point::Up(100_000)),
    Moment::At(Route::Part, Point::Answer),
    Moment::At(Route::Pack, Point::Up(100)),
    Moment::At(Route::Pack, Point::Answer),
    Moment::At(Route::Map, Point::Answer),
    Moment::Appears(Place::Staged),
    Moment::Appears(Place::Named),
    Moment::At(Route::Commit, Point::Up(0)),
    Moment::At(Route::Commit, Point::Answer),
];

const TALK: &[Moment] = &[Moment::At(Route::Talk, Point::Answer), Moment::At(Route::Talk, Point::Down(10))];

const DOWNLOAD: &[Moment] = &[
    Moment::At(Route::Talk, Point::Answer),
    Moment::At(Route::Content, Point::Answer),
    Moment::At(Route::Content, Point::Down(100)),
    Moment::At(Route::Content, Point::Down(100_000)),
    Moment::At(Route::Patch, Point::Down(50)),
    Moment::At(Route::Map, Point::Down(50)),
    Moment::Appears(Place::Part),
];

const SWITCH: &[Moment] = &[Moment::Appears(Place::Tree), Moment::Appears(Place::State)];

#[test_case(Act::Publish, &[PUBLISH]; "publish")]
#[test_case(Act::Release, &[TALK]; "release")]
#[test_case(Act::Pull, &[DOWNLOAD]; "pull")]
#[test_case(Act::Install, &[DOWNLOAD, SWITCH]; "install")]
#[test_case(Act::Upgrade, &[DOWNLOAD, SWITCH]; "upgrade")]
fn whoever_is_killed_at_a_point_with_a_name_goes_on(act: Act, moments: &[&[Moment]]) {
    let mut ordeal = Ordeal::new(&Settings::default(), 1);
    for moment in moments.concat() {
        for victim in Victim::ALL {
            ordeal.strike(act, victim, moment);
        }
    }
    assert!(ordeal.n_kills >= 3 * moments.concat().len() / 2, "only {} moments came", ordeal.n_kills);
    ordeal.assert_nothing_lost();
}

#[test_case(&[Act::Publish, Act::Release]; "publish and release")]
#[test_case(&[Act::Pull, Act::Publish]; "publish and pull")]
#[test_case(&[Act::Install, Act::Upgrade, Act::Rollback]; "install and upgrade and rollback")]
#[test_case(&[Act::Publish, Act::Upgrade, Act::Rollback, Act::Pull, Act::Install, Act::Release]; "everything")]
fn whoever_is_killed_at_random_goes_on(acts: &[Act]) {
    kill_at_random(Ordeal::new(&Settings::default(), 1), acts);
}

#[tokio::test]
async fn another_server_goes_on_with_what_a_killed_one_had_begun() {
    let Some(settings) = shared().await else { return };
    let acts = [Act::Publish, Act::Upgrade, Act::Rollback, Act::Pull, Act::Install, Act::Release];
    let kill = move || kill_at_random(Ordeal::new(&settings, 2), &acts);
    tokio::task::spawn_blocking(kill).await.unwrap();
}

#[expect(clippy::print_stdout, reason = "a failed test shows how to repeat it")]
fn kill_at_random(mut ordeal: Ordeal, acts: &[Act]) {
    let seed = seed();
    let mut chance = Chance::seeded(seed);
    let usual: Vec<_> = acts.iter().map(|act| (*act, ordeal.usual(*act))).collect();
    println!("ACCEPTANCE_SEED={seed} repeats this; undisturbed: {usual:?}");
    while ordeal.n_kills < n_kills() {
        let (act, usual) = *chance.pick(&usual);
        let victim = if act == Act::Rollback { Victim::Client } else { *chance.pick(&Victim::ALL) };
        let at = usual.mul_f64(f64::from(u32::try_from(chance.below(1000)).unwrap()) / 1000.0);
        println!("{act:?}: kill {victim:?} after {at:?}");
        ordeal.strike(act, victim, Moment::After(at));
    }
    ordeal.assert_nothing_lost();
}

fn n_kills() -> usize {
    env::var("ACCEPTANCE_KILLS").map_or(N_KILLS, |it| it.parse().unwrap())
}
