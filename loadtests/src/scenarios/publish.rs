//! A large file, published: bytes that the store has never seen, the same again, and then a hundredth of them changed.
//!
//! The client digests the file before it says a word, then sends it; the server digests and flushes it. To digest and
//! to copy durably, one after the other, is what anything that promises as much has to do. docker-registry is pushed to
//! by somebody who digests as well; it hashes, and does not flush.

use anyhow::Result;

use crate::charm::Charm;
use crate::ground::Ground;
use crate::peer::{self, Digested, Peer};
use crate::registry::Registry;
use crate::store::StoreServer;
use crate::table::{Row, Table};

pub(super) const PEERS: &[Peer] = &[Peer::Curl, Peer::Dd, Peer::DockerRegistry, Peer::OpenSsl];

pub(super) fn run(ground: &Ground) -> Result<Table> {
    let (store, room) = (StoreServer::start(ground)?, ground.room()?);
    let registry = Registry::start(ground)?;
    let charm = Charm::write(room.path().join("charm"))?;
    let mut rows = Rows::new(ground);
    for round in ground.rounds() {
        charm.renew(round, ground.size.0)?;
        let digested = peer::sha256(&charm.resource())?;
        let copied = peer::copy(&charm.resource(), &room.path().join("copy"))?;
        let pushed = push(&registry, &charm, &digested)?;
        let sample = store.time(|| store.publish(&charm))?;
        rows.new.add(sample, digested.seconds);
        rows.new_copied.add(sample, digested.seconds + copied);
        rows.new_pushed.add(sample, pushed);
        rows.read_again.add(store.time(|| store.publish_with(&charm, &["--no-cache"]))?, digested.seconds);
        rows.unchanged.add(store.time(|| store.publish(&charm))?, digested.seconds);

        charm.touch(round << 32)?;
        let digested = peer::sha256(&charm.resource())?;
        let pushed = push(&registry, &charm, &digested)?;
        let sample = store.time(|| store.publish(&charm))?;
        rows.changed.add(sample, digested.seconds);
        rows.changed_pushed.add(sample, pushed);
    }
    Ok(rows.table())
}

/// Pushes a file that was digested, and returns how many seconds both took.
fn push(registry: &Registry, charm: &Charm, digested: &Digested) -> Result<f64> {
    let seconds = registry.push(&charm.resource(), &digested.sha256)?;
    registry.empty()?;
    Ok(digested.seconds + seconds)
}

/// What is compared.
struct Rows {
    new: Row,
    new_copied: Row,
    new_pushed: Row,
    read_again: Row,
    unchanged: Row,
    changed: Row,
    changed_pushed: Row,
}

impl Rows {
    fn new(ground: &Ground) -> Self {
        let row = |how: &str, peer: &str| Row::seconds(format!("publish {}, {how}", ground.size), peer);
        let (digest, push) = ("openssl dgst -sha256", "openssl, push to docker-registry");
        Self {
            new: row("new", digest),
            new_copied: row("new", "openssl, dd conv=fsync"),
            new_pushed: row("new", push),
            read_again: row("unchanged, read again", digest),
            unchanged: row("unchanged", digest),
            changed: row("1 % changed", digest),
            changed_pushed: row("1 % changed", push),
        }
    }

    fn table(self) -> Table {
        let Self { new, new_copied, new_pushed, read_again, unchanged, changed, changed_pushed } = self;
        Table::new([new, new_copied, new_pushed, read_again, unchanged, changed, changed_pushed])
    }
}
