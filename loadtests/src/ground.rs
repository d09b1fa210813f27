//! Where it all takes place.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::cli::Cli;
use crate::programs::{Programs, own_dir};
use crate::scenarios::Scenario;
use crate::size::Size;

/// A directory that goes away, the programs, and how much is measured.
#[derive(Debug)]
pub(crate) struct Ground {
    dir: TempDir,
    pub(crate) programs: Programs,
    pub(crate) size: Size,
    pub(crate) rounds: u32,
    pub(crate) files: u32,
    pub(crate) entities: u32,
    pub(crate) payloads: PathBuf,
    pub(crate) series: Vec<String>,
}

/// Returns the packages whose programs are not here, each once.
pub(crate) fn missing_packages(scenarios: &[Scenario]) -> BTreeSet<&'static str> {
    let peers = scenarios.iter().flat_map(|scenario| scenario.peers());
    peers.filter(|peer| !peer.is_there()).map(|peer| peer.package()).collect()
}

impl Ground {
    /// Makes sure, before the first minute is spent, that all there is to measure is there.
    pub(crate) fn prepare(cli: &Cli, scenarios: &[Scenario]) -> Result<Self> {
        let missing: Vec<_> = missing_packages(scenarios).into_iter().collect();
        let install = "sudo apt-get install --no-install-recommends";
        ensure!(
            missing.is_empty(),
            "programs to measure against are missing: {install} {}",
            missing.join(" ")
        );
        let programs = Programs::find(cli.store_server.clone())?;
        // A system's directory for temporary files is often in memory, where a flush costs nothing.
        let parent = cli.dir.clone().map_or_else(own_dir, Ok)?;
        let dir = TempDir::with_prefix_in("loadtests-", &parent);
        let dir = dir.with_context(|| format!("`{}`", parent.display()))?;
        let payloads = cli.payloads.clone().map_or_else(|| anyhow::Ok(own_dir()?.join("payloads")), Ok)?;
        Ok(Self {
            dir,
            programs,
            size: cli.size,
            rounds: cli.rounds,
            files: cli.files,
            entities: cli.entities,
            payloads: std::path::absolute(payloads)?,
            series: cli.series.clone(),
        })
    }

    /// Returns a new directory for one scenario.
    pub(crate) fn room(&self) -> Result<TempDir> {
        Ok(TempDir::new_in(self.dir.path())?)
    }

    /// Says which round begins, and returns the numbers of all of them.
    pub(crate) fn rounds(&self) -> impl Iterator<Item = u64> + use<> {
        let n_rounds = u64::from(self.rounds);
        (1..=n_rounds).inspect(move |round| anstream::eprintln!("  round {round} of {n_rounds}"))
    }
}
