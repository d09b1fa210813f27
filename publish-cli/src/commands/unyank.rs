//! `unyank`: take a withdrawal back.

use crate::cli::IdArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

pub(crate) async fn run(args: &IdArgs, context: &Context) -> Result<Exit, Failure> {
    let withdrawal = context.store()?.restore(&args.id).await?;
    context.output().result(&withdrawal)?;
    Ok(Exit::Done)
}
