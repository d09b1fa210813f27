//! `yank`: withdraw a revision.

use terminal::lines;
use v4_wire::release::{WithdrawRequest, Withdrawal};

use crate::cli::YankArgs;
use crate::commands::release::describe;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Told;

pub(crate) async fn run(args: YankArgs, context: &Context) -> Result<Exit, Failure> {
    let request = WithdrawRequest { reason: args.reason, move_to: args.move_to };
    let withdrawal = context.store()?.withdraw(&args.id, &request).await?;
    context.output().result(&withdrawal)?;
    Ok(Exit::Done)
}

impl Told for Withdrawal {
    const VERB: &'static str = "yank";

    fn human(&self) -> String {
        let what = match (self.event, self.withdrawn) {
            (None, true) => "unchanged: withdrawn already",
            (None, false) => "unchanged: not withdrawn",
            (Some(_), true) => "withdrawn",
            (Some(_), false) => "no longer withdrawn",
        };
        let moves = lines(self.moves.iter().map(|moved| format!("released {}", describe(moved))));
        format!("{what}: {}\n{moves}", self.id)
    }

    fn quiet(&self) -> Option<String> {
        Some(self.id.to_string())
    }
}
