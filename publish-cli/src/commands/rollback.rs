//! `rollback`: release again what was current before. A new move, not a removal of old ones.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use charm_model::name::{Channel, StreamName};
use charm_model::reference::{Reference, Revision};
use serde::Serialize;
use v4_wire::release::{Expected, Move, ReleaseRequest};

use crate::cli::RollbackArgs;
use crate::commands::release::describe;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Told;

/// How far back a rollback looks.
const MAX_MOVES: u32 = 1000;

#[derive(Serialize)]
#[serde(transparent)]
struct RolledBack(Move);

impl Told for RolledBack {
    const VERB: &'static str = "rollback";

    fn human(&self) -> String {
        format!("rolled back to {}: {}\n", self.0.to, describe(&self.0))
    }

    fn quiet(&self) -> Option<String> {
        Some(self.0.to.to_string())
    }
}

/// What was current once: the charm, and every stream's resources; none where a stream had none.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    id: Reference,
    streams: BTreeMap<StreamName, Option<Revision>>,
}

pub(crate) async fn run(args: RollbackArgs, context: &Context) -> Result<Exit, Failure> {
    let store = context.store()?;
    let channel = args.channel.unwrap_or(Channel::Stable);
    let history = store.history(&args.line, Some(channel), None, Some(MAX_MOVES)).await?.moves;
    let history = of_one_line(history);
    let target = match &args.to {
        Some(id) => to(&history, id),
        None => back(&history, args.steps as usize),
    };
    let (Some(target), Some(now)) = (target, history.first()) else {
        return Err(nowhere(&args, channel));
    };
    confirm(&format!("{}: {} -> {} in {channel}", args.line, now.to, target.id), args.yes)?;
    let request = target.request(channel, now.to.clone(), args.reason);
    let moved = store.release(&target.id, &request).await?;
    context.output().result(&RolledBack(moved))?;
    Ok(Exit::Done)
}

/// Returns the moves of the series that moved last: those of others are another line's.
fn of_one_line(mut history: Vec<Move>) -> Vec<Move> {
    if let Some(series) = history.first().map(|it| it.series.clone()) {
        history.retain(|it| it.series.iter().any(|one| series.contains(one)));
    }
    history
}

/// Returns what was current before the newest moves.
fn back(history: &[Move], n_steps: usize) -> Option<Target> {
    let id = history.get(n_steps.checked_sub(1)?)?.from.clone()?;
    let mut streams = BTreeMap::new();
    for moved in &history[..n_steps] {
        streams.extend(moved.streams.iter().map(|(stream, it)| (stream.clone(), it.from)));
    }
    Some(Target { id, streams })
}

/// Returns what was current together with that id when it last was.
fn to(history: &[Move], id: &Reference) -> Option<Target> {
    let moved = history.iter().find(|moved| is_meant(id, &moved.to))?;
    let streams = moved.streams.iter().map(|(stream, it)| (stream.clone(), it.to)).collect();
    Some(Target { id: moved.to.clone(), streams })
}

/// Says whether a reference, which may leave out owner and series, means that full one.
fn is_meant(id: &Reference, full: &Reference) -> bool {
    id.name == full.name
        && id.version == full.version
        && id.owner.as_ref().is_none_or(|_| id.owner == full.owner)
        && id.series.as_ref().is_none_or(|_| id.series == full.series)
}

impl Target {
    fn request(&self, channel: Channel, now: Reference, reason: Option<String>) -> ReleaseRequest {
        let named =
            |(stream, revision): (&StreamName, &Option<Revision>)| Some((stream.clone(), (*revision)?));
        let dropped = self.streams.iter().filter(|(_, revision)| revision.is_none());
        ReleaseRequest {
            channel: Some(channel),
            streams: self.streams.iter().filter_map(named).collect(),
            drop: dropped.map(|(stream, _)| stream.clone()).collect(),
            // What was shown and agreed to is what is moved away from.
            if_current: Some(Expected::Entity(now)),
            reason: reason.or_else(|| Some("rollback".to_owned())),
        }
    }
}

fn nowhere(args: &RollbackArgs, channel: Channel) -> Failure {
    let line = &args.line;
    match &args.to {
        Some(id) => Failure::not_found(
            format!("`{id}` was never current in {channel}"),
            format!("charm-publish history {line}, or release it: charm-publish release {id}"),
        ),
        None => Failure::not_found(
            format!("`{line}` has not been released so often in {channel}"),
            format!("charm-publish history {line}"),
        ),
    }
}

/// Asks on a terminal; elsewhere the flag has to say so.
fn confirm(what: &str, is_agreed: bool) -> Result<(), Failure> {
    if is_agreed {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::usage(format!("nobody can be asked: {what}"), "say `--yes`"));
    }
    let _ = write!(anstream::stderr(), "{what}      continue? [y/N] ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::Interrupted(None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> Vec<Move> {
        serde_json::from_str(
            r#"[
            {"event":9,"channel":"stable","series":["precise"],"from":"~joe/precise/mysql-1.stable.3",
             "to":"~joe/precise/mysql-1.stable.4","streams":{"stable":{"from":3,"to":4},"paid":{"to":63}},
             "by":"joe","at":"2014-07-04T13:53:57Z","moved":true},
            {"event":7,"channel":"stable","series":["precise"],"from":"~joe/precise/mysql-0.stable.2",
             "to":"~joe/precise/mysql-1.stable.3","streams":{"stable":{"from":2,"to":3}},
             "by":"joe","at":"2014-07-03T13:53:57Z","moved":true},
            {"event":5,"channel":"stable","series":["trusty"],"to":"~joe/trusty/mysql-5.stable.2",
             "streams":{"stable":{"to":2}},"by":"joe","at":"2014-07-02T13:53:57Z","moved":true}
            ]"#,
        )
        .unwrap()
    }

    #[test]
    fn one_step_back_is_what_was_before_the_last_move_in_every_stream() {
        let target = back(&of_one_line(history()), 1).unwrap();
        assert_eq!(target.id.to_string(), "~joe/precise/mysql-1.stable.3");
        let request = target.request(Channel::Stable, history()[0].to.clone(), None);
        assert_eq!(request.streams.len(), 1);
        assert!(request.drop.contains(&"paid".parse().unwrap()));
    }

    #[test]
    fn further_steps_stay_in_the_line_and_end_where_it_begins() {
        let one_line = of_one_line(history());
        assert_eq!(back(&one_line, 2).unwrap().id.to_string(), "~joe/precise/mysql-0.stable.2");
        assert_eq!(back(&one_line, 3), None);
    }

    #[test]
    fn an_id_is_found_however_little_of_it_is_said() {
        let target = to(&history(), &"mysql-1.stable.3".parse().unwrap()).unwrap();
        assert_eq!(target.id.to_string(), "~joe/precise/mysql-1.stable.3");
        assert_eq!(to(&history(), &"~ann/mysql-1.stable.3".parse().unwrap()), None);
    }
}
