//! The key that signs tokens.

use std::process::ExitCode;

use crate::cli::Key;
use crate::config::Config;
use crate::{output, parts};

pub(crate) async fn run(config: &Config, command: &Key) -> anyhow::Result<ExitCode> {
    let store = parts::store(config).await?;
    match command {
        Key::Rotate => output::line(&store.rotate_key().await?)?,
    }
    Ok(ExitCode::SUCCESS)
}
