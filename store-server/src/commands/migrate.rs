//! The database's schema.

use std::process::ExitCode;

use catalog::migration::MigrationStatus;

use crate::cli::Migrate;
use crate::config::Config;
use crate::{output, parts};

pub(crate) async fn run(config: &Config, command: &Migrate) -> anyhow::Result<ExitCode> {
    let database = parts::database(config).await?;
    match command {
        Migrate::Up => {
            database.migrate().await?;
            output::line("the schema is up to date")?;
        }
        Migrate::Status(report) => {
            let status = database.migration_status().await?;
            output::result(report.format, &serde_json::json!({ "migrations": rows(&status) }), || {
                human(&status)
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn rows(status: &[MigrationStatus]) -> Vec<serde_json::Value> {
    let row = |it: &MigrationStatus| serde_json::json!({ "version": it.version, "description": it.description, "applied": it.is_applied });
    status.iter().map(row).collect()
}

fn human(status: &[MigrationStatus]) -> String {
    let line = |it: &MigrationStatus| {
        let mark = if it.is_applied { "applied" } else { "missing" };
        format!("{mark}  {:04} {}", it.version, it.description)
    };
    status.iter().map(line).collect::<Vec<_>>().join("\n")
}
