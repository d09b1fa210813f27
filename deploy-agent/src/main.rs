//! `charm-deploy`: the unit's side of the store, for people and scripts.

mod cli;
mod connect;
mod progress;
mod refusal;
mod render;

use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use charm_model::name::Architecture;
use charm_model::timestamp::Timestamp;
use clap::Parser as _;
use deploy_agent::{InstallRequest, Outcome, UpgradeRequest};

use crate::cli::{Cli, Verb};
use crate::connect::connect;
use crate::progress::watch;
use crate::refusal::{Exit, Refusal};
use crate::render::{Render, render};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    run(&cli).await.unwrap_or_else(|refusal| {
        anstream::eprintln!("{refusal}");
        ExitCode::from(refusal.exit as u8)
    })
}

async fn run(cli: &Cli) -> Result<ExitCode, Refusal> {
    match &cli.verb {
        Verb::Install { id, dir, arch, channel } => {
            let (reference, dir) = (id.clone(), dir.clone());
            let architecture = arch.map_or_else(own_architecture, Ok)?;
            let (channel, seeds, now) = (*channel, cli.seeds(), now());
            install(cli, InstallRequest { reference, dir, architecture, channel, seeds, now }).await
        }
        Verb::Upgrade { dir, id, channel } => {
            let (reference, dir) = (id.clone(), dir.clone());
            let (channel, seeds, now) = (*channel, cli.seeds(), now());
            upgrade(cli, UpgradeRequest { dir, reference, channel, seeds, now }).await
        }
        Verb::Rollback { dir } => tell(cli, "rollback", &deploy_agent::rollback(dir, now())?),
        Verb::Status { dir } => print(cli, "status", &deploy_agent::status(dir)?),
        Verb::Verify { dir } => verify(cli, dir),
    }
}

async fn install(cli: &Cli, request: InstallRequest) -> Result<ExitCode, Refusal> {
    let store = connect(cli)?;
    tell(cli, "install", &deploy_agent::install(&store, &request, watch(cli.quiet)).await?)
}

async fn upgrade(cli: &Cli, request: UpgradeRequest) -> Result<ExitCode, Refusal> {
    let store = connect(cli)?;
    tell(cli, "upgrade", &deploy_agent::upgrade(&store, &request, watch(cli.quiet)).await?)
}

fn verify(cli: &Cli, dir: &Path) -> Result<ExitCode, Refusal> {
    let verification = deploy_agent::verify(dir)?;
    let printed = print(cli, "verify", &verification)?;
    // Differences are the answer and no error, so they stand on standard output; a script sees the code.
    Ok(if verification.differences.is_empty() { printed } else { ExitCode::from(Exit::Integrity as u8) })
}

/// Prints what became of a unit, and what a person should know besides.
fn tell(cli: &Cli, verb: &str, outcome: &Outcome) -> Result<ExitCode, Refusal> {
    for note in &outcome.notes {
        anstream::eprintln!("warning: {note}");
    }
    print(cli, verb, outcome)
}

fn print(cli: &Cli, verb: &str, result: &impl Render) -> Result<ExitCode, Refusal> {
    let text = render(verb, result, cli.format).map_err(|error| Refusal::unexpected(&error))?;
    anstream::println!("{text}");
    Ok(ExitCode::SUCCESS)
}

fn own_architecture() -> Result<Architecture, Refusal> {
    let name = std::env::consts::ARCH;
    Architecture::from_rust(name).ok_or_else(|| {
        Refusal::usage(format!("this machine's architecture `{name}` is not one that charms know"))
            .help("--arch A")
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the program is where the time comes from; the library takes it"
)]
fn now() -> Timestamp {
    SystemTime::now().into()
}
