//! What moved, step by step.

use std::fmt;

use anyhow::{Context as _, Result};

/// The bytes of each step, as the programs told them.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Vec<Row>);

#[derive(Debug, PartialEq, Eq)]
struct Row {
    step: String,
    moved: String,
    all: String,
}

impl Ledger {
    /// Notes what `charm-publish` says of a publish: `sent 1 MB of 2 MB, saved …`.
    pub(crate) fn publish(&mut self, step: &str, told: &str) -> Result<()> {
        let sizes = between(told, "sent ", ", saved").and_then(|text| text.split_once(" of "));
        let (moved, all) = sizes.with_context(|| format!("no bytes in what charm-publish told: {told}"))?;
        self.add(step, moved, all);
        Ok(())
    }

    /// Notes what `charm-deploy` says of a switch, in its second line: `2 MB: fetched 1 MB, on disk already …`.
    pub(crate) fn deploy(&mut self, step: &str, told: &str) -> Result<()> {
        let sizes = between(told, "\n", ", on disk").and_then(|text| text.trim().split_once(": fetched "));
        let (all, moved) = sizes.with_context(|| format!("no bytes in what charm-deploy told: {told}"))?;
        self.add(step, moved, all);
        Ok(())
    }

    fn add(&mut self, step: &str, moved: &str, all: &str) {
        self.0.push(Row { step: step.to_owned(), moved: moved.to_owned(), all: all.to_owned() });
    }
}

fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    Some(text.split_once(before)?.1.split_once(behind)?.0)
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:<58} {:>10}    {:>10}", "What moved", "bytes", "of all")?;
        self.0
            .iter()
            .try_for_each(|Row { step, moved, all }| writeln!(f, "{step:<58} {moved:>10}    {all:>10}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_publish_are_what_was_sent() {
        let mut ledger = Ledger::default();
        ledger
            .publish("a", "sent 1.2 MB of 47.5 MB, saved 46.3 MB (97.5 %)\npublished ~joe/mysql-1\n")
            .unwrap();
        assert_eq!(ledger.0, [Row { step: "a".into(), moved: "1.2 MB".into(), all: "47.5 MB".into() }]);
    }

    #[test]
    fn the_bytes_of_a_deployment_are_what_was_fetched() {
        let mut ledger = Ledger::default();
        let told = "upgraded a -> b\n  2.00 GB: fetched 14.80 MB, on disk already 1.99 GB, 1.5 s";
        ledger.deploy("a", told).unwrap();
        assert_eq!(ledger.0, [Row { step: "a".into(), moved: "14.80 MB".into(), all: "2.00 GB".into() }]);
    }

    #[test]
    fn a_text_without_bytes_is_an_error() {
        assert!(Ledger::default().publish("a", "unchanged").is_err());
    }
}
