//! Users and their groups.

use std::process::ExitCode;

use charm_model::rights::Scope;
use serde_json::{Value, json};
use store_core::Account;

use crate::cli::User;
use crate::config::{Config, read_password};
use crate::{output, parts};

pub(crate) async fn run(config: &Config, command: User) -> anyhow::Result<ExitCode> {
    let store = parts::store(config).await?;
    match command {
        User::Add { name, groups, password_file, report } => {
            let account = store.add_user(&name, &groups.into_iter().collect()).await?;
            if let Some(path) = password_file {
                store.set_password(&name, &read_password(&path)?).await?;
            }
            let token =
                store.create_token(&name, Scope::UNRESTRICTED, None, Some("made with the user")).await?;
            let mut json = shown(&account);
            json["token"] = token.token.clone().into();
            json["token_id"] = token.id.clone().into();
            json["expires"] = token.expires.to_string().into();
            // The token alone, so that a script can take it as it is.
            output::result(report.format, &json, || token.token.clone())?;
        }
        User::Link { name, issuer, subject } => {
            store.link_user(&name, &issuer, &subject).await?;
            output::line(&format!("{name} is `{subject}` of {issuer}"))?;
        }
        User::Disable { name } => {
            store.set_disabled(&name, true).await?;
            output::line(&format!("{name} is disabled, and its tokens have ended"))?;
        }
        User::Enable { name } => {
            store.set_disabled(&name, false).await?;
            output::line(&format!("{name} is enabled"))?;
        }
        User::List(report) => {
            let users = store.users().await?;
            let json: Vec<_> = users.iter().map(shown).collect();
            output::result(report.format, &json!({ "users": json }), || {
                users.iter().map(human).collect::<Vec<_>>().join("\n")
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(account: &Account) -> Value {
    json!({ "name": account.name, "groups": account.groups, "created": account.created_at })
}

fn human(account: &Account) -> String {
    let groups: Vec<_> = account.groups.iter().map(|group| format!("@{group}")).collect();
    format!("{}  {}", account.name, groups.join(" "))
}
