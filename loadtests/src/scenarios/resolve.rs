//! What a reference means, asked again and again: for a base with one revision of its resources, and with many.

use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

use crate::charm::{self, Charm};
use crate::ground::Ground;
use crate::load;
use crate::nginx::Nginx;
use crate::peer::{self, Peer};
use crate::scenarios::commits;
use crate::store::{OWNER, StoreServer};
use crate::table::{Row, Table};

pub(super) const PEERS: &[Peer] = &[Peer::Curl, Peer::Nginx];

/// How many revisions a stream has that is built every night for three years.
const N_REVISIONS: u32 = 1_000;

pub(super) fn run(ground: &Ground) -> Result<Table> {
    let (store, room) = (StoreServer::start(ground)?, ground.room()?);
    let charm = Charm::write(room.path().join("charm"))?;
    charm.renew(0, 1 << 10)?;
    let id = store.publish(&charm)?.stdout;
    store.release(&id)?;
    let of_one = measure(ground, &store, "resolve, 1 revision", &room)?;
    commits::publish(&store, room.path(), N_REVISIONS, Duration::MAX)?;
    let of_many = measure(ground, &store, "resolve, 1,000 revisions", &room)?;
    Ok(Table::new([of_one, of_many]))
}

/// Measures beside nginx, whose file is one of the answers.
fn measure(ground: &Ground, store: &StoreServer<'_>, what: &str, room: &TempDir) -> Result<Row> {
    let url = store.url(&format!("/resolve?id=~{OWNER}/{}", charm::NAME));
    peer::download(&url, Some(store.token()), &room.path().join("answer.json"))?;
    let nginx = Nginx::start(ground, room.path())?;
    let mut row = Row::per_second(what, "the same bytes from nginx");
    for _ in ground.rounds() {
        let of_nginx = load::gets_per_second(&nginx.url("answer.json"), None)?;
        row.add(store.rate(|| load::gets_per_second(&url, Some(store.token())))?, of_nginx);
    }
    Ok(row)
}
