//! The store that the flags and the environment name.

use std::env::{self, VarError};
use std::fs;

use deploy_agent::DeployError;
use store_client::{Credentials, Options, Store};

use crate::cli::Cli;
use crate::refusal::Refusal;

/// Makes a client of the store.
pub(crate) fn connect(cli: &Cli) -> Result<Store, Refusal> {
    let address = cli.store.as_deref().filter(|it| !it.is_empty()).ok_or_else(|| {
        Refusal::usage("no store is named").help("--store URL, or the environment variable CHARM_STORE")
    })?;
    let (n_parallel, limit_rate) = (cli.jobs, cli.limit_rate);
    let options = Options { ca_pem: ca_pem()?, n_parallel, limit_rate, ..Options::default() };
    Store::new(address, credentials()?, options).map_err(|error| DeployError::from(error).into())
}

fn credentials() -> Result<Credentials, Refusal> {
    if let Some(token) = variable("CHARM_STORE_TOKEN")? {
        return parse(&token, "CHARM_STORE_TOKEN");
    }
    match variable("CHARM_STORE_TOKEN_FILE")? {
        Some(path) => parse(&String::from_utf8_lossy(&read(&path)?), &path),
        None => Ok(Credentials::Anonymous),
    }
}

fn parse(text: &str, origin: &str) -> Result<Credentials, Refusal> {
    Credentials::parse(text)
        .map_err(|error| Refusal::usage(format!("`{origin}` holds no credentials: {error}")))
}

fn ca_pem() -> Result<Option<Vec<u8>>, Refusal> {
    variable("CHARM_STORE_CA")?.map(|path| read(&path)).transpose()
}

fn read(path: &str) -> Result<Vec<u8>, Refusal> {
    fs::read(path).map_err(|error| Refusal::usage(format!("`{path}` cannot be read: {error}")))
}

/// Returns an environment variable; an empty one is as good as none.
fn variable(name: &str) -> Result<Option<String>, Refusal> {
    match env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(Refusal::usage(format!("`{name}` is not UTF-8"))),
    }
}
