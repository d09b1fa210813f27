//! What a person reads when nothing was changed: a code, the reason, what to do, and the exit code.

use std::error::Error;
use std::fmt;
use std::iter;

use deploy_agent::DeployError;
use store_client::ClientError;
use v4_wire::error::Problem;

/// The exit codes of `charm-publish` and `charm-deploy`, as far as this program uses them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Unexpected = 1,
    Usage = 2,
    NotAllowed = 4,
    NotFound = 5,
    Conflict = 6,
    Limit = 7,
    Later = 8,
    Integrity = 9,
}

/// Why nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) exit: Exit,
    code: String,
    message: String,
    help: Option<String>,
}

impl Refusal {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, code: "E-USAGE".to_owned(), message: message.into(), help: None }
    }

    pub(crate) fn unexpected(error: &dyn Error) -> Self {
        Self { exit: Exit::Unexpected, code: "E-INTERNAL".to_owned(), message: error.to_string(), help: None }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, self.message)?;
        self.help.iter().try_for_each(|help| write!(f, "\nhelp: {}", help.replace('\n', "\n      ")))
    }
}

impl From<DeployError> for Refusal {
    fn from(error: DeployError) -> Self {
        let (exit, code, help) = classify(&error);
        Self { exit, code, message: format!("{}{}", chain(&error), details(&error)), help }
    }
}

/// Returns an error with its causes, on one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let links = iter::successors(Some(error as &dyn Error), |it| (*it).source());
    links.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Returns the lines below the message: everything that is wrong, not the first of it.
fn details(error: &DeployError) -> String {
    match error {
        DeployError::Altered { differences, .. } => lines(differences),
        DeployError::Unfit { findings, .. } => lines(findings),
        _ => String::new(),
    }
}

fn lines(values: &[impl fmt::Display]) -> String {
    let lines: Vec<_> = values.iter().map(|it| it.to_string().replace('\n', "\n  ")).collect();
    format!("\n  {}", lines.join("\n  "))
}

fn classify(error: &DeployError) -> (Exit, String, Option<String>) {
    let (exit, code, help) = match error {
        DeployError::Store(error) => return classify_client(error),
        DeployError::Bundle(_) => (Exit::Usage, "E-BUNDLE", "name one of the charms that the bundle lists"),
        DeployError::NotInstalled(_) => (Exit::NotFound, "E-NOT-INSTALLED", "charm-deploy install ID DIR"),
        DeployError::OtherInstalled { .. } => (Exit::Usage, "E-INSTALLED", "charm-deploy upgrade DIR ID"),
        DeployError::InTheWay(_) => {
            (Exit::Usage, "E-IN-THE-WAY", "move it away, or name another directory; nothing was changed")
        }
        DeployError::NothingBefore { .. } => (
            Exit::NotFound,
            "E-NOTHING-BEFORE",
            "charm-deploy upgrade DIR ID, with the revision that should run",
        ),
        DeployError::Busy(_) => (Exit::Later, "E-BUSY", "run the same command again when the other is done"),
        DeployError::Contradiction { .. } => {
            (Exit::Integrity, "E-CONTRADICTION", "tell the store's operator; the unit runs what it ran")
        }
        DeployError::Shape { .. } => {
            (Exit::Integrity, "E-SHAPE-MISMATCH", "tell the charm's maintainers; the unit runs what it ran")
        }
        DeployError::Unfit { .. } => {
            (Exit::Integrity, "E-UNFIT", "a newer charm-deploy may know it; the unit runs what it ran")
        }
        DeployError::Archive { .. } | DeployError::ResourcesInArchive { .. } | DeployError::Layout { .. } => {
            (Exit::Integrity, "E-ARCHIVE", "tell the charm's maintainers; the unit runs what it ran")
        }
        DeployError::Altered { .. } => (
            Exit::Integrity,
            "E-ALTERED",
            "charm-deploy upgrade DIR ID, with that revision, fetches what is lost",
        ),
        DeployError::Damaged { .. } => (
            Exit::Integrity,
            "E-DAMAGED",
            "remove DIR/.charm-deploy and install again; what stands beside it stays",
        ),
        DeployError::Io { .. } => (Exit::Unexpected, "E-IO", "mend it, then run the same command again"),
    };
    (exit, code.to_owned(), Some(help.to_owned()))
}

fn classify_client(error: &ClientError) -> (Exit, String, Option<String>) {
    let (exit, code) = match error {
        ClientError::Unauthenticated(_) | ClientError::Forbidden(_) => (Exit::NotAllowed, "E-FORBIDDEN"),
        ClientError::NotFound(_) => (Exit::NotFound, "E-NOT-FOUND"),
        ClientError::Conflict(_) => (Exit::Conflict, "E-CONFLICT"),
        ClientError::Limit(_) | ClientError::Throttled { .. } => (Exit::Limit, "E-LIMIT"),
        ClientError::Unavailable { .. } | ClientError::Failed(_) => (Exit::Later, "E-UNAVAILABLE"),
        ClientError::Unreachable { .. } | ClientError::Silent { .. } => (Exit::Later, "E-UNREACHABLE"),
        ClientError::NotAStore { .. } => (Exit::Later, "E-NOT-A-STORE"),
        ClientError::Busy(_) => (Exit::Later, "E-BUSY"),
        ClientError::Integrity { .. } => (Exit::Integrity, "E-DIGEST"),
        ClientError::Refused(_) | ClientError::Address(_) | ClientError::Setup(_) => {
            (Exit::Usage, "E-BAD-REQUEST")
        }
        ClientError::Changed(_) | ClientError::Io { .. } => (Exit::Unexpected, "E-IO"),
    };
    let problem = error.problem();
    // A proxy's refusal has a status and no code.
    let told = problem.map(Problem::code).filter(|it| it.starts_with("E-"));
    let help = problem.and_then(|it| it.hint.clone()).or_else(|| client_help(exit).map(str::to_owned));
    (exit, told.unwrap_or(code).to_owned(), help)
}

fn client_help(exit: Exit) -> Option<&'static str> {
    match exit {
        Exit::NotAllowed | Exit::NotFound => Some("the token in CHARM_STORE_TOKEN says who you are"),
        Exit::Later => Some("what was fetched is kept: run the same command again"),
        Exit::Integrity => {
            Some("nothing was changed; run the same command again, and tell the store's operator")
        }
        Exit::Usage | Exit::Conflict | Exit::Limit | Exit::Unexpected => None,
    }
}
