//! Tokens.

use std::process::ExitCode;

use charm_model::rights::{Caller, Scope};
use v4_wire::token::TokenInfo;

use crate::cli::Token;
use crate::config::Config;
use crate::{output, parts};

pub(crate) async fn run(config: &Config, command: Token) -> anyhow::Result<ExitCode> {
    let store = parts::store(config).await?;
    match command {
        Token::Create { user, scopes, ttl, description, report } => {
            let token =
                store.create_token(&user, Scope::parse(&scopes)?, ttl, description.as_deref()).await?;
            // The token alone, so that a script can take it as it is.
            output::result(report.format, &token, || token.token.clone())?;
        }
        Token::List { user, report } => {
            let tokens = store.tokens_of(&user).await?;
            output::result(report.format, &tokens, || {
                tokens.tokens.iter().map(human).collect::<Vec<_>>().join("\n")
            })?;
        }
        Token::Revoke { id } => {
            store.end_token(&Caller::Admin, &id).await?;
            output::line(&format!("{id} is revoked"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn human(token: &TokenInfo) -> String {
    let end = token.revoked.map_or_else(|| format!("until {}", token.expires), |at| format!("revoked {at}"));
    let rules = Vec::from(token.scope.clone());
    let scope = if rules.is_empty() { "all that the user may".to_owned() } else { rules.join(" ") };
    format!("{}  {end}  {scope}  {}", token.id, token.description.escape_debug()).trim_end().to_owned()
}
