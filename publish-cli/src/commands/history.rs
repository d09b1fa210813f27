//! `history`: who moved which pointer when.

use std::fmt::Write as _;

use v4_wire::release::History;

use crate::cli::HistoryArgs;
use crate::commands::release::describe;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Told;

pub(crate) async fn run(args: &HistoryArgs, context: &Context) -> Result<Exit, Failure> {
    let history = context.store()?.history(&args.line, args.channel, None, Some(args.limit)).await?;
    context.output().result(&history)?;
    Ok(Exit::Done)
}

impl Told for History {
    const VERB: &'static str = "history";

    fn human(&self) -> String {
        let mut text = String::new();
        for moved in &self.moves {
            let reason =
                moved.reason.as_ref().map(|it| format!("   \"{}\"", it.escape_debug())).unwrap_or_default();
            let _ = writeln!(text, "{}   {}   {}{reason}", moved.at, moved.by, describe(moved));
        }
        if self.moves.is_empty() {
            text += "nothing was ever released\n";
        }
        if self.before.is_some() {
            text += "there are older moves: --limit N\n";
        }
        text
    }

    fn quiet(&self) -> Option<String> {
        let ids: Vec<String> = self.moves.iter().map(|moved| moved.to.to_string()).collect();
        (!ids.is_empty()).then(|| ids.join("\n"))
    }
}
