//! Taking charms in from somewhere else.

use std::process::ExitCode;

use charm_model::rights::Caller;
use ingest::{Destination, GitSource};

use crate::cli::Ingest;
use crate::config::Config;
use crate::{output, parts};

pub(crate) async fn run(config: &Config, command: Ingest) -> anyhow::Result<ExitCode> {
    let store = parts::store(config).await?;
    let Ingest::Git { repository, branch, path, owner, series, report } = command;
    let source = GitSource { repository, branch, path };
    let published = source.publish(&store, &Caller::Admin, &Destination { owner, series }).await?;
    output::result(report.format, &published, || {
        let ids: Vec<_> = published.ids.iter().map(ToString::to_string).collect();
        ids.join("\n")
    })?;
    Ok(ExitCode::SUCCESS)
}
