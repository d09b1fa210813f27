//! Results as text: for people, or one JSON object.

use deploy_agent::{Change, Outcome, State, Verification};
use serde::Serialize;
use terminal::size;

use crate::cli::Format;

/// A result that can be printed either way.
pub(crate) trait Render: Serialize {
    /// Returns the text for people, without the last line feed.
    fn human(&self) -> String;
}

/// Returns the result of a verb in that format.
pub(crate) fn render(verb: &str, result: &impl Render, format: Format) -> serde_json::Result<String> {
    if format == Format::Human {
        return Ok(result.human());
    }
    let mut value = serde_json::to_value(result)?;
    value["schema"] = format!("charm-deploy/{verb}@1").into();
    serde_json::to_string(&value)
}

impl Render for Outcome {
    fn human(&self) -> String {
        let Self { state, moved, seconds, .. } = self;
        let id = &state.id;
        let before = self.before.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
        let change = match self.change {
            Change::Installed => format!("installed {id}  ({})", state.arch),
            Change::Upgraded => format!("upgraded {before} -> {id}"),
            Change::RolledBack => format!("rolled back {before} -> {id}"),
            Change::Repaired => format!("repaired {id}"),
            Change::Following => {
                return format!("{id} stays, and follows {} in {} now", state.asked, state.channel);
            }
            Change::Unchanged => return format!("{id} is what runs already: nothing changed"),
        };
        let [logical, reused, fetched] =
            [moved.logical_bytes, moved.reused_bytes, moved.fetched_bytes].map(size);
        format!("{change}\n  {logical}: fetched {fetched}, on disk already {reused}, {seconds:.1} s")
    }
}

impl Render for State {
    fn human(&self) -> String {
        let resources = match &self.resources {
            Some(it) => format!("{} {} (files: {})", it.stream, it.revision, it.files.len()),
            None => "none".to_owned(),
        };
        let previous = self.previous.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        format!(
            "{}\n  asked for  {} in {}\n  arch       {}\n  resources  {resources}\n  since      {}\n  previous   {previous}",
            self.id, self.asked, self.channel, self.arch, self.installed_at
        )
    }
}

impl Render for Verification {
    fn human(&self) -> String {
        let differences = self.differences.iter().map(|it| format!("  {it}\n"));
        let extra = self.extra.iter().map(|path| format!("  {:8} {path}\n", "extra"));
        let lines: String = differences.chain(extra).collect();
        let id = &self.state.id;
        match self.differences.len() {
            0 => format!("{lines}{id}: all {} entries are as they were installed", self.n_entries),
            n => format!("{lines}{id}: {n} of {} entries differ", self.n_entries),
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::{Value, json};

    use deploy_agent::{Deviation, Difference, Moved};

    use super::*;

    fn state() -> State {
        let digest = |algorithm: &str| format!("{algorithm}:{}", "ab".repeat(32));
        let (sha256, blake3) = (digest("sha256"), digest("blake3"));
        let file = json!({"tree": "common", "path": "a.zip", "size": 1, "sha256": sha256, "blake3": blake3});
        let state = json!({
            "schema": deploy_agent::SCHEMA, "asked": "mysql", "channel": "stable",
            "id": "~joe/precise/mysql-25.stable.3", "arch": "amd64",
            "archive": {"size": 184_200, "sha256": sha256, "blake3": blake3, "tree": sha256},
            "resources": {"stream": "stable", "revision": 3, "manifest": sha256, "files": [file]},
            "rule": {"charm": "current", "resources": "current"}, "event": 7,
            "installed_at": "2014-07-04T13:53:57Z", "previous": "~joe/precise/mysql-24.stable.3",
        });
        serde_json::from_value(state).unwrap()
    }

    fn outcome(change: Change) -> Outcome {
        let before = Some("~joe/precise/mysql-24.stable.3".parse().unwrap());
        let moved = Moved {
            logical_bytes: 2_000_000_000,
            reused_bytes: 1_985_200_000,
            fetched_bytes: 14_800_000,
            talk_bytes: 9_000,
        };
        Outcome { change, state: state(), before, moved, seconds: 1.54, notes: Vec::new() }
    }

    #[test]
    fn an_outcome_says_what_runs_and_what_moved() {
        assert_snapshot!(outcome(Change::Upgraded).human(), @r"
        upgraded ~joe/precise/mysql-24.stable.3 -> ~joe/precise/mysql-25.stable.3
          2.0 GB: fetched 14.8 MB, on disk already 1.9 GB, 1.5 s
        ");
        assert_snapshot!(outcome(Change::Following).human(), @"~joe/precise/mysql-25.stable.3 stays, and follows mysql in stable now");
        assert_snapshot!(outcome(Change::Unchanged).human(), @"~joe/precise/mysql-25.stable.3 is what runs already: nothing changed");
    }

    #[test]
    fn a_status_says_what_runs_and_what_a_rollback_leads_to() {
        assert_snapshot!(state().human(), @r"
        ~joe/precise/mysql-25.stable.3
          asked for  mysql in stable
          arch       amd64
          resources  stable 3 (files: 1)
          since      2014-07-04T13:53:57Z
          previous   ~joe/precise/mysql-24.stable.3
        ");
    }

    #[test]
    fn a_verification_lists_differences_before_what_is_extra() {
        let missing = Difference { path: "charm/hooks/install".to_owned(), what: Deviation::Missing };
        let extra = vec!["charm/notes".to_owned()];
        let verification = Verification { state: state(), n_entries: 9, differences: vec![missing], extra };
        assert_snapshot!(verification.human(), @r"
          missing  charm/hooks/install
          extra    charm/notes
        ~joe/precise/mysql-25.stable.3: 1 of 9 entries differ
        ");
    }

    #[test]
    fn the_json_form_names_the_verb() {
        let json = render("upgrade", &outcome(Change::Upgraded), Format::Json).unwrap();
        let value: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["schema"], "charm-deploy/upgrade@1");
        assert_eq!((&value["id"], &value["fetched_bytes"]), (&json!(state().id), &json!(14_800_000)));
    }
}
