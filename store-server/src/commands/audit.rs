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
    let refusal =
        entry.reason.as_deref().map(|it| format!("   refused: {}", printable(it))).unwrap_or_default();
    let (action, object) = (printable(&entry.action), printable(&entry.object));
    format!("{:>6}  {}  {actor}{token}  {action} {object}{refusal}", entry.id, entry.at)
}

/// Escapes what would move the operator's cursor: a caller chose it.
fn printable(text: &str) -> String {
    let escaped = |it: char| if it.is_control() { it.escape_unicode().to_string() } else { it.to_string() };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_chose_moves_no_cursor() {
        assert_eq!(printable("a \"b\"\u{1b}[2J\n"), "a \"b\"\\u{1b}[2J\\u{a}");
    }
}
