//! Why a command did not do what was asked, and how that is told.

use std::io;

use charm_model::finding::{Finding, Severity};
use store_client::{ClientError, CredentialsError, LoginError};
use terminal::{duration, lines};
use thiserror::Error;
use v4_wire::error::{Code, Problem};

use crate::exit::Exit;
use crate::progress::Safe;

#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The command line or a setting is wrong.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to write instead.
        help: String,
    },
    /// The tree is wrong; every finding is listed.
    #[error("the charm's tree is not valid")]
    Invalid(Vec<Finding>),
    /// The store, or the way to it.
    #[error(transparent)]
    Store(#[from] ClientError),
    /// The store, or the way to it, while something unfinished is kept there.
    #[error("the publish broke off")]
    BrokenOff {
        /// What broke it off.
        #[source]
        error: ClientError,
        /// What is kept, until when, and how it goes on.
        kept: String,
    },
    /// Another issuer gave no token.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// There is nothing that the command could work on.
    #[error("{message}")]
    NotFound {
        /// What is missing.
        message: String,
        /// What to do about it.
        help: String,
    },
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted(Option<Safe>),
    /// Everything else.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), help: help.into() }
    }

    pub(crate) fn not_found(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::NotFound { message: message.into(), help: help.into() }
    }

    /// Adds what the store keeps of what was broken off, unless the same command would be refused again.
    pub(crate) fn keeping(self, kept: impl FnOnce() -> Option<String>) -> Self {
        let goes_on =
            |exit| matches!(exit, Exit::Unreachable | Exit::Limit | Exit::NotAllowed | Exit::Unexpected);
        match self {
            Self::Store(error) if goes_on(Exit::from(&error)) => match kept() {
                Some(kept) => Self::BrokenOff { error, kept },
                None => Self::Store(error),
            },
            other => other,
        }
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage { .. } => Exit::Usage,
            Self::Invalid(_) => Exit::Invalid,
            Self::Store(error) | Self::BrokenOff { error, .. } => error.into(),
            Self::Login(LoginError::Unreachable(_)) => Exit::Unreachable,
            Self::Login(_) => Exit::NotAllowed,
            Self::NotFound { .. } => Exit::NotFound,
            Self::Interrupted(_) => Exit::Interrupted,
            Self::Other(_) => Exit::Unexpected,
        }
    }

    /// Writes what is told: every finding, each with its mend; causes too, if they are asked for.
    pub(crate) fn render(&self, with_causes: bool) -> String {
        match self {
            Self::Usage { message, help } | Self::NotFound { message, help } => {
                format!("error: {message}\nhelp: {help}\n")
            }
            Self::Invalid(findings) => {
                format!("{}nothing was sent.\n", lines(findings))
            }
            Self::Store(error) => render_client(error, with_causes),
            Self::BrokenOff { error, kept } => {
                format!("{}note: {kept}\n", render_client(error, with_causes))
            }
            Self::Login(error) => format!("error: {}\n", chain(error)),
            Self::Interrupted(safe) => match safe {
                Some(safe) => format!("interrupted: {safe}\n"),
                None => "interrupted\n".to_owned(),
            },
            Self::Other(error) => format!("error: {}\n", chain(error.as_ref())),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Other(error.into())
    }
}

impl From<CredentialsError> for Failure {
    fn from(error: CredentialsError) -> Self {
        Self::usage(error.to_string(), "a token looks like `cst_…`; a password is given as `user:password`")
    }
}

fn render_client(error: &ClientError, with_causes: bool) -> String {
    let Some(problem) = error.problem() else {
        // Without its cause, "cannot be reached" is not worth saying.
        let mend = mend(error).map(|it| format!("help: {it}\n")).unwrap_or_default();
        return format!("error: {}\n{mend}", chain(error));
    };
    let mut told: Vec<String> =
        problem.errors.iter().filter(|it| it.severity == Severity::Error).map(ToString::to_string).collect();
    if told.is_empty() {
        told.push(format!("error{}: {}", code(problem), problem.detail));
    }
    told.extend(problem.hint.as_deref().or_else(|| mend(error)).map(|hint| format!("help: {hint}")));
    let wait = |time| format!("help: it wants to be asked again in {}, not earlier", duration(time));
    told.extend(error.retry_after().map(wait));
    if with_causes || matches!(error, ClientError::Failed(_) | ClientError::Damaged(_)) {
        let note = |request: &String| format!("note: the store's log knows more of request `{request}`");
        told.extend(problem.instance.as_ref().map(note));
    }
    lines(told)
}

fn code(problem: &Problem) -> String {
    if problem.kind.starts_with(Problem::KIND_PREFIX) {
        format!("[{}]", problem.code())
    } else {
        String::new()
    }
}

fn mend(error: &ClientError) -> Option<&'static str> {
    match error {
        // The store knows who it is, and says no.
        ClientError::Unauthenticated(problem) if problem.code() == Code::Forbidden.as_str() => None,
        ClientError::Unauthenticated(_) => {
            Some("charm-publish login --token-file FILE, or set CHARM_STORE_TOKEN")
        }
        ClientError::Unreachable { .. } | ClientError::Silent { .. } | ClientError::Unavailable { .. } => {
            Some("check `--store` and the network, then run the same command again")
        }
        ClientError::NotAStore { .. } | ClientError::Address(_) => Some("check `--store`, or CHARM_STORE"),
        ClientError::Changed(_) => Some("publish again once nothing writes to the charm's directory"),
        ClientError::Integrity { .. } => {
            Some("run the same command again; if it stays so, tell the store's operator")
        }
        _ => None,
    }
}

/// Returns an error with its causes, in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let links = std::iter::successors(Some(error), |it| it.source());
    links.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use charm_model::finding::Code as Rule;

    use super::*;

    #[test]
    fn a_wrong_tree_is_told_finding_by_finding() {
        let finding = Finding::error(
            Rule::ShapeExtra,
            "`resources/common/layers/20-tls.tar` is on disk but not declared",
        )
        .at("resources.yaml", 7)
        .help("add it: charm-publish init ./app --update");
        insta::assert_snapshot!(Failure::Invalid(vec![finding]).render(false), @r"
        error[E-SHAPE-EXTRA]: `resources/common/layers/20-tls.tar` is on disk but not declared
          --> resources.yaml:7
        help: add it: charm-publish init ./app --update
        nothing was sent.
        ");
    }

    #[test]
    fn a_refusal_has_its_code_and_its_hint() {
        let problem = Problem {
            kind: "urn:charm-store:E-NOT-CURRENT".to_owned(),
            title: "conflict".to_owned(),
            status: 409,
            detail: "`~joe/mysql-2` is current, not `~joe/mysql-1`".to_owned(),
            hint: Some("charm-publish status ~joe/mysql".to_owned()),
            instance: None,
            errors: Vec::new(),
        };
        insta::assert_snapshot!(Failure::Store(ClientError::Conflict(problem)).render(false), @r"
        error[E-NOT-CURRENT]: `~joe/mysql-2` is current, not `~joe/mysql-1`
        help: charm-publish status ~joe/mysql
        ");
    }
}
