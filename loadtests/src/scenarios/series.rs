//! Real files, version after version: what travels to the store, and from there to a unit that has the version before.
//!
//! Everything goes through a relay that counts it. Beside each step: the whole file, casync with all earlier versions in
//! its store, and a patch that zstd makes from the version before.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use tempfile::TempDir;

use crate::charm::{self, Charm};
use crate::deltas::{self, Casync};
use crate::ground::Ground;
use crate::payloads::{self, Series, Version};
use crate::peer::{self, Peer};
use crate::store::StoreServer;
use crate::table::{Form, Step, Table};

pub(super) const PEERS: &[Peer] = &[
    Peer::AptGet,
    Peer::Casync,
    Peer::Curl,
    Peer::DpkgDeb,
    Peer::Gzip,
    Peer::Npm,
    Peer::OpenSsl,
    Peer::Pip,
    Peer::Python,
    Peer::Tar,
    Peer::Zstd,
];

/// How often the store is asked whether it has a patch.
const POLL: Duration = Duration::from_millis(100);

/// How long a patch is waited for. Where none is worth its way, the store says so.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) fn run(ground: &Ground) -> Result<Table> {
    let mut steps = Vec::new();
    for series in payloads::collect(&ground.payloads, &ground.series)? {
        for form in [Form::Unpacked, Form::Shipped] {
            anstream::eprintln!("  {}: {}, {form}", series.name, series.what);
            steps.extend(Walk::begin(ground, &series, form)?.steps()?);
        }
    }
    Ok(Table::of_steps(steps))
}

/// The way through a series.
struct Walk<'a> {
    series: &'a Series,
    form: Form,
    store: StoreServer<'a>,
    charm: Charm,
    casync: Casync,
    room: TempDir,
}

impl<'a> Walk<'a> {
    fn begin(ground: &'a Ground, series: &'a Series, form: Form) -> Result<Self> {
        let (store, room) = (StoreServer::start(ground)?.relayed()?, ground.room()?);
        let charm = Charm::write(room.path().join("charm"))?;
        let casync = Casync::new(room.path().join("casync"))?;
        Ok(Self { series, form, store, charm, casync, room })
    }

    fn steps(&self) -> Result<Vec<Step>> {
        if let Some(first) = self.series.versions.first() {
            self.charm.take(self.file(first))?;
            let id = self.store.publish(&self.charm)?.stdout;
            self.store.deploy(&id, &self.unit())?;
            self.casync.add(None, self.file(first))?;
        }
        self.series.versions.windows(2).map(|pair| self.step(&pair[0], &pair[1])).collect()
    }

    fn step(&self, from: &Version, to: &Version) -> Result<Step> {
        let [old, new] = [from, to].map(|it| self.file(it));
        self.charm.take(new)?;
        let (up, id) = self.store.travel(|| self.store.publish(&self.charm))?;
        let patch_seconds = self.patch(&id, old)?;
        let (down, _) = self.store.travel(|| self.store.upgrade(&self.unit(), &id))?;
        Ok(Step {
            series: self.series.name.clone(),
            form: self.form,
            from: from.number.clone(),
            to: to.number.clone(),
            whole_bytes: new.metadata()?.len(),
            up,
            down,
            patch_seconds,
            casync: self.casync.add(Some(old), new)?,
            zstd_3: deltas::zstd(3, old, new, self.room.path())?,
            zstd_9: deltas::zstd(9, old, new, self.room.path())?,
        })
    }

    /// Waits until the store has made a patch from the version before, and returns how many seconds that took; none if it
    /// makes none.
    fn patch(&self, id: &str, old: &Path) -> Result<Option<f64>> {
        let route = format!("/{id}/patches/resources/{}?from={}", charm::PLACE, peer::sha256(old)?.sha256);
        let (url, began) = (self.store.url(&route), Instant::now());
        while began.elapsed() < PATIENCE {
            let (status, answer) = peer::ask(&url, self.store.token())?;
            if status == "206" {
                return Ok(Some(began.elapsed().as_secs_f64()));
            }
            if !answer.contains("E-NO-PATCH-YET") {
                return Ok(None);
            }
            thread::sleep(POLL);
        }
        Ok(None)
    }

    fn file(&self, version: &'a Version) -> &'a Path {
        match self.form {
            Form::Shipped => &version.shipped,
            Form::Unpacked => &version.unpacked,
        }
    }

    fn unit(&self) -> std::path::PathBuf {
        self.room.path().join("unit")
    }
}
