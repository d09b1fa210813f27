//! `acl`, `grant`, `revoke`, `transfer`: who may do what with a charm or bundle.

use std::env;
use std::fmt::Write as _;
use std::process::Command;

use anyhow::Context as _;
use charm_model::name::StreamName;
use charm_model::reference::Reference;
use charm_model::rights::{Principals, Right, Rights};
use serde::Serialize;
use v4_wire::rights::{GrantAnswer, GrantRequest, RightsAnswer, RightsRequest, Transfer, TransferRequest};

use crate::cli::{AclVerb, GrantArgs, TransferArgs};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Told;

pub(crate) async fn run(verb: &AclVerb, context: &Context) -> Result<Exit, Failure> {
    let store = context.store()?;
    let (line, rights) = match verb {
        AclVerb::Show { line } => (line, store.rights(line).await?),
        AclVerb::Set { line, preset } => {
            let request = RightsRequest { preset: Some(preset.clone()), ..RightsRequest::default() };
            (line, store.set_rights(line, &request).await?)
        }
        AclVerb::Edit { line } => {
            let before = store.rights(line).await?;
            let Some(request) = edited(&before)? else {
                context.output().note("unchanged");
                return Ok(Exit::Done);
            };
            // An editor can stay open for long: what others have changed meanwhile is not written over.
            let request = RightsRequest { seen: Some(before.acl), ..request };
            (line, store.set_rights(line, &request).await?)
        }
    };
    context.output().result(&Shown { line: line.clone(), rights })?;
    Ok(Exit::Done)
}

pub(crate) async fn grant(args: GrantArgs, context: &Context) -> Result<Exit, Failure> {
    let (line, request) = request(args);
    let answer = context.store()?.grant(&line, &request).await?;
    context.output().result(&Granted { line, request, answer })?;
    Ok(Exit::Done)
}

pub(crate) async fn revoke(args: GrantArgs, context: &Context) -> Result<Exit, Failure> {
    let (line, request) = request(args);
    let answer = context.store()?.revoke(&line, &request).await?;
    context.output().result(&Granted { line, request, answer })?;
    Ok(Exit::Done)
}

pub(crate) async fn transfer(args: TransferArgs, context: &Context) -> Result<Exit, Failure> {
    let request = TransferRequest { owner: args.owner };
    let transfer = context.store()?.transfer(&args.line, &request).await?;
    context.output().result(&transfer)?;
    Ok(Exit::Done)
}

fn request(args: GrantArgs) -> (Reference, GrantRequest) {
    let GrantArgs { line, who, rights, stream } = args;
    (line, GrantRequest { who, rights: rights.into(), stream })
}

/// Returns what an editor makes of rights; none if it leaves them as they are.
fn edited(rights: &RightsAnswer) -> Result<Option<RightsRequest>, Failure> {
    let text = serde_json::to_string_pretty(&as_request(rights)).map_err(anyhow::Error::from)?;
    let file = tempfile::Builder::new().prefix("rights-").suffix(".json").tempfile()?;
    std::fs::write(file.path(), &text)?;
    let editor =
        ["VISUAL", "EDITOR"].into_iter().find_map(|name| env::var(name).ok().filter(|it| !it.is_empty()));
    let editor =
        editor.ok_or_else(|| Failure::usage("no editor is named", "set EDITOR, or say `acl set`"))?;
    // An editor's variable may hold flags: the shell takes it apart, and the file's name stays one word.
    let status =
        Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(file.path()).status();
    if !status.with_context(|| format!("`{editor}`"))?.success() {
        return Err(Failure::usage(format!("`{editor}` failed"), "nothing was changed"));
    }
    let after = std::fs::read_to_string(file.path())?;
    let unreadable = |error: serde_json::Error| Failure::usage(error.to_string(), "nothing was changed");
    let request: RightsRequest = serde_json::from_str(&after).map_err(unreadable)?;
    Ok((request != as_request(rights)).then_some(request))
}

fn as_request(rights: &RightsAnswer) -> RightsRequest {
    let acl = rights.acl.clone();
    RightsRequest {
        preset: None,
        matrix: Some(acl.matrix),
        maintainers: Some(acl.maintainers),
        installers: Some(acl.installers),
        streams: Some(acl.streams),
        seen: None,
    }
}

#[derive(Serialize)]
struct Shown {
    line: Reference,
    #[serde(flatten)]
    rights: RightsAnswer,
}

impl Told for Shown {
    const VERB: &'static str = "acl";

    fn human(&self) -> String {
        let (acl, preset) =
            (&self.rights.acl, self.rights.preset.as_deref().unwrap_or("a matrix of its own"));
        let mut text = format!("{}: {preset}\n", self.line);
        // Writing to a `String` cannot fail.
        let mut class = |name: &str, rights: Rights, members: &str| {
            let _ = writeln!(text, "{name:<12} {}   {members}", letters(rights));
        };
        class("maintainers", acl.matrix.maintainers, &list(&acl.maintainers));
        class("installers", acl.matrix.installers, &list(&acl.installers));
        class("everybody", acl.matrix.everybody, "");
        for (stream, who) in &acl.streams {
            text += &admitted(stream, Some(who));
        }
        text.lines().fold(String::new(), |text, line| text + line.trim_end() + "\n")
    }

    fn quiet(&self) -> Option<String> {
        self.rights.preset.clone()
    }
}

#[derive(Serialize)]
struct Granted {
    line: Reference,
    #[serde(flatten)]
    request: GrantRequest,
    #[serde(flatten)]
    answer: GrantAnswer,
}

impl Told for Granted {
    const VERB: &'static str = "grant";

    fn human(&self) -> String {
        let matrix = self.answer.rights.acl.matrix;
        let (line, who) = (&self.line, &self.request.who);
        let classes = format!(
            "maintainers {}, installers {}, everybody {}",
            letters(matrix.maintainers),
            letters(matrix.installers),
            letters(matrix.everybody)
        );
        let mut text = format!("{line}: {who} has {}   ({classes})\n", letters(self.answer.effective));
        if let Some(stream) = &self.request.stream {
            text += &admitted(stream, self.answer.rights.acl.streams.get(stream));
        }
        text
    }

    fn quiet(&self) -> Option<String> {
        Some(letters(self.answer.effective))
    }
}

impl Told for Transfer {
    const VERB: &'static str = "transfer";

    fn human(&self) -> String {
        match self.event {
            Some(_) => format!("{} is {} now; both names find it\n", self.from, self.base),
            None => format!("unchanged: {}\n", self.base),
        }
    }

    fn quiet(&self) -> Option<String> {
        Some(self.base.to_string())
    }
}

/// Returns rights as letters, with a dash for each that is lacking: `M-D-`.
fn letters(rights: Rights) -> String {
    let letter = |right: Right| match right {
        Right::Metadata => 'M',
        Right::Content => 'C',
        Right::Deploy => 'D',
        Right::Publish => 'P',
    };
    Right::ALL.into_iter().map(|right| if rights.has(right) { letter(right) } else { '-' }).collect()
}

/// Says who has a stream's resources.
fn admitted(stream: &StreamName, who: Option<&Principals>) -> String {
    match who {
        None => format!("stream {stream}: whoever has D\n"),
        Some(who) => format!("stream {stream}: maintainers, and {}\n", list(who)),
    }
}

fn list(principals: &Principals) -> String {
    let names: Vec<_> = principals.iter().map(ToString::to_string).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(" ") }
}
