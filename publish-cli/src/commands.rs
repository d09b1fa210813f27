//! The verbs, one file each.

mod acl;
mod check;
mod completion;
mod explain;
mod group;
mod help;
mod history;
mod init;
mod link;
mod login;
mod logout;
mod plan;
mod publish;
mod pull;
mod release;
mod resolve;
mod rollback;
mod search;
mod show;
mod status;
mod token;
mod trust;
mod unfinished;
mod unyank;
mod whoami;
mod yank;

use crate::cli::{Cli, PublishArgs, Verb};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// Does what the command line says.
pub(crate) async fn run(cli: Cli, context: &Context) -> Result<Exit, Failure> {
    let Some(verb) = cli.verb else {
        return publish::run(&cli.publish, context).await;
    };
    // clap gives what stands before a verb to the publish that is meant without one; it would be lost silently.
    if cli.publish != PublishArgs::default() {
        return Err(Failure::usage(
            "a flag or directory of `publish` stands before another verb",
            "put it behind the verb",
        ));
    }
    match verb {
        Verb::Publish(args) => publish::run(&args, context).await,
        Verb::Plan(args) => plan::run(&args, context).await,
        Verb::Check(args) => check::run(&args, context),
        Verb::Init(args) => init::run(&args, context),
        Verb::Link(args) => link::run(&args, context),
        Verb::Release(args) => release::run(args, context).await,
        Verb::Rollback(args) => rollback::run(args, context).await,
        Verb::Status(args) => status::run(&args, context).await,
        Verb::Unfinished => unfinished::run(context),
        Verb::History(args) => history::run(&args, context).await,
        Verb::Resolve(args) => resolve::run(&args, context).await,
        Verb::Search(args) => search::run(&args, context).await,
        Verb::Pull(args) => pull::run(&args, context).await,
        Verb::Show(args) => show::run(&args, context).await,
        Verb::Yank(args) => yank::run(args, context).await,
        Verb::Unyank(args) => unyank::run(&args, context).await,
        Verb::Acl { verb } => acl::run(&verb, context).await,
        Verb::Grant(args) => acl::grant(args, context).await,
        Verb::Revoke(args) => acl::revoke(args, context).await,
        Verb::Transfer(args) => acl::transfer(args, context).await,
        Verb::Group { verb } => group::run(verb, context).await,
        Verb::Token { verb } => token::run(verb, context).await,
        Verb::Trust { verb } => trust::run(verb, context).await,
        Verb::Login(args) => login::run(&args, context).await,
        Verb::Logout => logout::run(context),
        Verb::Whoami => whoami::run(context).await,
        Verb::Explain(args) => explain::run(&args, context),
        Verb::Completion(args) => completion::run(&args),
        Verb::Help(args) => help::run(&args),
    }
}
