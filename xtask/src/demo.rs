//! `demo`: a charm's way through the store, with the commands that a person would type.

mod fixtures;
mod ledger;
mod server;
mod shell;
mod story;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use tempfile::TempDir;

use crate::workspace::cargo;
use crate::{interrupt, step};

/// Build everything, start a store, and show a charm's way through it.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// End after the last step, instead of leaving the store running until Ctrl-C
    #[arg(long)]
    once: bool,
    /// A fresh directory to work in and to keep [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Demo {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let programs = ["-p", "store-server", "-p", "publish-cli", "-p", "deploy-agent"];
        step::run(cargo(&["build", "--bins"]).args(programs))?;
        let place = Place::new(self.data.as_ref())?;
        let dir = place.dir();
        fixtures::write(dir)?;
        let mut server = story::begin(dir)?;
        let shell = story::log_in(dir, &server)?;
        let ledger = story::tell(&shell)?;
        anstream::print!("{ledger}");
        story::show_addresses(&server);
        if !self.once {
            anstream::println!("\nThe store runs until Ctrl-C.");
            interrupt::wait_while(|| server.is_running());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Where the demo takes place.
enum Place {
    Kept(PathBuf),
    Temporary(TempDir),
}

impl Place {
    fn new(data: Option<&PathBuf>) -> Result<Self> {
        let Some(dir) = data else { return Ok(Self::Temporary(TempDir::with_prefix("charm-demo-")?)) };
        let cannot = || format!("`{}` cannot be made: name a directory that is not there yet", dir.display());
        fs::create_dir(dir).with_context(cannot)?;
        Ok(Self::Kept(dir.canonicalize()?))
    }

    fn dir(&self) -> &Path {
        match self {
            Self::Kept(dir) => dir,
            Self::Temporary(dir) => dir.path(),
        }
    }
}
