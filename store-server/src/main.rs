//! The store's one program: public store, store inside a controller, or air-gapped mirror.

mod cli;
mod commands;
mod config;
mod jobs;
mod listen;
mod output;
mod parts;
mod telemetry;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let config = config::Config::read(cli.settings)?;
    match cli.command {
        Command::Serve(options) => commands::serve::run(config.with(&options)).await,
        Command::Migrate(command) => commands::migrate::run(&config, &command).await,
        Command::User(command) => commands::user::run(&config, command).await,
        Command::Group(command) => commands::group::run(&config, command).await,
        Command::Token(command) => commands::token::run(&config, command).await,
        Command::Key(command) => commands::key::run(&config, &command).await,
        Command::Audit(command) => commands::audit::run(&config, command).await,
        Command::Ingest(command) => commands::ingest::run(&config, command).await,
        Command::Reindex => commands::reindex::run(config).await,
        Command::Config => commands::config::run(&config),
        Command::Doctor(command) => commands::doctor::run(&config, &command).await,
    }
}
