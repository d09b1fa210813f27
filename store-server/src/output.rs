//! What the program prints: results on standard output, everything else on standard error.

use std::io::{self, Write as _};

use anyhow::Error;
use serde::Serialize;

use crate::cli::Format;

/// Prints a result: as JSON, or in the words for people.
pub(crate) fn result(
    format: Format,
    value: &impl Serialize,
    human: impl FnOnce() -> String,
) -> anyhow::Result<()> {
    let text = match format {
        Format::Json => serde_json::to_string(value)?,
        Format::Human => human(),
    };
    line(&text)
}

/// Prints a line of the result. A reader that went away is no error.
pub(crate) fn line(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{}", text.trim_end()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints why the program failed, with its causes.
pub(crate) fn error(error: &Error) {
    let causes: Vec<_> = error.chain().skip(1).map(|cause| format!("  because: {cause}")).collect();
    let lines = [vec![format!("error: {error}")], causes].concat();
    // Nobody is left to tell if this fails.
    drop(writeln!(io::stderr(), "{}", lines.join("\n")));
}
