//! `resolve`: what a reference means, and why.

use std::fmt::Write as _;

use charm_model::name::Channel;
use charm_model::resolve::{CharmRule, ResourceRule};
use terminal::{count, size};
use v4_wire::resolve::{Resolution, ResourcesSummary};

use crate::cli::ResolveArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Told;

pub(crate) async fn run(args: &ResolveArgs, context: &Context) -> Result<Exit, Failure> {
    let resolution = context.store()?.resolve(&args.id, args.channel, args.arch).await?;
    context.output().result(&resolution)?;
    Ok(Exit::Done)
}

impl Told for Resolution {
    const VERB: &'static str = "resolve";

    fn human(&self) -> String {
        let mut text = format!("{}   as of seq {}\n", self.id, self.event);
        let _ = writeln!(text, "charm     {}", charm_rule(self.rule.charm, self.channel));
        let archive = &self.archive.content;
        let _ = writeln!(text, "          {}  {}", size(archive.size), archive.digests.sha256);
        if let Some(resources) = &self.resources {
            let rule = self.rule.resources.map_or("", |rule| resource_rule(rule));
            text += &describe(resources, rule);
        }
        if let Some(reason) = &self.withdrawn {
            let _ = writeln!(text, "withdrawn {}", reason.escape_debug());
        }
        text
    }

    fn quiet(&self) -> Option<String> {
        Some(self.id.to_string())
    }
}

fn charm_rule(rule: CharmRule, channel: Channel) -> String {
    match rule {
        CharmRule::Named => "the revision is named".to_owned(),
        CharmRule::Current => format!("the revision is current in {channel}"),
        CharmRule::Latest => "the revision is the newest that is not withdrawn".to_owned(),
    }
}

fn resource_rule(rule: ResourceRule) -> &'static str {
    match rule {
        ResourceRule::Named => "the revision is named",
        ResourceRule::Current => "the revision is current",
        ResourceRule::Remembered => "the revision was current when this charm revision last was",
        ResourceRule::PublishedTogether => "the revision was published together with this charm revision",
        ResourceRule::LookedBack => "the revision is the newest that fits, looking back from the current one",
        ResourceRule::Latest => "the revision is the newest that fits and is not withdrawn",
    }
}

fn describe(resources: &ResourcesSummary, rule: &str) -> String {
    let ResourcesSummary { stream, revision, shape, files, .. } = resources;
    let n_files = count(files.len(), "file");
    let mut text = format!("resources {rule}\n          {stream}.{revision}: {n_files}, shape {shape}\n");
    for it in files {
        let content = &it.file.content;
        let _ = writeln!(
            text,
            "  {:<44} {:>9}  {}",
            it.place.to_string(),
            size(content.size),
            content.digests.sha256
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_told() {
        let resolution: Resolution = serde_json::from_str(
            r#"{"id":"~joe/precise/mysql-1.stable.4","kind":"charm","channel":"stable",
            "rule":{"charm":"named","resources":"remembered"},"event":17,
            "archive":{"size":184234,"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
              "blake3":"af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
              "tree":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","published":"2014-07-04T13:53:57Z"},
            "resources":{"stream":"stable","revision":4,
              "shape":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
              "manifest":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
              "published":"2014-07-04T13:53:57Z",
              "files":[{"tree":"common","path":"a.zip","size":0,
                "sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "blake3":"af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"}]}}"#,
        )
        .unwrap();
        insta::assert_snapshot!(resolution.human());
    }
}
