//! `logout`: forget the token for a store.

use crate::config::Files;
use crate::context::Context;
use crate::credentials;
use crate::exit::Exit;
use crate::failure::Failure;

pub(crate) fn run(context: &Context) -> Result<Exit, Failure> {
    let address = context.address(&Files::read(None)?)?;
    let told = if credentials::forget(&address)? { "logged out at" } else { "no token is kept for" };
    context.output().note(&format!("{told} {address}"));
    Ok(Exit::Done)
}
