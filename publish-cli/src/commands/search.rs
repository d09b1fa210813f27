//! `search`: charms and bundles by what they are called, and by what they do.

use std::fmt::Write as _;

use v4_wire::search::{SearchAnswer, SearchResult};

use crate::cli::SearchArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Told;

pub(crate) async fn run(args: &SearchArgs, context: &Context) -> Result<Exit, Failure> {
    let answer = context.store()?.search(&args.words.join(" "), args.skip, args.limit).await?;
    context.output().result(&answer)?;
    Ok(Exit::Done)
}

impl Told for SearchAnswer {
    const VERB: &'static str = "search";

    fn human(&self) -> String {
        let mut text = String::new();
        if let Some(meant) = &self.suggestion {
            let _ = writeln!(text, "did you mean: {}", meant.escape_debug());
        }
        let longest = self.results.iter().map(|result| id(result).len()).max().unwrap_or_default();
        for result in &self.results {
            // What authors write goes to a terminal: it must not steer it.
            let summary = result.summary.as_deref().unwrap_or_default().escape_debug();
            let _ = writeln!(text, "{:longest$}  {summary}", id(result));
        }
        let _ = writeln!(text, "{} of {}", self.results.len(), self.total);
        text
    }

    fn quiet(&self) -> Option<String> {
        let ids: Vec<_> = self.results.iter().map(id).collect();
        (!ids.is_empty()).then(|| ids.join("\n"))
    }
}

/// References are written without `cs:` everywhere else.
fn id(result: &SearchResult) -> &str {
    result.id.trim_start_matches("cs:")
}
