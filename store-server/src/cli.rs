//! Flags and sub-commands: what was said, not yet what it means.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use charm_model::name::UserName;
use clap::{Args, Parser, Subcommand, ValueEnum};
use secrecy::SecretString;

/// A store for charms, bundles and their resources.
#[derive(Debug, Parser)]
#[command(name = "store-server", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the store keeps what it has. Every flag has an environment variable and a key in the file.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Directory of the embedded database and blobs [default: store-data]
    #[arg(long, env = "STORE_DATA", global = true)]
    pub(crate) data: Option<PathBuf>,
    /// Database: `sqlite:PATH` or `postgres://…` [default: SQLite in the data directory]
    #[arg(long, env = "STORE_DATABASE", global = true, hide_env_values = true)]
    pub(crate) database: Option<String>,
    /// Blobs: a directory or `s3://BUCKET/PREFIX` [default: a directory in the data directory]
    #[arg(long, env = "STORE_OBJECTS", global = true, hide_env_values = true)]
    pub(crate) objects: Option<String>,
    /// Directory of the search index, which may be deleted [default: a directory in the data directory]
    #[arg(long, env = "STORE_SEARCH", global = true)]
    pub(crate) search: Option<PathBuf>,
    /// File of settings, in TOML
    #[arg(long, env = "STORE_CONFIG", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Password of the account `admin`, for HTTP Basic; there is no such account without one
    #[arg(long, env = "STORE_ADMIN_PASSWORD", hide = true, hide_env_values = true, global = true)]
    pub(crate) admin_password: Option<SecretString>,
    /// File with the password of the account `admin`
    #[arg(long, env = "STORE_ADMIN_PASSWORD_FILE", global = true)]
    pub(crate) admin_password_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the store
    Serve(Serve),
    /// Bring the database's schema up to date, or say how far it is
    #[command(subcommand)]
    Migrate(Migrate),
    /// Add and list users
    #[command(subcommand)]
    User(User),
    /// Make groups, and say who is in them
    #[command(subcommand)]
    Group(Group),
    /// Make, list and revoke tokens
    #[command(subcommand)]
    Token(Token),
    /// Replace the key that signs tokens
    #[command(subcommand)]
    Key(Key),
    /// Show who did what, or tried to
    Audit(AuditArgs),
    /// Take charms in from somewhere else
    #[command(subcommand)]
    Ingest(Ingest),
    /// Make the search index anew, while the old one answers
    Reindex,
    /// Print the settings that are in force
    Config,
    /// Check that database, blobs and clock can do what the store needs
    Doctor(Report),
}

#[derive(Debug, Args, Default)]
pub(crate) struct Serve {
    /// Address to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "STORE_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,
    /// File with the server's certificate, and those between it and one that clients trust
    #[arg(long, env = "STORE_TLS_CERTIFICATES", value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificates: Option<PathBuf>,
    /// File with the certificate's private key
    #[arg(long, env = "STORE_TLS_KEY", value_name = "FILE", requires = "tls_certificates")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Network of proxies whose `X-Forwarded-For` is believed, such as `10.0.0.0/8`; may repeat
    #[arg(
        long = "trusted-proxy",
        env = "STORE_TRUSTED_PROXIES",
        value_name = "NETWORK",
        value_delimiter = ','
    )]
    pub(crate) trusted_proxies: Vec<ipnet::IpNet>,
    /// Refuse everything but reading
    #[arg(long, env = "STORE_READ_ONLY")]
    pub(crate) read_only: bool,
    /// Check everything against its digests before it leaves, or leave that to clients [default: true]
    #[arg(long, env = "STORE_VERIFY_READS", value_name = "BOOL")]
    pub(crate) verify_reads: Option<bool>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Migrate {
    /// Apply what is missing
    Up,
    /// Say what is applied and what is missing
    Status(Report),
}

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Add a user, or add groups to one, and print a token; it is not shown again
    Add {
        /// The user's name
        name: UserName,
        /// Group that the user is a member of; may repeat
        #[arg(long = "group")]
        groups: Vec<UserName>,
        /// Read a password for HTTP Basic from this file
        #[arg(long)]
        password_file: Option<PathBuf>,
        #[command(flatten)]
        report: Report,
    },
    /// List users and their groups
    List(Report),
    /// Have a user be the one whom another issuer calls by that subject
    Link {
        /// The user's name
        name: UserName,
        /// The issuer, as the settings name it
        issuer: String,
        /// The user's `sub` there
        subject: String,
    },
    /// Have a user do nothing any more; its tokens end
    Disable {
        /// The user's name
        name: UserName,
    },
    /// Have a user that was disabled do something again; it needs a new token
    Enable {
        /// The user's name
        name: UserName,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token and print it; it is not shown again
    Create {
        /// Whose token
        #[arg(long)]
        user: UserName,
        /// What it is good for, such as `~joe/mysql:publish` or `deploy+metadata`; may repeat [default: all that the user may]
        #[arg(long = "scope")]
        scopes: Vec<String>,
        /// For how long, such as `30d` or `12h` [default: 30d]
        #[arg(long, value_parser = humantime::parse_duration)]
        ttl: Option<Duration>,
        /// What it is for, to find it again
        #[arg(long)]
        description: Option<String>,
        #[command(flatten)]
        report: Report,
    },
    /// List a user's tokens
    List {
        /// Whose tokens
        #[arg(long)]
        user: UserName,
        #[command(flatten)]
        report: Report,
    },
    /// End a token before its time
    Revoke {
        /// The token's identifier
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Make a group
    Make {
        /// Its name
        group: UserName,
    },
    /// Make a user a member, or a manager, who says who else is one
    Add {
        /// The group
        group: UserName,
        /// The user
        user: UserName,
        /// As a manager
        #[arg(long)]
        manager: bool,
    },
    /// Take a user out of a group
    Remove {
        /// The group
        group: UserName,
        /// The user
        user: UserName,
    },
    /// List every group
    List {
        #[command(flatten)]
        report: Report,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Sign tokens with a new key from now on; what the old one has signed stays good until it ends
    Rotate,
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// What this user did alone
    #[arg(long)]
    pub(crate) actor: Option<String>,
    /// What was done to this alone: `~owner/name`, `@group`, or a token's identifier
    #[arg(long)]
    pub(crate) object: Option<String>,
    /// What was refused alone
    #[arg(long)]
    pub(crate) refused: bool,
    /// Entries before this number
    #[arg(long)]
    pub(crate) before: Option<u64>,
    /// The most entries to show
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) report: Report,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Ingest {
    /// Publish the charm or bundle of a git branch
    Git {
        /// Repository: an address or a path
        repository: String,
        /// Branch, tag or commit [default: the repository's own choice]
        #[arg(long)]
        branch: Option<String>,
        /// Directory of the charm within the repository
        #[arg(long, default_value = ".")]
        path: PathBuf,
        /// Owner of what is published
        #[arg(long)]
        owner: UserName,
        /// Series of a charm that does not name its own
        #[arg(long)]
        series: Option<charm_model::name::Series>,
        #[command(flatten)]
        report: Report,
    },
}

/// How a result is printed.
#[derive(Debug, Args, Clone, Copy)]
pub(crate) struct Report {
    /// How to print the result
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Human,
    /// For programs
    Json,
}
