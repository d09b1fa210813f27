//! What a unit is to run: the store's answer, checked against itself.

use charm_model::name::Architecture;
use charm_model::reference::Reference;
use charm_model::shape::Manifest;
use charm_model::timestamp::Timestamp;
use v4_wire::resolve::{Kind, Resolution, ResourcesSummary};

use crate::error::DeployError;
use crate::state::{InstalledArchive, InstalledResources, SCHEMA, State};

/// A state that a unit is not in yet.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// The state, without a way back.
    pub(crate) state: State,
    /// Why the store would rather not have it run, if it is withdrawn.
    pub(crate) withdrawn: Option<String>,
}

impl Wanted {
    /// Takes an answer that was asked for without an architecture: only the whole list proves the manifest's digest.
    pub(crate) fn new(
        asked: Reference,
        resolution: Resolution,
        arch: Architecture,
        now: Timestamp,
    ) -> Result<Self, DeployError> {
        let Resolution { id, channel, rule, event, archive, resources, .. } = resolution;
        if resolution.kind == Kind::Bundle {
            return Err(DeployError::Bundle(id));
        }
        resources.as_ref().map_or(Ok(()), |it| check_manifest(&id, it))?;
        let state = State {
            schema: SCHEMA.to_owned(),
            asked,
            channel,
            id,
            arch,
            archive: InstalledArchive { content: archive.content, tree: archive.tree },
            resources: resources.map(|it| for_architecture(it, arch)),
            rule,
            event,
            installed_at: now,
            previous: None,
        };
        Ok(Self { state, withdrawn: resolution.withdrawn })
    }
}

/// Proves the list of files by the digest that names it.
fn check_manifest(id: &Reference, resources: &ResourcesSummary) -> Result<(), DeployError> {
    let manifest = Manifest(resources.files.iter().map(|it| (it.place.clone(), it.file)).collect());
    // A file that is listed twice would be in the list and not in the manifest.
    if manifest.digest() != resources.manifest || manifest.0.len() != resources.files.len() {
        let what = format!("the files that it lists are not those of manifest {}", resources.manifest);
        return Err(DeployError::Contradiction { id: id.clone(), what });
    }
    Ok(())
}

fn for_architecture(resources: ResourcesSummary, arch: Architecture) -> InstalledResources {
    let ResourcesSummary { stream, revision, manifest, mut files, .. } = resources;
    files.retain(|it| it.place.tree.is_for(arch));
    InstalledResources { stream, revision, manifest, files }
}
