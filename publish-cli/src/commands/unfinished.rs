//! `unfinished`: which publishes were begun here and can be gone on with. Asks no store: it may be away.

use std::fmt::Write as _;

use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::journal::{Beginning, Journal};
use crate::moment::now;
use crate::output::Told;

#[derive(Serialize)]
struct Unfinished {
    publishes: Vec<Beginning>,
}

pub(crate) fn run(context: &Context) -> Result<Exit, Failure> {
    context.output().result(&Unfinished { publishes: Journal::of_user().unfinished(now()) })?;
    Ok(Exit::Done)
}

impl Told for Unfinished {
    const VERB: &'static str = "unfinished";

    fn human(&self) -> String {
        if self.publishes.is_empty() {
            return "nothing is unfinished\n".to_owned();
        }
        let now = now();
        let mut text = String::new();
        for publish in &self.publishes {
            let _ = writeln!(text, "{}   {}", publish.base, publish.told(now));
            let _ = writeln!(text, "  from {} to {}", publish.dir.display(), publish.store);
        }
        text + "run the same command as before to continue; other files begin anew\n"
    }

    fn quiet(&self) -> Option<String> {
        let bases: Vec<String> = self.publishes.iter().map(|it| it.base.to_string()).collect();
        (!bases.is_empty()).then(|| bases.join("\n"))
    }
}
