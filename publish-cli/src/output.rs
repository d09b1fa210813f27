//! What is told, and where: the result on standard output, everything else on standard error.

use std::io::{self, IsTerminal as _, Write as _};

use anstream::ColorChoice;
use anstyle::{AnsiColor, Style};
use charm_model::finding::Finding;
use serde::Serialize;

use crate::cli::{Color, Format, Global};
use crate::failure::Failure;

/// How this process talks.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    format: Format,
    is_verbose: bool,
    shows_progress: bool,
}

/// A result in each of its forms.
pub(crate) trait Told: Serialize {
    /// The verb, as the JSON form's schema names it.
    const VERB: &'static str;

    /// Returns the form for people: whole lines.
    fn human(&self) -> String;

    /// Returns the one line that a script wants; none where there is no id.
    fn quiet(&self) -> Option<String>;
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    schema: String,
    #[serde(flatten)]
    result: &'a T,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        match global.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        }
        .write_global();
        let format = if global.quiet { Format::Quiet } else { global.format };
        Self {
            format,
            is_verbose: global.verbose > 0,
            shows_progress: !global.no_progress && format != Format::Quiet,
        }
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Says whether progress is drawn on the terminal.
    pub(crate) fn draws(&self) -> bool {
        self.shows_progress && self.format != Format::Jsonl && io::stderr().is_terminal()
    }

    pub(crate) fn shows_progress(&self) -> bool {
        self.shows_progress
    }

    /// Writes the result in the form that was asked for.
    pub(crate) fn result<T: Told>(&self, result: &T) -> Result<(), Failure> {
        let text = match self.format {
            Format::Auto | Format::Human => result.human(),
            Format::Quiet => result.quiet().map(|it| it + "\n").unwrap_or_default(),
            Format::Json | Format::Jsonl => json(T::VERB, result)? + "\n",
        };
        Self::raw(text.as_bytes())
    }

    /// Writes bytes as they are.
    pub(crate) fn raw(bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = anstream::stdout();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            // Whoever read the result has read enough of it.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            outcome => Ok(outcome?),
        }
    }

    /// Says something beside the result, unless the caller wants the result alone.
    pub(crate) fn note(&self, text: &str) {
        if self.format != Format::Quiet {
            tell(text);
        }
    }

    /// Says something that programs too want to know before the result: as a line of JSON where lines are wanted.
    pub(crate) fn event(&self, name: &str, event: &impl Serialize, text: &str) {
        match json(name, event) {
            Ok(line) if self.format == Format::Jsonl => {
                // Whether anybody still reads shows when the result is written.
                let _ = Self::raw(format!("{line}\n").as_bytes());
            }
            _ => self.note(text),
        }
    }

    /// Tells what is worth knowing of a tree that is right.
    pub(crate) fn warnings(&self, findings: &[Finding]) {
        for finding in findings {
            self.note(&paint(&finding.to_string()));
        }
    }

    /// Tells why the command failed; never kept back.
    pub(crate) fn failure(&self, failure: &Failure) {
        let text = failure.render(self.is_verbose);
        tell(&text.lines().map(paint).collect::<Vec<_>>().join("\n"));
    }
}

/// Returns a result as one line of JSON, with the schema that says how to read it.
pub(crate) fn json(verb: &str, result: &impl Serialize) -> Result<String, Failure> {
    let envelope = Envelope { schema: format!("charm-publish/{verb}@1"), result };
    Ok(serde_json::to_string(&envelope).map_err(anyhow::Error::from)?)
}

fn tell(text: &str) {
    // Nobody is left to hear that standard error is closed.
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Gives the first word of a diagnostic its colour; anstream takes it away again where none is wanted.
fn paint(line: &str) -> String {
    let style = |color: AnsiColor| Style::new().bold().fg_color(Some(color.into()));
    let head = line.find([':', '[']).unwrap_or(0);
    let (word, rest) = line.split_at(head);
    match word {
        "error" => format!("{0}{word}{0:#}{rest}", style(AnsiColor::Red)),
        "warning" => format!("{0}{word}{0:#}{rest}", style(AnsiColor::Yellow)),
        "help" => format!("{0}{word}{0:#}{rest}", style(AnsiColor::Cyan)),
        _ => line.to_owned(),
    }
}
