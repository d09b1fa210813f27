//! The flags, and nothing but the flags.

use std::path::PathBuf;

use charm_model::name::{Architecture, Channel, Name, Series, StreamName, UserName};
use charm_model::reference::{BaseId, Reference, ReferenceError, Revision};
use charm_model::rights::{Preset, Principal, Right};
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use store_client::Rate;
use v4_wire::release::Expected;

/// Publishes charms, bundles and their resources, and releases what is published.
///
/// Without a verb, the charm in DIR is published. Publishing makes revisions and moves nothing; `release` makes them
/// what `juju deploy` gets.
#[derive(Debug, Parser)]
#[command(name = "charm-publish", version, disable_help_subcommand = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,

    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,

    #[command(flatten)]
    pub(crate) publish: PublishArgs,
}

/// What every verb takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// The store's address.
    #[arg(long, global = true, env = "CHARM_STORE", hide_env_values = true, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) store: Option<String>,

    /// A file of certificates (PEM) to trust besides the system's.
    #[arg(long, global = true, env = "CHARM_STORE_CA", hide_env_values = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) ca: Option<PathBuf>,

    /// How the result is written to standard output.
    #[arg(long, global = true, value_enum, default_value_t = Format::Auto)]
    pub(crate) format: Format,

    /// Print the full id alone.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Say more: causes of errors.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Do not show how far a transfer is.
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,

    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,

    /// How many seconds the store may keep silent, or a transfer stand still.
    #[arg(long, global = true, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: Option<u64>,

    /// How many files are read, sent or fetched at once.
    #[arg(long, global = true, value_name = "N", value_parser = jobs)]
    pub(crate) jobs: Option<usize>,

    /// How fast bytes may move, all files together: bytes per second, such as `5MB`.
    #[arg(long, global = true, value_name = "RATE")]
    pub(crate) limit_rate: Option<Rate>,

    /// Where files are kept that were published or pulled, to move less the next time; `off` is nowhere.
    #[arg(long, global = true, env = "CHARM_SEEDS", hide_env_values = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) seeds: Option<PathBuf>,

    /// Keep no files, and use none that are kept.
    #[arg(long, global = true)]
    pub(crate) no_seeds: bool,
}

/// How the result is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Auto,
    /// For people, wherever it goes.
    Human,
    /// One JSON object.
    Json,
    /// One JSON object to a line: progress, then the result.
    Jsonl,
    /// The full id alone.
    Quiet,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Publish a charm or bundle and its resources (the verb that is meant without one).
    Publish(PublishArgs),
    /// Say what a publish would make and send; change nothing.
    Plan(PlanArgs),
    /// Prove the charm's tree without a store: all findings at once.
    Check(CheckArgs),
    /// Write `resources.yaml` from the files under `resources/`.
    Init(InitArgs),
    /// Link resources flat into `resources/`, as hooks will see them on a unit.
    Link(LinkArgs),
    /// Make a published revision, and resources with it, the current one.
    Release(ReleaseArgs),
    /// Release again what was current before.
    Rollback(RollbackArgs),
    /// List publishes that were begun on this machine and can be gone on with.
    Unfinished,
    /// Show where every pointer of a charm or bundle stands.
    Status(LineArgs),
    /// Show who moved which pointer when.
    History(HistoryArgs),
    /// Explain what a reference means, and which rule picked what.
    Resolve(ResolveArgs),
    /// Find charms and bundles by what they are called, and by what they do.
    Search(SearchArgs),
    /// Fetch a charm and its resources into a directory.
    Pull(PullArgs),
    /// Show what a charm or bundle consists of, or one of its files.
    Show(ShowArgs),
    /// Withdraw a revision: served when named in full, never chosen.
    Yank(YankArgs),
    /// Take a withdrawal back.
    Unyank(IdArgs),
    /// Show or change who may do what with a charm or bundle.
    Acl {
        #[command(subcommand)]
        verb: AclVerb,
    },
    /// Give a user or group rights on a charm or bundle.
    Grant(GrantArgs),
    /// Take rights on a charm or bundle from a user or group.
    Revoke(GrantArgs),
    /// Give a charm or bundle to another owner: its former name finds it for ever.
    Transfer(TransferArgs),
    /// Show and change who is a member of a group.
    Group {
        #[command(subcommand)]
        verb: GroupVerb,
    },
    /// Make, list and revoke tokens of yours.
    Token {
        #[command(subcommand)]
        verb: TokenVerb,
    },
    /// Show and change which jobs of other systems may publish, without a secret that could leak.
    Trust {
        #[command(subcommand)]
        verb: TrustVerb,
    },
    /// Log in to a store, and keep its token.
    Login(LoginArgs),
    /// Forget the token for a store.
    Logout,
    /// Show who the store takes you for.
    Whoami,
    /// Explain the code of an error or warning.
    Explain(ExplainArgs),
    /// Print a script that completes commands in a shell.
    Completion(CompletionArgs),
    /// Print help on a verb or a topic: environment, exit-codes, formats, ids, resources.
    Help(HelpArgs),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct PublishArgs {
    /// The charm's directory.
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,

    /// Whose the charm is; you, unless said otherwise.
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: Option<UserName>,

    /// What a bundle is called; its directory's name, unless said otherwise. A charm names itself.
    #[arg(long)]
    pub(crate) name: Option<Name>,

    /// The series of a charm that does not name any itself.
    #[arg(long)]
    pub(crate) series: Option<Series>,

    /// The stream that the files under `resources/` are for; the default stream, unless said otherwise.
    #[arg(long, value_name = "STREAM")]
    pub(crate) stream: Vec<StreamName>,

    /// Publish one half alone.
    #[arg(long, value_enum)]
    pub(crate) only: Option<Only>,

    /// Read every file, even those that have not changed since they were last read.
    #[arg(long, env = "CHARM_PUBLISH_NO_CACHE", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub(crate) no_cache: bool,

    /// Say what would be made and sent; change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Which half is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Only {
    /// The charm, without resources.
    Charm,
    /// The resources, for the newest charm.
    Resources,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) publish: PublishArgs,

    /// Exit with 10 if a publish would make anything.
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The charm's directory.
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,

    /// The stream that the files under `resources/` are for.
    #[arg(long, value_name = "STREAM")]
    pub(crate) stream: Vec<StreamName>,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The charm's directory.
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,

    /// Declare what is not declared yet; comments and order stay as they are.
    #[arg(long)]
    pub(crate) update: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LinkArgs {
    /// The charm's directory.
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,

    /// The architecture; this machine's, unless said otherwise.
    #[arg(long, value_name = "ARCH")]
    pub(crate) arch: Option<Architecture>,

    /// Change nothing; exit with 3 if anything would change.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReleaseArgs {
    /// What is to be current, such as `~joe/mysql-25.stable.4`.
    pub(crate) id: Reference,

    /// A further stream's resources, such as `paid=63`.
    #[arg(long, value_name = "STREAM=REVISION", value_parser = stream_revision)]
    pub(crate) stream: Vec<(StreamName, Revision)>,

    /// A stream that shall have no current resources.
    #[arg(long, value_name = "STREAM")]
    pub(crate) drop_stream: Vec<StreamName>,

    /// The channel; `stable`, unless said otherwise.
    #[arg(long)]
    pub(crate) channel: Option<Channel>,

    /// Refuse unless this is current now; `none` for a first release.
    #[arg(long, value_name = "ID", value_parser = expected)]
    pub(crate) if_current: Option<Expected>,

    /// Why, for the history.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// Which charm or bundle, such as `~joe/mysql`.
    pub(crate) line: Reference,

    /// What was current once and shall be again.
    #[arg(long, value_name = "ID", conflicts_with = "steps")]
    pub(crate) to: Option<Reference>,

    /// How many moves to go back.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) steps: u32,

    /// The channel; `stable`, unless said otherwise.
    #[arg(long)]
    pub(crate) channel: Option<Channel>,

    /// Why, for the history.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,

    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LineArgs {
    /// Which charm or bundle, such as `~joe/mysql`.
    pub(crate) line: Reference,
}

#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Which charm or bundle, such as `~joe/mysql`.
    pub(crate) line: Reference,

    /// One channel alone.
    #[arg(long)]
    pub(crate) channel: Option<Channel>,

    /// The most moves to show.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct IdArgs {
    /// Which charm or bundle, such as `~joe/mysql-25.stable.4`.
    pub(crate) id: Reference,
}

#[derive(Debug, Args)]
pub(crate) struct ResolveArgs {
    /// Which charm or bundle: as much or as little of `~joe/precise/mysql-25.stable.4` as is known.
    pub(crate) id: Reference,

    /// Show the files of one architecture and `common` alone.
    #[arg(long, value_name = "ARCH")]
    pub(crate) arch: Option<Architecture>,

    /// The channel; `stable`, unless said otherwise.
    #[arg(long)]
    pub(crate) channel: Option<Channel>,
}

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// What is looked for, in any words; `~owner`, `requires:etcd` or `tags:database` narrow it down.
    #[arg(required = true)]
    pub(crate) words: Vec<String>,

    /// The most results.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,

    /// How many results are passed over.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) skip: u32,
}

#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// Which charm or bundle.
    pub(crate) id: Reference,

    /// Where to; the charm's name, unless said otherwise. It must not exist yet.
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,

    /// Fetch the resources of one architecture and `common` alone.
    #[arg(long, value_name = "ARCH")]
    pub(crate) arch: Option<Architecture>,

    /// Fetch the charm without resources.
    #[arg(long)]
    pub(crate) no_resources: bool,

    /// The channel; `stable`, unless said otherwise.
    #[arg(long)]
    pub(crate) channel: Option<Channel>,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Which charm or bundle.
    pub(crate) id: Reference,

    /// A file of its archive, written to standard output as it is.
    pub(crate) file: Option<String>,

    /// The channel; `stable`, unless said otherwise.
    #[arg(long)]
    pub(crate) channel: Option<Channel>,
}

#[derive(Debug, Args)]
pub(crate) struct YankArgs {
    /// What is withdrawn: resources if their revision is named, else the charm's revision.
    pub(crate) id: Reference,

    /// Why; shown to everybody who names the revision.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,

    /// What to release in its place, wherever it is current.
    #[arg(long, value_name = "ID")]
    pub(crate) move_to: Option<Reference>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AclVerb {
    /// Show who may do what.
    Show {
        /// Which charm or bundle, such as `~joe/mysql`.
        line: Reference,
    },
    /// Set the rights of maintainers, installers and everybody to those of a preset.
    Set {
        /// Which charm or bundle, such as `~joe/mysql`.
        line: Reference,
        /// One of public, under-test, gated, closed and commercial.
        #[arg(value_parser = preset)]
        preset: String,
    },
    /// Edit members, rights and streams in the editor that EDITOR names.
    Edit {
        /// Which charm or bundle, such as `~joe/mysql`.
        line: Reference,
    },
}

#[derive(Debug, Args)]
pub(crate) struct GrantArgs {
    /// Which charm or bundle, such as `~joe/mysql`.
    pub(crate) line: Reference,

    /// A user, or a group: `alice`, `@customers`.
    pub(crate) who: Principal,

    /// metadata, content, deploy or publish. Whoever has one has what else its class has.
    #[arg(required = true)]
    pub(crate) rights: Vec<Right>,

    /// A stream that is narrowed to those who are admitted; goes with `deploy` alone.
    #[arg(long)]
    pub(crate) stream: Option<StreamName>,
}

#[derive(Debug, Args)]
pub(crate) struct TransferArgs {
    /// Which charm or bundle, such as `~joe/mysql`.
    pub(crate) line: Reference,

    /// Who is to have it: you, or a group that you are in.
    pub(crate) owner: UserName,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GroupVerb {
    /// List your groups.
    List,
    /// Show a group of yours.
    Show {
        /// The group.
        group: UserName,
    },
    /// Make a group, as the operator.
    Make {
        /// The group.
        group: UserName,
    },
    /// Make a user a member, or a manager, who says who else is one.
    Add {
        /// The group.
        group: UserName,
        /// The user.
        user: UserName,
        /// As a manager.
        #[arg(long)]
        manager: bool,
    },
    /// Take a user out of a group, or leave it.
    Remove {
        /// The group.
        group: UserName,
        /// The user.
        user: UserName,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenVerb {
    /// Make a token and print it; it is not shown again.
    Create(TokenCreateArgs),
    /// List your tokens.
    List,
    /// End a token before its time, on every server at once.
    Revoke {
        /// The token's identifier.
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TokenCreateArgs {
    /// What it is good for, such as `~joe/mysql-*:deploy`, `~joe/mysql.paid:deploy` or `~joe/mysql:publish@edge`; all
    /// that you may, unless said otherwise.
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: Vec<String>,

    /// For how long, such as `12h` or `90d`; 30 days, unless said otherwise.
    #[arg(long, value_parser = humantime::parse_duration)]
    pub(crate) ttl: Option<std::time::Duration>,

    /// What it is for, to find it again.
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,

    /// Write it to a new file that you alone can read, and do not print it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) export: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrustVerb {
    /// Trust a job to publish, and with a channel to release to that.
    Add(TrustAddArgs),
    /// List the jobs that are trusted.
    List {
        /// Which charm or bundle, such as `~joe/mysql`.
        line: Reference,
    },
    /// Trust a job no more.
    Remove {
        /// Which charm or bundle, such as `~joe/mysql`.
        line: Reference,
        /// The trust's identifier.
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TrustAddArgs {
    /// Which charm or bundle, such as `~joe/mysql`.
    pub(crate) line: Reference,

    /// The repository whose job it is, such as `joe/mysql-charm`.
    #[arg(long, visible_alias = "github", value_name = "OWNER/REPO")]
    pub(crate) repository: String,

    /// The workflow's file, such as `release.yml`.
    #[arg(long, value_name = "FILE")]
    pub(crate) workflow: String,

    /// The environment that the job has to run in; any, unless said otherwise.
    #[arg(long, visible_alias = "env", value_name = "NAME")]
    pub(crate) environment: Option<String>,

    /// A channel to which the job may release as well.
    #[arg(long)]
    pub(crate) channel: Option<Channel>,

    /// Who issues the job's tokens; GitHub, unless said otherwise.
    #[arg(long, value_name = "URL")]
    pub(crate) issuer: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// A file that holds the token; standard input, unless said otherwise.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) token_file: Option<PathBuf>,

    /// By a code that is entered on a page, on any machine that has a browser.
    #[arg(long, conflicts_with = "token_file")]
    pub(crate) device: bool,

    /// As a job that this charm or bundle trusts, such as `~joe/mysql`: for a quarter of an hour.
    #[arg(long, value_name = "LINE", conflicts_with_all = ["token_file", "device"])]
    pub(crate) job: Option<BaseId>,

    /// A file that holds the job's identity token; on GitHub, the runner is asked for it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "job")]
    pub(crate) identity_file: Option<PathBuf>,

    /// For whom the job's identity token is to be; the store's address, unless said otherwise.
    #[arg(long, value_name = "TEXT", requires = "job")]
    pub(crate) audience: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The code, such as `E-SHAPE-EXTRA`; all of them, if left out.
    pub(crate) code: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct HelpArgs {
    /// A verb, or one of environment, exit-codes, formats, ids, resources.
    pub(crate) topic: Option<String>,
}

fn jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n_jobs @ 1..=64) => Ok(n_jobs),
        _ => Err("a number from 1 to 64 is expected".to_owned()),
    }
}

fn stream_revision(text: &str) -> Result<(StreamName, Revision), String> {
    let (stream, revision) = text.split_once('=').ok_or("`STREAM=REVISION` is expected")?;
    let stream = stream.parse().map_err(|error: charm_model::name::NameError| error.to_string())?;
    let revision = revision.parse().map_err(|error: ReferenceError| error.to_string())?;
    Ok((stream, revision))
}

fn preset(text: &str) -> Result<String, charm_model::rights::RightsError> {
    text.parse::<Preset>().map(|preset| preset.as_str().to_owned())
}

fn expected(text: &str) -> Result<Expected, ReferenceError> {
    Expected::try_from(text.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use test_case::test_case;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_verb_a_directory_is_published() {
        let cli = parse("charm-publish ./mysql --store http://here --dry-run").unwrap();
        assert!(cli.verb.is_none() && cli.publish.dry_run);
        assert_eq!(cli.publish.dir, Some("./mysql".into()));
    }

    #[test]
    fn flags_for_every_verb_stand_before_or_behind_it() {
        for line in ["charm-publish -q release mysql-1", "charm-publish release mysql-1 -q"] {
            let cli = parse(line).unwrap();
            assert!(cli.global.quiet && matches!(cli.verb, Some(Verb::Release(_))));
        }
    }

    #[test_case("charm-publish release mysql-99999999999999999999"; "a revision beyond all counters")]
    #[test_case("charm-publish release mysql-007"; "leading zeros")]
    #[test_case("charm-publish release mysql-1 --stream paid"; "a stream without revision")]
    #[test_case("charm-publish yank mysql-1"; "no reason")]
    #[test_case("charm-publish --jobs 0"; "no jobs")]
    #[test_case("charm-publish --limit-rate 0"; "no bytes")]
    fn refuses(line: &str) {
        assert_eq!(parse(line).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn the_help_is_as_it_was() {
        // However wide the terminal is that the test runs in.
        insta::assert_snapshot!(Cli::command().term_width(100).render_long_help());
    }
}
