//! Thousands of small files, published: new ones, then the same again.
//!
//! The peer packs them into one file and puts that on nginx, flushed: what somebody does who wants none of them by
//! name. A stream takes 10,000 files, so the files are for two streams, each published by a command of its own.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::charm::Charm;
use crate::ground::Ground;
use crate::nginx::Nginx;
use crate::noise;
use crate::peer::{self, Peer};
use crate::store::StoreServer;
use crate::table::{Row, Sample, Table};

pub(super) const PEERS: &[Peer] = &[Peer::Curl, Peer::Nginx, Peer::Sync, Peer::Tar];

/// How many files a stream takes.
const IN_STREAM: u32 = 10_000;

/// Their lengths, in bytes, go round below this.
const LONGEST: u64 = 8 << 10;

/// The streams, each with the flags of its publish.
const STREAMS: [(&str, &[&str]); 2] =
    [("first", &["--stream", "first"]), ("second", &["--stream", "second", "--only", "resources"])];

pub(super) fn run(ground: &Ground) -> Result<Table> {
    let (store, room) = (StoreServer::start(ground)?, ground.room()?);
    let trees = room.path().join("trees");
    let n_files = ground.files.div_ceil(2).min(IN_STREAM);
    let names: Vec<String> = (0..n_files).map(|number| format!("part-{number:05}.bin")).collect();
    let charm = |stream: &str| Charm::with_files(trees.join(stream), &STREAMS.map(|it| it.0), &names);
    let charms = [charm(STREAMS[0].0)?, charm(STREAMS[1].0)?];
    fs::create_dir(room.path().join("put"))?;
    let nginx = Nginx::start(ground, &room.path().join("put"))?;

    let what = format!("publish {} small files", n_files * 2);
    let mut new = Row::seconds(format!("{what}, new"), "tar, PUT to nginx, sync");
    let mut unchanged = Row::seconds(format!("{what}, unchanged"), "tar, PUT to nginx, sync");
    for round in ground.rounds() {
        for (number, charm) in (0..).zip(&charms) {
            write(charm, &names, (round << 32) + (number << 24))?;
        }
        let packed = pack(&trees, room.path(), &nginx)?;
        new.add(publish(&store, &charms)?, packed);
        unchanged.add(publish(&store, &charms)?, packed);
    }
    Ok(Table::new([new, unchanged]))
}

/// Writes other files, from a seed on.
fn write(charm: &Charm, names: &[String], seed: u64) -> Result<()> {
    let dir = charm.common();
    for (number, name) in (1..).zip(names) {
        fs::write(dir.join(name), noise::bytes(seed + number, 1 + number * 997 % LONGEST))?;
    }
    peer::sync_file_system(&dir)
}

fn publish(store: &StoreServer<'_>, charms: &[Charm; 2]) -> Result<Sample> {
    let publish = |number: usize| store.time(|| store.publish_with(&charms[number], STREAMS[number].1));
    Ok(publish(0)?.then(publish(1)?))
}

/// Packs the trees, puts the pack on a server, flushes it, and returns how many seconds that took.
fn pack(trees: &Path, room: &Path, nginx: &Nginx) -> Result<f64> {
    let (tar, put) = (room.join("pack.tar"), room.join("put/pack.tar"));
    let seconds = peer::tar(trees, &tar)? + peer::put(&tar, &nginx.url("pack.tar"))? + peer::sync(&put)?;
    fs::remove_file(put)?;
    Ok(seconds)
}
