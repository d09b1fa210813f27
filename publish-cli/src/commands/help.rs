//! `help`: verbs, and the topics that belong to none of them.

use clap::CommandFactory as _;

use crate::cli::{Cli, HelpArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

const TOPICS: &[(&str, &str)] = &[
    ("environment", include_str!("help/environment.txt")),
    ("exit-codes", include_str!("help/exit-codes.txt")),
    ("formats", include_str!("help/formats.txt")),
    ("ids", include_str!("help/ids.txt")),
    ("resources", include_str!("help/resources.txt")),
];

pub(crate) fn run(args: &HelpArgs) -> Result<Exit, Failure> {
    let text = match &args.topic {
        None => Cli::command().render_long_help().to_string(),
        Some(topic) => find(topic).ok_or_else(|| unknown(topic))?,
    };
    Output::raw(text.as_bytes())?;
    Ok(Exit::Done)
}

fn find(topic: &str) -> Option<String> {
    if let Some((_, text)) = TOPICS.iter().find(|(name, _)| *name == topic) {
        return Some((*text).to_owned());
    }
    let mut command = Cli::command();
    // Global flags reach a verb's help only once all is built.
    command.build();
    command.find_subcommand_mut(topic).map(|verb| verb.render_long_help().to_string())
}

fn unknown(topic: &str) -> Failure {
    let names: Vec<&str> = TOPICS.iter().map(|(name, _)| *name).collect();
    Failure::usage(
        format!("there is no help on `{topic}`"),
        format!("topics: {}; or a verb", names.join(", ")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_and_verbs_have_help() {
        for name in ["ids", "exit-codes", "release"] {
            assert!(find(name).is_some_and(|text| text.ends_with('\n')), "{name}");
        }
        assert_eq!(find("nonsense"), None);
    }
}
