//! A tree: the charm, its resources inside, and the archive that it came from. Built whole before anything points at it.

use std::fs::{self, File};
use std::path::Path;

use charm_archive::{Archive, unpack};

use crate::charm;
use crate::durable;
use crate::error::DeployError;
use crate::fetched::Fetched;
use crate::layout::layout;
use crate::listing::{Listing, Node};
use crate::state::State;

/// The archive within a tree.
pub(crate) const ARCHIVE: &str = "charm.zip";

/// The unpacked charm within a tree.
pub(crate) const CHARM: &str = "charm";

/// Builds a tree in a directory that does not exist yet, from what was fetched. It is durable on return.
pub(crate) fn build(dir: &Path, state: &State, fetched: &Fetched) -> Result<(), DeployError> {
    fs::create_dir(dir).map_err(DeployError::io(dir))?;
    let archive = dir.join(ARCHIVE);
    fetched.put(state.archive.content.digests.sha256, &archive, false)?;
    let table = charm::read_archive(&archive, &state.id)?;
    unpack_archive(&archive, &table, &dir.join(CHARM), state)?;
    if state.resources.is_some() {
        lay_out(&resources(state)?, fetched, &dir.join(CHARM))?;
    }
    durable::flush_directories(dir)?;
    dir.parent().map_or(Ok(()), durable::flush)
}

/// Lists the resources of a state as they stand within its charm; nothing where it has none.
pub(crate) fn resources(state: &State) -> Result<Listing, DeployError> {
    let Some(resources) = &state.resources else { return Ok(Listing::default()) };
    layout(&resources.files, state.arch)
        .map_err(|source| DeployError::Layout { id: state.id.clone(), source })
}

fn unpack_archive(archive: &Path, table: &Archive, charm: &Path, state: &State) -> Result<(), DeployError> {
    let file = File::open(archive).map_err(DeployError::io(archive))?;
    unpack(file, table, charm).map_err(|source| DeployError::Archive { id: state.id.clone(), source })
}

/// Makes what a listing says in a directory that has none of it, from bytes that were fetched.
///
/// Links come last, and nothing may be there before: so no write goes through a link, of ours or of the archive.
pub(crate) fn lay_out(listing: &Listing, fetched: &Fetched, dir: &Path) -> Result<(), DeployError> {
    for (path, node) in &listing.0 {
        let path = dir.join(path);
        match node {
            Node::Directory => fs::create_dir(&path).map_err(DeployError::io(&path))?,
            Node::File { sha256, executable, .. } => fetched.put(*sha256, &path, *executable)?,
            Node::Link { .. } => {}
        }
    }
    for (path, node) in &listing.0 {
        if let Node::Link { target } = node {
            durable::link(target, &dir.join(path))?;
        }
    }
    Ok(())
}
