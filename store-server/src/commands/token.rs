//! Tokens.

use std::process::ExitCode;

use charm_model::rights::Scope;

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
        Token::Revoke { id } => {
            anyhow::ensure!(store.revoke_token(&id).await?, "there is no token `{id}` that could be revoked");
            output::line(&format!("{id} is revoked"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
