//! Making the search index anew.

use std::process::ExitCode;

use anyhow::Context as _;

use crate::config::Config;
use crate::{output, parts, telemetry};

pub(crate) async fn run(config: Config) -> anyhow::Result<ExitCode> {
    telemetry::start();
    let store = parts::store(&config).await?;
    store.remake_index().await.context("cannot make the search index")?;
    store.database().close().await;
    output::line("the search index is new")?;
    Ok(ExitCode::SUCCESS)
}
