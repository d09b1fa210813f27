//! A large file, downloaded: its bytes alone, and as a unit gets it.
//!
//! Bytes alone are `curl` into nothing, from the store and from nginx. A unit wants more: the bytes on its disk,
//! flushed and verified. Whoever has them from nginx sees to that afterwards.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::charm::{self, Charm};
use crate::ground::Ground;
use crate::nginx::Nginx;
use crate::peer::{self, Peer};
use crate::store::{StoreServer, resource_route};
use crate::table::{Row, Table};

pub(super) const PEERS: &[Peer] = &[Peer::Curl, Peer::Nginx, Peer::OpenSsl, Peer::Sync];

/// Where bytes go that nobody wants.
pub(super) const NOWHERE: &str = "/dev/null";

pub(super) fn run(ground: &Ground) -> Result<Table> {
    let (store, room) = (StoreServer::start(ground)?, ground.room()?);
    let charm = Charm::write(room.path().join("charm"))?;
    charm.renew(0, ground.size.0)?;
    let id = store.publish(&charm)?.stdout;
    let nginx = Nginx::start(ground, &charm.dir().join("resources"))?;
    let (ours, theirs) = (store.url(&resource_route(&id)), nginx.url(charm::PLACE));
    let size = ground.size;
    let mut bytes = Row::seconds(format!("download {size}, curl"), "curl from nginx");
    let mut unit = Row::seconds(format!("charm-deploy install {size}"), "curl from nginx, sync, openssl");
    for round in ground.rounds() {
        let of_nginx = peer::download(&theirs, None, NOWHERE.as_ref())?.seconds;
        bytes.add(store.time(|| peer::download(&ours, Some(store.token()), NOWHERE.as_ref()))?, of_nginx);
        let dir = room.path().join(format!("unit-{round}"));
        let of_nginx = keep(&theirs, &room.path().join("file"))?;
        unit.add(store.time(|| store.deploy(&id, &dir))?, of_nginx);
        fs::remove_dir_all(dir)?;
    }
    Ok(Table::new([bytes, unit]))
}

/// Downloads a file as a unit wants it, and returns how many seconds that took.
fn keep(url: &str, file: &Path) -> Result<f64> {
    let downloaded = peer::download(url, None, file)?.seconds;
    let seconds = downloaded + peer::sync(file)? + peer::sha256(file)?;
    fs::remove_file(file)?;
    Ok(seconds)
}
