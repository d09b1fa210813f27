//! `status`: where every pointer stands.

use std::fmt::Write as _;

use v4_wire::release::Status;

use crate::cli::LineArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Told;

pub(crate) async fn run(args: &LineArgs, context: &Context) -> Result<Exit, Failure> {
    let status = context.store()?.status(&args.line).await?;
    context.output().result(&status)?;
    Ok(Exit::Done)
}

impl Told for Status {
    const VERB: &'static str = "status";

    fn human(&self) -> String {
        let mut text = format!("{}   as of seq {}\n", self.base, self.event);
        for head in &self.heads {
            let streams = list(head.streams.iter());
            let _ =
                writeln!(text, "{:<10} {:<10} {}   {streams}", head.channel, head.series.as_str(), head.id);
        }
        if self.heads.is_empty() {
            text += "nothing is released\n";
        }
        let _ = writeln!(
            text,
            "newest     charm: {}   streams: {}",
            list(self.newest.iter()),
            list(self.streams.iter())
        );
        for id in &self.withdrawn {
            let _ = writeln!(text, "withdrawn  {id}");
        }
        text
    }

    fn quiet(&self) -> Option<String> {
        let ids: Vec<String> = self.heads.iter().map(|head| head.id.to_string()).collect();
        (!ids.is_empty()).then(|| ids.join("\n"))
    }
}

/// Lists revisions under their names. A charm that names its series itself stands under none, which is `-` in the answer.
fn list(pairs: impl Iterator<Item = (impl ToString, impl ToString)>) -> String {
    let shown = |(name, revision): (String, String)| match name.as_str() {
        "-" => revision,
        name => format!("{name} {revision}"),
    };
    let pairs: Vec<String> = pairs.map(|(name, it)| shown((name.to_string(), it.to_string()))).collect();
    if pairs.is_empty() { "none".to_owned() } else { pairs.join(", ") }
}
