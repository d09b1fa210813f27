//! The archive of a charm: read strictly, and checked before the large files are fetched.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use charm_archive::{Archive, ArchiveLimits};
use charm_model::finding::{Code, Finding};
use charm_model::metadata::Metadata;
use charm_model::reference::Reference;
use charm_model::resources_yaml::Declaration;
use charm_model::shape::{Place, Shape};

use crate::error::DeployError;
use crate::layout::RESOURCES;
use crate::listing::Listing;
use crate::state::State;
use crate::tree;

const METADATA: &str = "metadata.yaml";

const RESOURCES_YAML: &str = "resources.yaml";

/// Reads the table of an archive, as strictly as the store does.
pub(crate) fn read_archive(path: &Path, id: &Reference) -> Result<Archive, DeployError> {
    let file = File::open(path).map_err(DeployError::io(path))?;
    let size = file.metadata().map_err(DeployError::io(path))?.len();
    Archive::read(file, size, &ArchiveLimits::default())
        .map_err(|source| DeployError::Archive { id: id.clone(), source })
}

/// Checks a fetched archive against what the store says of it, and its place beside the resources.
pub(crate) fn check(path: &Path, state: &State) -> Result<(), DeployError> {
    let table = read_archive(path, &state.id)?;
    if table.tree_digest != state.archive.tree {
        let what = format!("the archive does not hold the files of tree {}", state.archive.tree);
        return Err(DeployError::Contradiction { id: state.id.clone(), what });
    }
    let texts = read_texts(path, &table, &state.id)?;
    check_metadata(&texts, &state.id)?;
    check_shape(&texts, state)?;
    listing(&table, state)?;
    tree::resources(state).map(drop)
}

/// The YAML files at the top of a charm, by their path.
type Texts = BTreeMap<String, Vec<u8>>;

fn read_texts(path: &Path, table: &Archive, id: &Reference) -> Result<Texts, DeployError> {
    let file = File::open(path).map_err(DeployError::io(path))?;
    let tree = table.tree(file).map_err(|source| DeployError::Archive { id: id.clone(), source })?;
    Ok(tree.texts)
}

/// Refuses a charm of a format that this program does not know: it would run it without what the format is about.
fn check_metadata(texts: &Texts, id: &Reference) -> Result<(), DeployError> {
    let (metadata, findings) = match texts.get(METADATA) {
        Some(text) => Metadata::read(METADATA, text),
        None => {
            (None, vec![Finding::error(Code::MetadataMissing, format!("the archive has no `{METADATA}`"))])
        }
    };
    if metadata.is_some() { Ok(()) } else { Err(DeployError::Unfit { id: id.clone(), findings }) }
}

/// Refuses resources that are not, for this architecture, what the charm itself declares for the stream.
fn check_shape(texts: &Texts, state: &State) -> Result<(), DeployError> {
    // Without the file the charm is of the older kind, which names its files in the metadata.
    let (Some(resources), Some(text)) = (&state.resources, texts.get(RESOURCES_YAML)) else { return Ok(()) };
    let id = || state.id.clone();
    let (declaration, findings) = Declaration::read(RESOURCES_YAML, text);
    let declaration = declaration.ok_or_else(|| DeployError::Unfit { id: id(), findings })?;
    let declared = declaration.streams.get(&resources.stream).map(|it| it.shape.clone()).unwrap_or_default();
    let is_ours = |place: &Place| place.tree.is_for(state.arch);
    let declared = Shape(declared.0.into_iter().filter(is_ours).collect());
    let served = Shape(resources.files.iter().map(|it| it.place.clone()).collect());
    let difference = declared.difference(&served);
    if difference.is_empty() { Ok(()) } else { Err(DeployError::Shape { id: id(), difference }) }
}

/// Lists the charm's own files.
///
/// # Errors
///
/// [`DeployError::ResourcesInArchive`] if something of the archive would stand where the resources belong.
pub(crate) fn listing(table: &Archive, state: &State) -> Result<Listing, DeployError> {
    let listing = Listing::of_archive(table);
    match listing.0.keys().find(|path| path.split('/').next() == Some(RESOURCES)) {
        Some(entry) if state.resources.is_some() => {
            Err(DeployError::ResourcesInArchive { id: state.id.clone(), entry: entry.clone() })
        }
        _ => Ok(listing),
    }
}
