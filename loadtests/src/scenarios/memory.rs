//! A file so large that it shows where one is held in memory: up once, and down again and again.

use anyhow::Result;

use crate::charm::{self, Charm};
use crate::ground::Ground;
use crate::nginx::Nginx;
use crate::peer::{self, Peer};
use crate::scenarios::download::NOWHERE;
use crate::size::Size;
use crate::store::{StoreServer, resource_route};
use crate::table::{Row, Table};

pub(super) const PEERS: &[Peer] = &[Peer::Curl, Peer::Dd, Peer::Nginx, Peer::OpenSsl];

/// By how many bytes the server may grow.
const LIMIT: u64 = 64 << 20;

pub(super) fn run(ground: &Ground) -> Result<Table> {
    let (store, room) = (StoreServer::start(ground)?, ground.room()?);
    let charm = Charm::write(room.path().join("charm"))?;
    let size = Size(ground.size.0.saturating_mul(4));
    charm.renew(0, size.0)?;

    let mut up = Row::seconds(format!("publish {size}, new"), "openssl, then dd conv=fsync");
    let (sample, id) = store.time_and_tell(|| store.publish(&charm))?;
    let floor = peer::sha256(&charm.resource())? + peer::copy(&charm.resource(), &room.path().join("copy"))?;
    up.add(sample, floor);

    let mut down = Row::seconds(format!("download {size}, curl"), "curl from nginx");
    let nginx = Nginx::start(ground, &charm.dir().join("resources"))?;
    let (ours, theirs) = (store.url(&resource_route(&id)), nginx.url(charm::PLACE));
    for _ in ground.rounds() {
        let of_nginx = peer::download(&theirs, None, NOWHERE.as_ref())?.seconds;
        down.add(store.time(|| peer::download(&ours, Some(store.token()), NOWHERE.as_ref()))?, of_nginx);
    }

    // What it keeps of the way up counts on the way down as well.
    let growth = up.server_growth_bytes() + down.server_growth_bytes();
    let (limit, growth) = (Size(LIMIT), Size(growth));
    let promise = format!("with {size} up and down, the server grows by less than {limit}: {growth}");
    Ok(Table::new([up, down]).promising(promise, growth < limit))
}
