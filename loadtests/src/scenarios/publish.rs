//! A large file, published: bytes that the store has never seen, then the same again.
//!
//! The client digests the file before it says a word, then sends it; the server digests and flushes it. To digest and
//! to copy durably, one after the other, is what anything that promises as much has to do.

use anyhow::Result;

use crate::charm::Charm;
use crate::ground::Ground;
use crate::peer::{self, Peer};
use crate::store::StoreServer;
use crate::table::{Row, Table};

pub(super) const PEERS: &[Peer] = &[Peer::OpenSsl, Peer::Dd];

pub(super) fn run(ground: &Ground) -> Result<Table> {
    let (store, room) = (StoreServer::start(ground)?, ground.room()?);
    let charm = Charm::write(room.path().join("charm"))?;
    let size = ground.size;
    let mut new = Row::seconds(format!("publish {size}, new"), "openssl dgst -sha256");
    let mut floor = Row::seconds(format!("publish {size}, new"), "openssl, then dd conv=fsync");
    let mut unchanged = Row::seconds(format!("publish {size}, unchanged"), "openssl dgst -sha256");
    for round in ground.rounds() {
        charm.renew(round, size.0)?;
        let digested = peer::sha256(&charm.resource())?;
        let sample = store.time(|| store.publish(&charm))?;
        let copied = peer::copy(&charm.resource(), &room.path().join("copy"))?;
        new.add(sample, digested);
        floor.add(sample, digested + copied);
        unchanged.add(store.time(|| store.publish(&charm))?, digested);
    }
    Ok(Table::new([new, floor, unchanged]))
}
