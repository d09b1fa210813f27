//! `token`: the caller's tokens.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::Context as _;
use charm_model::rights::Scope;
use charm_model::timestamp::Timestamp;
use serde::Serialize;
use v4_wire::token::{NewToken, TokenInfo, TokenRequest, Tokens};

use crate::cli::{TokenCreateArgs, TokenVerb};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Told;

pub(crate) async fn run(verb: TokenVerb, context: &Context) -> Result<Exit, Failure> {
    let store = context.store()?;
    match verb {
        TokenVerb::Create(args) => {
            let made = store.make_token(&request(&args)?).await?;
            match &args.export {
                None => context.output().result(&made)?,
                Some(path) => {
                    export(path, &made.token)?;
                    context.output().note(&format!("the token is kept in {}", path.display()));
                    context.output().result(&Exported {
                        id: made.id,
                        scope: made.scope,
                        expires: made.expires,
                    })?;
                }
            }
        }
        TokenVerb::List => context.output().result(&store.tokens().await?)?,
        TokenVerb::Revoke { id } => {
            store.revoke_token(&id).await?;
            context.output().note(&format!("{id} is revoked"));
        }
    }
    Ok(Exit::Done)
}

fn request(args: &TokenCreateArgs) -> Result<TokenRequest, Failure> {
    let scope = Scope::parse(&args.scope).map_err(|error| {
        Failure::usage(error.to_string(), "a scope reads `~owner/name[.stream]:right[+right][@channel]`")
    })?;
    Ok(TokenRequest {
        scope,
        ttl_secs: args.ttl.map(|ttl| ttl.as_secs()),
        description: args.description.clone(),
    })
}

/// Writes a token where its owner alone reads it. A file that is there already may be open to others, and stays.
fn export(path: &std::path::Path, token: &str) -> Result<(), Failure> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("`{}`", path.display()))?;
    Ok(file.write_all(token.as_bytes())?)
}

/// A token that was made and is kept in a file.
#[derive(Serialize)]
struct Exported {
    id: String,
    scope: Scope,
    expires: Timestamp,
}

impl Told for Exported {
    const VERB: &'static str = "token-create";

    fn human(&self) -> String {
        format!("{}   until {}   {}\n", self.id, self.expires, shown(&self.scope))
    }

    fn quiet(&self) -> Option<String> {
        Some(self.id.clone())
    }
}

impl Told for NewToken {
    const VERB: &'static str = "token-create";

    fn human(&self) -> String {
        format!("{}\n{}   until {}   {}\n", self.token, self.id, self.expires, shown(&self.scope))
    }

    fn quiet(&self) -> Option<String> {
        Some(self.token.clone())
    }
}

impl Told for Tokens {
    const VERB: &'static str = "token-list";

    fn human(&self) -> String {
        let mut text = String::new();
        for token in &self.tokens {
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "{}", line(token).trim_end());
        }
        text
    }

    fn quiet(&self) -> Option<String> {
        let ids: Vec<_> = self.tokens.iter().map(|token| token.id.as_str()).collect();
        (!ids.is_empty()).then(|| ids.join("\n"))
    }
}

fn line(token: &TokenInfo) -> String {
    let end = match token.revoked {
        Some(at) => format!("revoked {at}"),
        None => format!("until {}", token.expires),
    };
    let used = token.last_used.map_or_else(|| "never used".to_owned(), |at| format!("last used {at}"));
    format!("{}   {end}   {used}   {}   {}", token.id, shown(&token.scope), token.description.escape_debug())
}

fn shown(scope: &Scope) -> String {
    let rules = Vec::from(scope.clone());
    if rules.is_empty() { "all that you may".to_owned() } else { rules.join(" ") }
}
