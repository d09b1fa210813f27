//! `login`: keep a token, once the store has accepted it.

use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;

use anyhow::Context as _;
use charm_model::reference::BaseId;
use store_client::{Credentials, DeviceFlow, Store, job_token};
use v4_wire::login::JobLoginRequest;

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
    let token = match &args.job {
        _ if args.device => by_device(context).await?,
        Some(base) => as_job(args, base, &address, context).await?,
        None => token(args)?,
    };
    let store = context.store_with(Credentials::parse(&token)?)?;
    let me = store.whoami().await?;
    let path = credentials::keep(&address, &token)?;
    context.output().note(&format!("logged in at {address}; the token is kept in {}", path.display()));
    context.output().result(&Me::from(me))?;
    Ok(Exit::Done)
}

fn token(args: &LoginArgs) -> Result<String, Failure> {
    if let Some(path) = &args.token_file {
        return read(path);
    }
    // What is typed at a terminal is shown on it.
    if io::stdin().is_terminal() {
        return Err(Failure::usage(
            "no token is given",
            "say `--device`, `--token-file FILE`, or give it on standard input",
        ));
    }
    let mut token = String::new();
    io::stdin().take(MAX_TOKEN_BYTES).read_to_string(&mut token)?;
    Ok(token)
}

fn read(path: &Path) -> Result<String, Failure> {
    Ok(std::fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))?)
}

/// Asks the issuer that the store names for a code, and waits until somebody has entered it.
async fn by_device(context: &Context) -> Result<String, Failure> {
    let store = anonymous(context)?;
    let Some(login) = store.logins().await?.device.into_iter().next() else {
        return Err(Failure::usage("this store has no device page", "charm-publish login --token-file FILE"));
    };
    let flow = DeviceFlow::begin(&login).await?;
    context.output().note(&format!("open {} and enter {}", flow.page(), flow.code()));
    Ok(store.log_in(flow.token().await?).await?.token)
}

/// Exchanges the identity token that a job has, or can ask for, for one that may publish.
async fn as_job(
    args: &LoginArgs,
    base: &BaseId,
    address: &str,
    context: &Context,
) -> Result<String, Failure> {
    let token = if let Some(path) = &args.identity_file {
        read(path)?.trim().to_owned()
    } else {
        // Never what the store says: a store that lies would get a token that another one takes.
        let audience = args.audience.as_deref().unwrap_or(address.trim_end_matches('/'));
        let Some((url, secret)) = credentials::runner() else {
            return Err(Failure::usage(
                "this is no job of GitHub's that may ask for its identity",
                "give it `permissions: {id-token: write}`, or say `--identity-file FILE`",
            ));
        };
        job_token(&url, &secret, audience).await?
    };
    let request = JobLoginRequest { token, base: base.clone() };
    Ok(anonymous(context)?.log_in_job(&request).await?.token)
}

/// Returns the store, for somebody who is nobody yet.
fn anonymous(context: &Context) -> Result<Store, Failure> {
    context.store_with(Credentials::Anonymous)
}
