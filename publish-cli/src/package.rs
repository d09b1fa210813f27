//! An author's tree on its way to the store: proved, packed, summed up.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use charm_archive::{ArchiveError, author_tree};
use charm_model::check;
use charm_model::digest::Content;
use charm_model::entity::Entity;
use charm_model::finding::{self, Code, Finding, has_errors};
use charm_model::name::{Name, Series, StreamName};
use charm_model::reference::BaseId;
use charm_model::resources_yaml::Declaration;
use charm_model::shape::{Manifest, Place};
use charm_model::tree::{AuthorTree, EntryKind};
use store_client::Source;
use tempfile::NamedTempFile;
use v4_wire::publish::{PlanRequest, StreamFile};

use crate::cli::{Only, PublishArgs};
use crate::failure::Failure;
use crate::summing::Summing;

/// A tree without errors.
#[derive(Debug)]
pub(crate) struct Proved {
    pub(crate) dir: PathBuf,
    pub(crate) tree: AuthorTree,
    pub(crate) entity: Entity,
    pub(crate) warnings: Vec<Finding>,
}

/// Everything that a publish says and sends.
pub(crate) struct Package {
    pub(crate) name: Name,
    /// The series of the reference: a charm that names its series itself has none.
    pub(crate) series: Option<Series>,
    pub(crate) archive: Option<Packed>,
    pub(crate) default_stream: Option<StreamName>,
    pub(crate) streams: BTreeMap<StreamName, Manifest>,
    dir: PathBuf,
}

/// The tree as an archive, in a file that goes away with this value.
pub(crate) struct Packed {
    pub(crate) content: Content,
    pub(crate) n_files: usize,
    file: NamedTempFile,
}

/// Reads a tree and proves it without a store; every finding at once.
pub(crate) fn prove(dir: &Path, streams: &[StreamName]) -> Result<Proved, Failure> {
    let (tree, mut findings) = read(dir)?;
    let only_streams = (!streams.is_empty()).then_some(streams);
    let checked = check::author_tree(&tree, only_streams);
    findings.extend(checked.findings);
    finding::sort(&mut findings);
    match checked.entity {
        Some(entity) if !has_errors(&findings) => {
            Ok(Proved { dir: dir.to_owned(), tree, entity, warnings: findings })
        }
        _ => Err(Failure::Invalid(findings)),
    }
}

/// Reads a directory, and returns it with what is wrong with its names.
pub(crate) fn read(dir: &Path) -> Result<(AuthorTree, Vec<Finding>), Failure> {
    if !dir.is_dir() {
        let message = format!("`{}` is not a directory", dir.display());
        return Err(Failure::usage(message, "name the charm's directory, or a verb: charm-publish --help"));
    }
    author_tree::read(dir).map_err(refused)
}

fn refused(error: ArchiveError) -> Failure {
    match error.finding() {
        Some(finding) => Failure::Invalid(vec![finding]),
        None => Failure::Other(error.into()),
    }
}

impl Proved {
    /// Packs and sums up what is to be published.
    pub(crate) async fn package(
        self,
        args: &PublishArgs,
        usual_series: Option<Series>,
        summing: Summing<'_>,
    ) -> Result<Package, Failure> {
        let streams = self.chosen_streams(args)?;
        let places: BTreeSet<&Place> = streams.values().flatten().collect();
        let files = summing.all(places.into_iter().map(|it| (it.clone(), path(&self.dir, it)))).await?;
        let manifest = |places: BTreeSet<Place>| {
            Manifest(places.into_iter().filter_map(|it| files.get(&it).map(|file| (it, *file))).collect())
        };
        Ok(Package {
            name: self.name(args)?,
            series: self.series(args.series.clone(), usual_series),
            default_stream: self.declaration().map(|it| it.default_stream.clone()),
            streams: streams.into_iter().map(|(stream, places)| (stream, manifest(places))).collect(),
            archive: if args.only == Some(Only::Resources) { None } else { Some(self.pack().await?) },
            dir: self.dir,
        })
    }

    fn declaration(&self) -> Option<&Declaration> {
        self.entity.as_charm()?.declaration.as_ref()
    }

    /// Returns the places of each stream that is published.
    fn chosen_streams(&self, args: &PublishArgs) -> Result<BTreeMap<StreamName, BTreeSet<Place>>, Failure> {
        if args.only == Some(Only::Charm) {
            return Ok(BTreeMap::new());
        }
        let Some(declaration) = self.declaration() else {
            return no_resources(args);
        };
        let chosen = if args.stream.is_empty() {
            std::slice::from_ref(&declaration.default_stream)
        } else {
            &args.stream
        };
        let shape = |stream: &StreamName| {
            let declared = declaration.streams.get(stream).ok_or_else(|| unknown_stream(stream))?;
            Ok((stream.clone(), declared.shape.0.clone()))
        };
        chosen.iter().map(shape).collect()
    }

    fn name(&self, args: &PublishArgs) -> Result<Name, Failure> {
        match (self.entity.name(), &args.name) {
            (Some(own), Some(asked)) if own != asked => {
                let message = format!("the charm is called `{own}` by its metadata");
                Err(Failure::usage(message, "leave `--name` out, or change `name` in metadata.yaml"))
            }
            (Some(name), _) | (None, Some(name)) => Ok(name.clone()),
            (None, None) => directory_name(&self.dir),
        }
    }

    /// Returns the series of the reference. One that is asked for is left to the store to judge.
    fn series(&self, asked: Option<Series>, usual: Option<Series>) -> Option<Series> {
        match self.entity.as_charm() {
            None => Some(Series::bundle()),
            Some(charm) if charm.series().is_empty() => asked.or(usual),
            Some(_) => asked,
        }
    }

    async fn pack(&self) -> Result<Packed, Failure> {
        let (dir, tree) = (self.dir.clone(), self.tree.clone());
        tokio::task::spawn_blocking(move || pack(&dir, &tree)).await.map_err(anyhow::Error::from)?
    }
}

fn no_resources(args: &PublishArgs) -> Result<BTreeMap<StreamName, BTreeSet<Place>>, Failure> {
    match (args.stream.first(), args.only) {
        (Some(stream), _) => Err(unknown_stream(stream)),
        (None, Some(Only::Resources)) => {
            let message = "the charm declares no resources, so there is nothing to publish";
            Err(Failure::usage(message, "leave `--only resources` out, or begin with: charm-publish init"))
        }
        (None, _) => Ok(BTreeMap::new()),
    }
}

fn unknown_stream(stream: &StreamName) -> Failure {
    let message = format!("stream `{stream}` is not declared");
    Failure::Invalid(vec![Finding::error(Code::StreamUnknown, message).in_file("resources.yaml")])
}

fn directory_name(dir: &Path) -> Result<Name, Failure> {
    let full = dir.canonicalize().with_context(|| format!("`{}`", dir.display()))?;
    let name = full.file_name().and_then(|it| it.to_str()).and_then(|it| it.parse().ok());
    name.ok_or_else(|| Failure::usage("the bundle's directory is no name for a bundle", "say `--name NAME`"))
}

fn path(dir: &Path, place: &Place) -> PathBuf {
    dir.join("resources").join(place.tree.as_str()).join(place.path.as_str())
}

fn pack(dir: &Path, tree: &AuthorTree) -> Result<Packed, Failure> {
    let file = NamedTempFile::with_prefix("charm-publish-")?;
    let mut out = BufWriter::new(file.reopen()?);
    let built = charm_archive::build(dir, tree, &mut out).map_err(refused)?;
    out.flush()?;
    let n_files = tree.charm.iter().filter(|it| matches!(it.kind, EntryKind::File { .. })).count();
    Ok(Packed { content: built.content, n_files, file })
}

impl Package {
    /// Returns what the store is told.
    pub(crate) fn request(&self, base: BaseId, dry_run: bool) -> PlanRequest {
        let streams =
            self.streams.iter().map(|(stream, manifest)| (stream.clone(), StreamFile::list(manifest)));
        PlanRequest {
            base,
            series: self.series.clone(),
            archive: self.archive.as_ref().map(|it| it.content),
            streams: streams.collect(),
            dry_run,
        }
    }

    /// Returns where the bytes are.
    pub(crate) fn sources(&self) -> Vec<Source> {
        self.placed_sources().into_iter().map(|(_, source)| source).collect()
    }

    /// Returns where the bytes are, each with its place in the charm.
    pub(crate) fn placed_sources(&self) -> Vec<(String, Source)> {
        let archive = self.archive.iter().map(|it| {
            ("archive".to_owned(), Source { path: it.file.path().to_owned(), content: it.content })
        });
        let files = self.streams.values().flat_map(|it| &it.0);
        let resources = files.map(|(place, file)| {
            let source = Source { path: path(&self.dir, place), content: file.content };
            (format!("resources/{place}"), source)
        });
        archive.chain(resources).collect()
    }

    /// Returns the bytes of everything together, what stands there twice counted twice.
    pub(crate) fn size_bytes(&self) -> u64 {
        let archive = self.archive.as_ref().map_or(0, |it| it.content.size);
        archive + self.streams.values().map(Manifest::size_bytes).sum::<u64>()
    }
}
