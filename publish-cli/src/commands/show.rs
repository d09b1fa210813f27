//! `show`: what an entity consists of, or one file of its archive.

use std::fmt::Write as _;
use std::pin::pin;

use futures::TryStreamExt as _;
use serde::Serialize;
use terminal::size;
use v4_wire::resolve::{Kind, Resolution};

use crate::cli::ShowArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, Told};

#[derive(Serialize)]
#[serde(transparent)]
struct Shown(Resolution);

pub(crate) async fn run(args: &ShowArgs, context: &Context) -> Result<Exit, Failure> {
    let store = context.store()?;
    let resolution = store.resolve(&args.id, args.channel, None).await?;
    let Some(file) = &args.file else {
        context.output().result(&Shown(resolution))?;
        return Ok(Exit::Done);
    };
    let mut bytes = pin!(store.archive_file(&resolution.id, file).await?);
    while let Some(chunk) = bytes.try_next().await? {
        Output::raw(&chunk)?;
    }
    Ok(Exit::Done)
}

impl Told for Shown {
    const VERB: &'static str = "show";

    fn human(&self) -> String {
        let Resolution { id, kind, archive, resources, withdrawn, .. } = &self.0;
        let kind = match kind {
            Kind::Charm => "charm",
            Kind::Bundle => "bundle",
        };
        let mut text = format!("{kind}     {id}\n");
        let _ = writeln!(text, "archive   {}   published {}", size(archive.content.size), archive.published);
        if let Some(it) = resources {
            let n_bytes = it.files.iter().map(|it| it.file.content.size).sum();
            let (stream, revision, total) = (&it.stream, it.revision, size(n_bytes));
            let _ = writeln!(text, "resources {stream}.{revision}   {total}   published {}", it.published);
            for it in &it.files {
                let _ = writeln!(text, "  {:<44} {:>9}", it.place.to_string(), size(it.file.content.size));
            }
        }
        if let Some(reason) = withdrawn {
            let _ = writeln!(text, "withdrawn {}", reason.escape_debug());
        }
        text
    }

    fn quiet(&self) -> Option<String> {
        Some(self.0.id.to_string())
    }
}
