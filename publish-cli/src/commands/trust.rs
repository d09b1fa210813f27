//! `trust`: which jobs of other systems may publish.

use serde::Serialize;
use terminal::lines;
use v4_wire::trust::{Trust, TrustRequest, Trusts};

use crate::cli::{TrustAddArgs, TrustVerb};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Told;

/// Who issues the tokens of GitHub's jobs.
/// Source: GitHub's "OpenID Connect reference".
const GITHUB: &str = "https://token.actions.githubusercontent.com";

pub(crate) async fn run(verb: TrustVerb, context: &Context) -> Result<Exit, Failure> {
    let store = context.store()?;
    match verb {
        TrustVerb::Add(args) => {
            let (line, request) = request(args);
            context.output().result(&Trusted { trust: store.add_trust(&line, &request).await? })?;
        }
        TrustVerb::List { line } => context.output().result(&store.trusts(&line).await?)?,
        TrustVerb::Remove { line, id } => {
            store.remove_trust(&line, &id).await?;
            context.output().note(&format!("{line} trusts {id} no more"));
        }
    }
    Ok(Exit::Done)
}

fn request(args: TrustAddArgs) -> (charm_model::reference::Reference, TrustRequest) {
    let issuer = args.issuer.unwrap_or_else(|| GITHUB.to_owned());
    let TrustAddArgs { line, repository, workflow, environment, channel, .. } = args;
    (line, TrustRequest { issuer, repository, workflow, environment, channel })
}

#[derive(Serialize)]
struct Trusted {
    #[serde(flatten)]
    trust: Trust,
}

impl Told for Trusted {
    const VERB: &'static str = "trust-add";

    fn human(&self) -> String {
        shown(&self.trust) + "\n"
    }

    fn quiet(&self) -> Option<String> {
        Some(self.trust.id.clone())
    }
}

impl Told for Trusts {
    const VERB: &'static str = "trust-list";

    fn human(&self) -> String {
        lines(self.trusts.iter().map(shown))
    }

    fn quiet(&self) -> Option<String> {
        let ids: Vec<_> = self.trusts.iter().map(|trust| trust.id.as_str()).collect();
        (!ids.is_empty()).then(|| ids.join("\n"))
    }
}

fn shown(trust: &Trust) -> String {
    let job = &trust.job;
    let environment = job.environment.as_deref().map(|it| format!(", environment {}", it.escape_debug()));
    let may = job.channel.map_or_else(|| "publish".to_owned(), |it| format!("publish, release to {it}"));
    format!(
        "{}   {} {}{}   may {may}   for {}",
        trust.id,
        job.repository.escape_debug(),
        job.workflow.escape_debug(),
        environment.unwrap_or_default(),
        trust.user
    )
}
