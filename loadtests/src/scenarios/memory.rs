//! A file so large that it shows where one is held in memory: up, down again and again, and then changed a little.

use std::path::Path;

use anyhow::Result;

use crate::charm::{self, Charm};
use crate::ground::Ground;
use crate::nginx::Nginx;
use crate::peer::{self, Peer};
use crate::scenarios::download::NOWHERE;
use crate::size::Size;
use crate::store::{StoreServer, resource_route};
use crate::table::{Row, Sample, Table};

pub(super) const PEERS: &[Peer] = &[Peer::Curl, Peer::Dd, Peer::Nginx, Peer::OpenSsl];

/// By how many bytes the server may grow, and how many a client may have at once, while a file moves as it is.
const LIMIT: u64 = 64 << 20;

/// The same while what changed is looked for, and both ends work on windows of a file.
const DELTA_LIMIT: u64 = 512 << 20;

pub(super) fn run(ground: &Ground) -> Result<Table> {
    let (store, room) = (StoreServer::start(ground)?, ground.room()?);
    let charm = Charm::write(room.path().join("charm"))?;
    let (size, unit) = (size(ground), room.path().join("unit"));
    charm.renew(0, size.0)?;
    let floor = floor(&charm, &room.path().join("copy"))?;
    let row = |what: String, sample: Sample| {
        let mut row = Row::seconds(what, "openssl, dd conv=fsync");
        row.add(sample, floor);
        row
    };

    let (sample, id) = store.time_and_tell(|| store.publish(&charm))?;
    let up = row(format!("publish {size}, new"), sample);
    let down = download(ground, &store, &charm, &id)?;
    let install = row(format!("charm-deploy install {size}"), store.time(|| store.deploy(&id, &unit))?);

    charm.touch(1)?;
    let (sample, id) = store.time_and_tell(|| store.publish(&charm))?;
    let changed = row(format!("publish {size}, 1 % changed"), sample);
    let sample = store.time(|| store.upgrade(&unit, &id))?;
    let upgrade = row(format!("charm-deploy upgrade {size}, 1 % changed"), sample);

    let (whole, deltas) = ([up, down, install], [changed, upgrade]);
    let table = promise(Table::default(), &format!("{size} up and down"), &whole, LIMIT);
    let table = promise(table, &format!("1 % of {size} changed"), &deltas, DELTA_LIMIT);
    Ok(table.with(whole.into_iter().chain(deltas)))
}

/// Reads and copies the file durably, and returns how many seconds that took.
fn floor(charm: &Charm, copy: &Path) -> Result<f64> {
    Ok(peer::sha256(&charm.resource())?.seconds + peer::copy(&charm.resource(), copy)?)
}

fn download(ground: &Ground, store: &StoreServer<'_>, charm: &Charm, id: &str) -> Result<Row> {
    let nginx = Nginx::start(ground, &charm.dir().join("resources"))?;
    let (ours, theirs) = (store.url(&resource_route(id)), nginx.url(charm::PLACE));
    let mut down = Row::seconds(format!("download {}, curl", size(ground)), "curl from nginx");
    for _ in ground.rounds() {
        let of_nginx = peer::download(&theirs, None, NOWHERE.as_ref())?.seconds;
        down.add(store.time(|| peer::download(&ours, Some(store.token()), NOWHERE.as_ref()))?, of_nginx);
    }
    Ok(down)
}

fn size(ground: &Ground) -> Size {
    Size(ground.size.0.saturating_mul(4))
}

/// Makes a promise of what the server grows by and the clients have at most.
fn promise(table: Table, what: &str, rows: &[Row], limit: u64) -> Table {
    // What the server keeps of one way counts on the next as well.
    let server: u64 = rows.iter().map(Row::server_growth_bytes).sum();
    let client = rows.iter().filter_map(Row::client_peak_bytes).max().unwrap_or(0);
    let [grown, had, below] = [server, client, limit].map(Size);
    let text = format!("{what}: the server grows by less than {below}: {grown}; clients have less: {had}");
    table.promising(text, server.max(client) < limit)
}
