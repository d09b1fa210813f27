//! `init`: write `resources.yaml` from the files under `resources/`.

mod edit;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use charm_model::resources_yaml::Declaration;
use charm_model::shape::{Place, Tree};
use charm_model::tree::{AuthorTree, EntryKind};
use serde::Serialize;
use terminal::{count, lines};

use crate::cli::InitArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Told;
use crate::package::read;

const FILE: &str = "resources.yaml";

#[derive(Serialize)]
struct Written {
    file: PathBuf,
    added: Vec<Place>,
}

impl Told for Written {
    const VERB: &'static str = "init";

    fn human(&self) -> String {
        let file = self.file.display();
        if self.added.is_empty() {
            return format!("unchanged: {file} declares every file\n");
        }
        let list = lines(self.added.iter().map(|it| format!("  + {it}")));
        format!("{list}declared {} in {file}\n", count(self.added.len(), "file"))
    }

    fn quiet(&self) -> Option<String> {
        Some(self.file.display().to_string())
    }
}

pub(crate) fn run(args: &InitArgs, context: &Context) -> Result<Exit, Failure> {
    let (tree, _) = read(&args.dir)?;
    let file = args.dir.join(FILE);
    let (text, added) = match tree.texts.get(FILE) {
        None => (scaffold(&places(&tree)?), places(&tree)?),
        Some(_) if !args.update => return Err(is_there(&file)),
        Some(text) => update(&tree, text)?,
    };
    if !added.is_empty() || !file.exists() {
        write(&file, &text)?;
    }
    hint_format(&tree, context);
    context.output().result(&Written { file, added })?;
    Ok(Exit::Done)
}

fn is_there(file: &Path) -> Failure {
    Failure::usage(format!("`{}` is there already", file.display()), "charm-publish init --update")
}

/// Returns the files under `resources/common` and the architectures.
fn places(tree: &AuthorTree) -> Result<Vec<Place>, Failure> {
    let files = tree.resources.iter().filter(|it| matches!(it.kind, EntryKind::File { .. }));
    files.map(|it| place(&it.path)).collect()
}

fn place(path: &str) -> Result<Place, Failure> {
    let refuse = |why: String| {
        Failure::usage(format!("`resources/{path}` cannot be declared: {why}"), "move or rename it")
    };
    let (tree, path) = path.split_once('/').ok_or_else(|| refuse("it is in no tree".to_owned()))?;
    let tree = tree.parse().map_err(|error: charm_model::name::NameError| refuse(error.to_string()))?;
    let path = path.parse().map_err(|error: charm_model::shape::PathError| refuse(error.to_string()))?;
    Ok(Place { tree, path })
}

/// Writes a declaration of one stream that has all files.
fn scaffold(places: &[Place]) -> String {
    let mut trees: BTreeMap<Tree, Vec<&Place>> = BTreeMap::new();
    for place in places {
        trees.entry(place.tree).or_default().push(place);
    }
    let lists = trees.into_iter().flat_map(|(tree, places)| {
        let items = places.into_iter().map(|place| format!("      - {}", edit::item(place.path.as_str())));
        [format!("    {tree}:")].into_iter().chain(items)
    });
    format!("default-stream: stable\nstreams:\n  stable:\n{}", lines(lists))
}

/// Adds what no stream declares, where the default stream has its files.
fn update(tree: &AuthorTree, text: &[u8]) -> Result<(String, Vec<Place>), Failure> {
    let mut text = String::from_utf8_lossy(text).into_owned();
    let declaration = declaration(&text)?;
    let mut added = Vec::new();
    for place in places(tree)? {
        if !declaration.streams.values().any(|it| it.shape.0.contains(&place)) {
            text = edit::add(&text, &declaration.default_stream, &place).ok_or_else(|| by_hand(&place))?;
            added.push(place);
        }
    }
    verify(&text, &declaration, &added)?;
    Ok((text, added))
}

fn declaration(text: &str) -> Result<Declaration, Failure> {
    let (declaration, findings) = Declaration::read(FILE, text.as_bytes());
    declaration.ok_or(Failure::Invalid(findings))
}

/// Reads the new text as the store will. Editing lines is guesswork; what it did is not left to it.
fn verify(text: &str, before: &Declaration, added: &[Place]) -> Result<(), Failure> {
    let after = declaration(text)?;
    let mut expected = before.streams[&before.default_stream].shape.clone();
    expected.0.extend(added.iter().cloned());
    let found = after.streams.get(&before.default_stream).map(|it| &it.shape);
    match added.first() {
        Some(place) if found != Some(&expected) => Err(by_hand(place)),
        _ => Ok(()),
    }
}

fn by_hand(place: &Place) -> Failure {
    let message = format!("`{FILE}` is written in a way that cannot be added to");
    Failure::usage(message, format!("add \"- {}\" under \"{}\" by hand", place.path, place.tree))
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let temporary = file.with_extension("yaml.new");
    fs::write(&temporary, text)?;
    Ok(fs::rename(temporary, file)?)
}

/// Tells the line that a charm with resources needs, if it is not there.
fn hint_format(tree: &AuthorTree, context: &Context) {
    let declares = |text: &[u8]| text.split(|it| *it == b'\n').any(|line| line.starts_with(b"format:"));
    if !tree.texts.get("metadata.yaml").is_some_and(|text| declares(text)) {
        context
            .output()
            .note("help: add the line `format: 3` to metadata.yaml, so that older programs refuse the charm");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scaffold_declares_every_file() {
        let places =
            [place("amd64/b.zip").unwrap(), place("common/a: b").unwrap(), place("common/x").unwrap()];
        insta::assert_snapshot!(scaffold(&places), @r#"
        default-stream: stable
        streams:
          stable:
            common:
              - "a: b"
              - x
            amd64:
              - b.zip
        "#);
    }
}
