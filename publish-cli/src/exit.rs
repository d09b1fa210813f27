//! The exit codes: what a script can rely on. `charm-publish help exit-codes` prints the same table.

use std::process::ExitCode;

use store_client::ClientError;
use v4_wire::error::{Code, Problem};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It is done, or there was nothing to do.
    Done = 0,
    /// A bug, here or in the store, or something that no other code stands for.
    Unexpected = 1,
    /// The command line, a setting or a reference is wrong.
    Usage = 2,
    /// What was to be published or released is wrong; nothing was changed.
    Invalid = 3,
    /// Not logged in, or not allowed.
    NotAllowed = 4,
    /// No such thing, or none that the caller may know of.
    NotFound = 5,
    /// Something moved meanwhile.
    Conflict = 6,
    /// A quota or a limit.
    Limit = 7,
    /// The network or the store is down; the same command goes on later.
    Unreachable = 8,
    /// The bytes are not what they should be.
    Integrity = 9,
    /// `plan --exit-code`: there are changes.
    Changes = 10,
    /// Interrupted; the same command goes on.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<&ClientError> for Exit {
    fn from(error: &ClientError) -> Self {
        if let Some(exit) = error.problem().and_then(by_code) {
            return exit;
        }
        match error {
            ClientError::Unauthenticated(_) | ClientError::Forbidden(_) => Self::NotAllowed,
            ClientError::NotFound(_) => Self::NotFound,
            ClientError::Conflict(_) | ClientError::Changed(_) | ClientError::Busy(_) => Self::Conflict,
            ClientError::Limit(_) | ClientError::Throttled { .. } => Self::Limit,
            ClientError::Unavailable { .. }
            | ClientError::Unreachable { .. }
            | ClientError::Silent { .. } => Self::Unreachable,
            ClientError::Integrity { .. } | ClientError::Damaged(_) => Self::Integrity,
            ClientError::Refused(_) => Self::Invalid,
            ClientError::Address(_) | ClientError::Setup(_) => Self::Usage,
            ClientError::Failed(_) | ClientError::NotAStore { .. } | ClientError::Io { .. } => {
                Self::Unexpected
            }
        }
    }
}

/// Returns what a refusal means where its status says too little.
fn by_code(problem: &Problem) -> Option<Exit> {
    let code = Code::ALL.iter().find(|code| code.as_str() == problem.code())?;
    match code {
        Code::BadRequest | Code::Reference | Code::Method => Some(Exit::Usage),
        Code::Invalid | Code::ShapeMismatch | Code::ReleaseStream => Some(Exit::Invalid),
        Code::NotCurrent | Code::YankCurrent | Code::Withdrawn | Code::Session => Some(Exit::Conflict),
        Code::Digest | Code::Collision => Some(Exit::Integrity),
        Code::TooLarge | Code::NoSpace | Code::Quota | Code::Throttled => Some(Exit::Limit),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn problem(code: &str) -> Problem {
        Problem {
            kind: format!("{}{code}", Problem::KIND_PREFIX),
            title: String::new(),
            status: 0,
            detail: String::new(),
            hint: None,
            instance: None,
            errors: Vec::new(),
        }
    }

    #[test_case(&ClientError::Refused(problem("E-RELEASE-STREAM")) => Exit::Invalid)]
    #[test_case(&ClientError::Conflict(problem("E-RELEASE-STREAM")) => Exit::Invalid; "whatever the status")]
    #[test_case(&ClientError::Conflict(problem("E-NOT-CURRENT")) => Exit::Conflict)]
    #[test_case(&ClientError::NotFound(problem("E-NOTHING-FITS")) => Exit::NotFound)]
    #[test_case(&ClientError::Unauthenticated(problem("E-LOGIN")) => Exit::NotAllowed)]
    #[test_case(&ClientError::Unavailable { problem: problem("about:blank"), retry_after: None } => Exit::Unreachable)]
    fn a_refusal_ends_with(error: &ClientError) -> Exit {
        error.into()
    }
}
