//! A large file, downloaded: its bytes alone, and as a unit gets it.
//!
//! Bytes alone are `curl` into nothing, from the store, from nginx and from docker-registry. A unit wants more: the
//! bytes on its disk, flushed and verified. Whoever has them from nginx sees to that afterwards.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::charm::{self, Charm};
use crate::ground::Ground;
use crate::nginx::Nginx;
use crate::peer::{self, Peer};
use crate::registry::Registry;
use crate::store::{StoreServer, resource_route};
use crate::table::{Row, Table};

pub(super) const PEERS: &[Peer] = &[Peer::Curl, Peer::DockerRegistry, Peer::Nginx, Peer::OpenSsl, Peer::Sync];

/// Where bytes go that nobody wants.
pub(super) const NOWHERE: &str = "/dev/null";

pub(super) fn run(ground: &Ground) -> Result<Table> {
    let (store, room) = (StoreServer::start(ground)?, ground.room()?);
    let charm = Charm::write(room.path().join("charm"))?;
    charm.renew(0, ground.size.0)?;
    let id = store.publish(&charm)?.stdout;
    let mut rows = bytes(ground, &store, &charm, &id)?;
    rows.extend(units(ground, &store, &charm, &id)?);
    Ok(Table::new(rows))
}

/// Measures bytes alone.
fn bytes(ground: &Ground, store: &StoreServer<'_>, charm: &Charm, id: &str) -> Result<Vec<Row>> {
    let nginx = Nginx::start(ground, &charm.dir().join("resources"))?;
    let registry = Registry::start(ground)?;
    let sha256 = peer::sha256(&charm.resource())?.sha256;
    registry.push(&charm.resource(), &sha256)?;
    let what = format!("download {}, curl", ground.size);
    let mut beside_nginx = Row::seconds(&what, "curl from nginx");
    let mut beside_registry = Row::seconds(&what, "curl from docker-registry");
    for _ in ground.rounds() {
        let of_nginx = nowhere(&nginx.url(charm::PLACE))?;
        let ours = || peer::download(&store.url(&resource_route(id)), Some(store.token()), NOWHERE.as_ref());
        let sample = store.time(ours)?;
        beside_nginx.add(sample, of_nginx);
        beside_registry.add(sample, nowhere(&registry.url(&sha256))?);
    }
    Ok(vec![beside_nginx, beside_registry])
}

fn nowhere(url: &str) -> Result<f64> {
    Ok(peer::download(url, None, NOWHERE.as_ref())?.seconds)
}

/// Measures what a unit gets: all of it, and then an upgrade to a file of which a hundredth changed.
fn units(ground: &Ground, store: &StoreServer<'_>, charm: &Charm, id: &str) -> Result<Vec<Row>> {
    let nginx = Nginx::start(ground, &charm.dir().join("resources"))?;
    let (size, peer) = (ground.size, "curl from nginx, sync, openssl");
    let mut install = Row::seconds(format!("charm-deploy install {size}"), peer);
    let mut upgrade = Row::seconds(format!("charm-deploy upgrade {size}, 1 % changed"), peer);
    let (room, mut id) = (ground.room()?, id.to_owned());
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
