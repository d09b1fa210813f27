//! A large file, downloaded: its bytes alone, and as a unit gets it.
//!
//! Bytes alone are `curl` into nothing, from the store, from nginx and from docker-registry; from the store also where
//! it leaves verifying to its clients, as the others do. A unit wants more: the bytes on its disk, flushed and verified.
//! Whoever has them from nginx sees to that afterwards.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::charm::{self, Charm};
use crate::ground::Ground;
use crate::nginx::Nginx;
use crate::peer::{self, Peer};
use crate::registry::Registry;
use crate::store::{StoreServer, resource_route};
use crate::table::{Row, Sample, Table};

pub(super) const PEERS: &[Peer] = &[Peer::Curl, Peer::DockerRegistry, Peer::Nginx, Peer::OpenSsl, Peer::Sync];

/// Where bytes go that nobody wants.
pub(super) const NOWHERE: &str = "/dev/null";

pub(super) fn run(ground: &Ground) -> Result<Table> {
    let room = ground.room()?;
    let charm = Charm::write(room.path().join("charm"))?;
    charm.renew(0, ground.size.0)?;
    let store = Filled::with(&charm, StoreServer::start(ground)?)?;
    let mut rows = bytes(ground, &store, &charm)?;
    rows.extend(units(ground, &store, &charm)?);
    Ok(Table::new(rows))
}

/// A store that has the file.
struct Filled<'a> {
    server: StoreServer<'a>,
    id: String,
}

impl<'a> Filled<'a> {
    fn with(charm: &Charm, server: StoreServer<'a>) -> Result<Self> {
        let id = server.publish(charm)?.stdout;
        Ok(Self { server, id })
    }

    fn time(&self) -> Result<Sample> {
        let (url, token) = (self.server.url(&resource_route(&self.id)), self.server.token());
        self.server.time(|| peer::download(&url, Some(token), NOWHERE.as_ref()))
    }
}

/// Measures bytes alone.
fn bytes(ground: &Ground, store: &Filled<'_>, charm: &Charm) -> Result<Vec<Row>> {
    let trusting = Filled::with(charm, StoreServer::start_with(ground, &["--verify-reads", "false"])?)?;
    let nginx = Nginx::start(ground, &charm.dir().join("resources"))?;
    let registry = Registry::start(ground)?;
    let sha256 = peer::sha256(&charm.resource())?.sha256;
    registry.push(&charm.resource(), &sha256)?;
    let what = format!("download {}, curl", ground.size);
    let mut beside_nginx = Row::seconds(&what, "curl from nginx");
    let mut unverified = Row::seconds(format!("{what}, `verify_reads = false`"), "curl from nginx");
    let mut beside_registry = Row::seconds(&what, "curl from docker-registry");
    for _ in ground.rounds() {
        let of_nginx = nowhere(&nginx.url(charm::PLACE))?;
        let sample = store.time()?;
        beside_nginx.add(sample, of_nginx);
        unverified.add(trusting.time()?, of_nginx);
        beside_registry.add(sample, nowhere(&registry.url(&sha256))?);
    }
    Ok(vec![beside_nginx, unverified, beside_registry])
}

fn nowhere(url: &str) -> Result<f64> {
    Ok(peer::download(url, None, NOWHERE.as_ref())?.seconds)
}

/// Measures what a unit gets: all of it, and then an upgrade to a file of which a hundredth changed.
fn units(ground: &Ground, Filled { server: store, id }: &Filled<'_>, charm: &Charm) -> Result<Vec<Row>> {
    let nginx = Nginx::start(ground, &charm.dir().join("resources"))?;
    let (size, peer) = (ground.size, "curl from nginx, sync, openssl");
    let mut install = Row::seconds(format!("charm-deploy install {size}"), peer);
    let mut upgrade = Row::seconds(format!("charm-deploy upgrade {size}, 1 % changed"), peer);
    let (room, mut id) = (ground.room()?, id.clone());
    for round in ground.rounds() {
        let dir = room.path().join(format!("unit-{round}"));
        let of_nginx = keep(&nginx.url(charm::PLACE), &room.path().join("file"))?;
        install.add(store.time(|| store.deploy(&id, &dir))?, of_nginx);
        charm.touch(round << 32)?;
        id = store.publish(charm)?.stdout;
        upgrade.add(store.time(|| store.upgrade(&dir, &id))?, of_nginx);
        fs::remove_dir_all(dir)?;
    }
    Ok(vec![install, upgrade])
}

/// Downloads a file as a unit wants it, and returns how many seconds that took.
fn keep(url: &str, file: &Path) -> Result<f64> {
    let downloaded = peer::download(url, None, file)?.seconds;
    let seconds = downloaded + peer::sync(file)? + peer::sha256(file)?.seconds;
    fs::remove_file(file)?;
    Ok(seconds)
}
