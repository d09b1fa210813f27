//! A file of a charm's archive, unpacked on its way, again and again.

use anyhow::Result;

use crate::charm::Charm;
use crate::ground::Ground;
use crate::load;
use crate::nginx::Nginx;
use crate::peer::Peer;
use crate::store::StoreServer;
use crate::table::{Row, Table};

pub(super) const PEERS: &[Peer] = &[Peer::Nginx];

const FILE: &str = "metadata.yaml";

pub(super) fn run(ground: &Ground) -> Result<Table> {
    let (store, room) = (StoreServer::start(ground)?, ground.room()?);
    let charm = Charm::write(room.path().join("charm"))?;
    charm.renew(0, 1 << 10)?;
    let id = store.publish(&charm)?.stdout;
    let url = store.url(&format!("/{id}/archive/{FILE}"));
    let nginx = Nginx::start(ground, charm.dir())?;
    let mut row = Row::per_second("a file of an archive", "the same file from nginx");
    for _ in ground.rounds() {
        let of_nginx = load::gets_per_second(&nginx.url(FILE), None)?;
        row.add(store.rate(|| load::gets_per_second(&url, Some(store.token())))?, of_nginx);
    }
    Ok(Table::new([row]))
}
