//! `check`: the proof of a tree without a store.

use charm_model::entity::Entity;
use charm_model::finding::Finding;
use serde::Serialize;
use terminal::count;

use crate::cli::{CheckArgs, Format};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Told;
use crate::package::{Proved, prove};

#[derive(Serialize)]
struct Checked {
    ok: bool,
    findings: Vec<Finding>,
    #[serde(skip)]
    summary: String,
}

impl Told for Checked {
    const VERB: &'static str = "check";

    fn human(&self) -> String {
        format!("{}\n", self.summary)
    }

    fn quiet(&self) -> Option<String> {
        None
    }
}

pub(crate) fn run(args: &CheckArgs, context: &Context) -> Result<Exit, Failure> {
    let is_json = matches!(context.output().format(), Format::Json | Format::Jsonl);
    match prove(&args.dir, &args.stream) {
        Ok(proved) => {
            context.output().warnings(&proved.warnings);
            let summary = summary(&proved);
            context.output().result(&Checked { ok: true, findings: proved.warnings, summary })?;
            Ok(Exit::Done)
        }
        // The findings are what was asked for, so they are the result.
        Err(Failure::Invalid(findings)) if is_json => {
            context.output().result(&Checked { ok: false, findings, summary: String::new() })?;
            Ok(Exit::Invalid)
        }
        Err(failure) => Err(failure),
    }
}

fn summary(proved: &Proved) -> String {
    match &proved.entity {
        Entity::Bundle(_) => "check    bundle.yaml ok".to_owned(),
        Entity::Charm(charm) => match &charm.declaration {
            None => "check    metadata ok | no resources declared".to_owned(),
            Some(declaration) => {
                let n_streams = count(declaration.streams.len(), "stream");
                format!(
                    "check    metadata ok | resources.yaml matches resources/ ({n_streams}) | no name collisions"
                )
            }
        },
    }
}
