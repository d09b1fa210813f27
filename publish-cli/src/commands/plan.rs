//! `plan`: what a publish would make and send.

use crate::cli::PlanArgs;
use crate::commands::publish;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

pub(crate) async fn run(args: &PlanArgs, context: &Context) -> Result<Exit, Failure> {
    let plan = publish::plan(&args.publish, context).await?;
    context.output().result(&plan)?;
    Ok(if args.exit_code && plan.changes() { Exit::Changes } else { Exit::Done })
}
