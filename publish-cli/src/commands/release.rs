//! `release`: make a published revision, and resources with it, the current one.

use charm_model::name::StreamName;
use charm_model::reference::Revision;
use v4_wire::release::{Move, ReleaseRequest, StreamMove};

use crate::cli::ReleaseArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Told;

pub(crate) async fn run(args: ReleaseArgs, context: &Context) -> Result<Exit, Failure> {
    let request = ReleaseRequest {
        channel: args.channel,
        streams: args.stream.into_iter().collect(),
        drop: args.drop_stream.into_iter().collect(),
        if_current: args.if_current,
        reason: args.reason,
    };
    let moved = context.store()?.release(&args.id, &request).await?;
    context.output().result(&moved)?;
    Ok(Exit::Done)
}

impl Told for Move {
    const VERB: &'static str = "release";

    fn human(&self) -> String {
        if self.moved {
            format!("released {}\n", describe(self))
        } else {
            format!("unchanged: {} is current in {} already\n", self.to, self.channel)
        }
    }

    fn quiet(&self) -> Option<String> {
        Some(self.to.to_string())
    }
}

/// Returns a move in one line: `seq 20177   stable   charm 0 -> 1   stable 2 -> 4`.
pub(crate) fn describe(moved: &Move) -> String {
    let from = moved.from.as_ref().and_then(|it| it.version.revision());
    let charm = step("charm", from.as_ref(), moved.to.version.revision().as_ref());
    let streams = moved.streams.iter().map(|(stream, it)| stream_step(stream, it));
    let steps: Vec<String> = [charm].into_iter().chain(streams).collect();
    format!("seq {}   {}   in {}", moved.event, steps.join("   "), moved.channel)
}

fn stream_step(stream: &StreamName, moved: &StreamMove) -> String {
    step(&format!("stream {stream}"), moved.from.as_ref(), moved.to.as_ref())
}

fn step(what: &str, from: Option<&Revision>, to: Option<&Revision>) -> String {
    let text = |it: Option<&Revision>| it.map_or_else(|| "none".to_owned(), ToString::to_string);
    if from == to {
        format!("{what} stays {}", text(to))
    } else {
        format!("{what} {} -> {}", text(from), text(to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_tells_every_pointer_that_moved() {
        let moved: Move = serde_json::from_str(
            r#"{"event":20177,"channel":"stable","series":["precise"],"from":"~joe/precise/mysql-0.stable.2",
                "to":"~joe/precise/mysql-1.stable.4","streams":{"stable":{"from":2,"to":4},"paid":{"from":62}},
                "by":"joe","at":"2014-07-04T13:53:57Z","moved":true}"#,
        )
        .unwrap();
        insta::assert_snapshot!(
            moved.human(),
            @"released seq 20177   charm 0 -> 1   stream paid 62 -> none   stream stable 2 -> 4   in stable"
        );
    }
}
