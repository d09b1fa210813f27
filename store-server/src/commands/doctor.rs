//! Checking what the store stands on, before somebody depends on it.

use std::process::ExitCode;
use std::time::Instant;

use blob_store::probe::Probe;
use serde::Serialize;

use crate::cli::Report;
use crate::config::Config;
use crate::{output, parts};

/// One thing that was checked.
#[derive(Serialize)]
struct Check {
    name: &'static str,
    passed: bool,
    found: String,
    duration_ms: u128,
}

pub(crate) async fn run(config: &Config, report: &Report) -> anyhow::Result<ExitCode> {
    let checks = [
        check("database", database(config)).await,
        check("schema", schema(config)).await,
        check("blobs", blobs(config)).await,
        check("clock", async { clock() }).await,
    ];
    let all_passed = checks.iter().all(|check| check.passed);
    let json = serde_json::json!({ "passed": all_passed, "checks": checks });
    output::result(report.format, &json, || checks.iter().map(human).collect::<Vec<_>>().join("\n"))?;
    Ok(if all_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn check(name: &'static str, work: impl Future<Output = anyhow::Result<String>>) -> Check {
    let began = Instant::now();
    let (passed, found) = match work.await {
        Ok(found) => (true, found),
        Err(error) => (false, format!("{error:#}")),
    };
    Check { name, passed, found, duration_ms: began.elapsed().as_millis() }
}

fn human(check: &Check) -> String {
    let mark = if check.passed { "ok    " } else { "FAILED" };
    format!("{mark}  {:<9} {} ({} ms)", check.name, check.found, check.duration_ms)
}

async fn database(config: &Config) -> anyhow::Result<String> {
    let database = parts::database(config).await?;
    database.ping().await?;
    let engine = if config.database.starts_with("sqlite:") { "SQLite" } else { "PostgreSQL" };
    Ok(format!("{engine} answers"))
}

async fn schema(config: &Config) -> anyhow::Result<String> {
    let status = parts::database(config).await?.migration_status().await?;
    let n_missing = status.iter().filter(|migration| !migration.is_applied).count();
    Ok(match n_missing {
        0 => "up to date".to_owned(),
        n => format!("{n} migrations are missing: `serve` and `migrate up` apply them"),
    })
}

async fn blobs(config: &Config) -> anyhow::Result<String> {
    let probe = parts::blobs(config)?.probe().await?;
    Ok(match probe {
        Probe::Local { free_bytes } => format!("a local directory with {} GiB free", free_bytes >> 30),
        Probe::Bucket { honours_if_none_match: true } => "a bucket".to_owned(),
        Probe::Bucket { honours_if_none_match: false } => {
            "a bucket that ignores If-None-Match, which nothing here rests on".to_owned()
        }
    })
}

/// A clock before the program was written makes every token and session expire at once, or never.
fn clock() -> anyhow::Result<String> {
    use store_core::{Clock as _, SystemClock};
    let now = SystemClock.now();
    let earliest = charm_model::timestamp::Timestamp::from_micros(1_767_225_600_000_000);
    anyhow::ensure!(now > earliest, "the clock says {now}, which has been: set it");
    Ok(now.to_string())
}
