//! `explain`: what a code means.

use std::fmt::Write as _;

use charm_model::finding;
use serde::Serialize;
use v4_wire::error;

use crate::cli::ExplainArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Told;

#[derive(Serialize)]
struct Explained {
    codes: Vec<Explanation>,
}

#[derive(Serialize)]
struct Explanation {
    code: &'static str,
    explanation: &'static str,
}

impl Told for Explained {
    const VERB: &'static str = "explain";

    fn human(&self) -> String {
        let mut text = String::new();
        for Explanation { code, explanation } in &self.codes {
            let _ = writeln!(text, "{code}: {explanation}");
        }
        text
    }

    fn quiet(&self) -> Option<String> {
        let codes: Vec<&str> = self.codes.iter().map(|it| it.code).collect();
        Some(codes.join("\n"))
    }
}

pub(crate) fn run(args: &ExplainArgs, context: &Context) -> Result<Exit, Failure> {
    let mut codes: Vec<Explanation> = all().collect();
    if let Some(code) = &args.code {
        codes.retain(|it| it.code.eq_ignore_ascii_case(code));
        if codes.is_empty() {
            let message = format!("`{code}` is not a code of this program or the store");
            return Err(Failure::usage(message, "charm-publish explain (lists all of them)"));
        }
    }
    context.output().result(&Explained { codes })?;
    Ok(Exit::Done)
}

/// Returns the findings of trees, then the refusals of the store. A few codes are both.
fn all() -> impl Iterator<Item = Explanation> {
    let findings =
        finding::Code::ALL.iter().map(|it| Explanation { code: it.as_str(), explanation: it.explanation() });
    let refusals =
        error::Code::ALL.iter().map(|it| Explanation { code: it.as_str(), explanation: it.explanation() });
    findings.chain(refusals)
}
