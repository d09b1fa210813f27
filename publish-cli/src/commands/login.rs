//! `login`: keep a token, once the store has accepted it.

use std::io::{self, IsTerminal as _, Read as _};

use anyhow::Context as _;
use store_client::Credentials;

use crate::cli::LoginArgs;
use crate::commands::whoami::Me;
use crate::config::Files;
use crate::context::Context;
use crate::credentials;
use crate::exit::Exit;
use crate::failure::Failure;

/// No token is longer; whatever is, is not one.
const MAX_TOKEN_BYTES: u64 = 16 << 10;

pub(crate) async fn run(args: &LoginArgs, context: &Context) -> Result<Exit, Failure> {
    let address = context.address(&Files::read(None)?)?;
    let token = token(args)?;
    let store = context.store_with(Credentials::parse(&token)?)?;
    let me = store.whoami().await?;
    let path = credentials::keep(&address, &token)?;
    context.output().note(&format!("logged in at {address}; the token is kept in {}", path.display()));
    context.output().result(&Me::from(me))?;
    Ok(Exit::Done)
}

fn token(args: &LoginArgs) -> Result<String, Failure> {
    if let Some(path) = &args.token_file {
        return Ok(std::fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))?);
    }
    // What is typed at a terminal is shown on it.
    if io::stdin().is_terminal() {
        return Err(Failure::usage(
            "no token is given",
            "say `--token-file FILE`, or give it on standard input",
        ));
    }
    let mut token = String::new();
    io::stdin().take(MAX_TOKEN_BYTES).read_to_string(&mut token)?;
    Ok(token)
}
