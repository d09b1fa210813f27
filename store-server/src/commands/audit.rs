//! Who did what, or tried to.

use std::process::ExitCode;

use charm_model::rights::Caller;
use store_core::AuditFilter;
use v4_wire::audit::AuditEntry;

use crate::cli::AuditArgs;
use crate::config::Config;
use crate::{output, parts};

pub(crate) async fn run(config: &Config, command: AuditArgs) -> anyhow::Result<ExitCode> {
    let store = parts::store(config).await?;
    let AuditArgs { actor, object, refused, before, limit, report } = command;
    let filter = AuditFilter { before, actor, object, refused_only: refused, limit: Some(limit) };
    let audit = store.audit(&Caller::Admin, filter).await?;
    output::result(report.format, &audit, || audit.entries.iter().map(human).collect::<Vec<_>>().join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn human(entry: &AuditEntry) -> String {
    let actor = entry.actor.as_deref().unwrap_or("nobody");
    let token = entry.token.as_deref().map(|it| format!(" by token {it}")).unwrap_or_default();
    // What a caller chose is not to move the operator's cursor.
    let refusal =
        entry.reason.as_deref().map(|it| format!("   refused: {}", it.escape_debug())).unwrap_or_default();
    let (action, object) = (&entry.action, entry.object.escape_debug());
    format!("{:>6}  {}  {actor}{token}  {action} {object}{refusal}", entry.id, entry.at)
}
