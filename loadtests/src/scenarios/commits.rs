//! Tiny publishes, each a revision of its own that is on the disk when it is answered.
//!
//! The peer writes as many small files, each flushed before the next: what a store without a database could at most do
//! with one writer.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Result;
use charm_model::reference::BaseId;
use charm_model::shape::{ManifestFile, Place, Tree};
use store_client::{Publish, Source, Store, hash_file};
use v4_wire::publish::{PlanRequest, StreamFile};

use crate::charm::{self, Charm};
use crate::ground::Ground;
use crate::load::{ROUND, per_second};
use crate::store::{OWNER, StoreServer};
use crate::table::{Row, Table};

/// The most publishes of a round.
const N_PUBLISHES: u32 = 2_000;

pub(super) fn run(ground: &Ground) -> Result<Table> {
    let (store, room) = (StoreServer::start(ground)?, ground.room()?);
    let charm = Charm::write(room.path().join("charm"))?;
    charm.renew(0, 1 << 10)?;
    store.publish(&charm)?;
    let mut row = Row::per_second("tiny publishes", "small files, each flushed");
    for _ in ground.rounds() {
        let flushed = flush(room.path())?;
        row.add(store.rate(|| publish(&store, room.path(), N_PUBLISHES, ROUND))?, flushed);
    }
    Ok(Table::new([row]))
}

/// Publishes resources for the charm that is there, each time others, and returns how many were published in a second.
pub(super) fn publish(
    store: &StoreServer<'_>,
    dir: &Path,
    max_publishes: u32,
    time: Duration,
) -> Result<f64> {
    // Another round has other contents.
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let client = store.client()?;
    per_second(max_publishes, time, async |_| {
        publish_one(&client, dir, NUMBER.fetch_add(1, Ordering::Relaxed)).await
    })
}

async fn publish_one(client: &Store, dir: &Path, number: u32) -> Result<()> {
    let path = dir.join(format!("resource-{number}"));
    fs::write(&path, number.to_le_bytes())?;
    let content = hash_file(&path, Arc::new(())).await?;
    let place = Place { tree: Tree::Common, path: charm::RESOURCE.parse()? };
    let file = StreamFile { place, file: ManifestFile { content, executable: false } };
    let base = BaseId { owner: OWNER.parse()?, name: charm::NAME.parse()? };
    let streams = [(charm::STREAM.parse()?, vec![file])].into();
    let request = PlanRequest { base, series: None, archive: None, streams, dry_run: false };
    Publish::begin(client, &request, [Source { path, content }]).await?.finish(Arc::new(())).await?;
    Ok(())
}

/// Writes small files one after the other, and returns how many are written in a second.
fn flush(dir: &Path) -> Result<f64> {
    let path = dir.join("small");
    per_second(N_PUBLISHES, ROUND, async |_| {
        let mut file = File::create(&path)?;
        file.write_all(&[7; 4096])?;
        Ok(file.sync_all()?)
    })
}
