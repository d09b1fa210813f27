//! Load tests: real release programs, measured beside other programs that do the same work.
//!
//! Seconds differ from machine to machine and from hour to hour; what a run is for are the ratios to the peers, which
//! take their turns in between. In reading order:
//!
//! 1. [`cli`], [`size`]: what is measured. [`ground`]: where.
//! 2. [`scenarios`]: one file each.
//! 3. [`store`], [`nginx`] and [`registry`]: the servers. [`charm`], [`noise`] and [`payloads`]: what goes through them;
//!    [`entities`]: what is searched.
//!    [`peer`] and [`deltas`]: who does the same.
//! 4. [`process`], [`memory`], [`relay`] and [`load`]: the measuring.
//! 5. [`table`]: the result.

mod charm;
mod cli;
mod deltas;
mod entities;
mod ground;
mod load;
mod memory;
mod nginx;
mod noise;
mod payloads;
mod peer;
mod ports;
mod process;
mod programs;
mod registry;
mod relay;
mod scenarios;
mod size;
mod store;
mod table;

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser as _;

use crate::cli::Cli;
use crate::ground::Ground;
use crate::table::Table;

fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    let scenarios = cli.scenarios();
    if cli.missing {
        for package in ground::missing_packages(&scenarios) {
            writeln!(io::stdout(), "{package}")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let ground = Ground::prepare(&cli, &scenarios)?;
    let mut table = Table::default();
    for scenario in scenarios {
        anstream::eprintln!("measuring {}", scenario.name());
        let measured = scenario.run(&ground).with_context(|| format!("scenario `{}`", scenario.name()))?;
        table.extend(measured);
    }
    writeln!(io::stdout(), "{}", table.render(cli.format)?)?;
    Ok(if table.promises_are_kept() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
