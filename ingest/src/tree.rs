//! An author's tree on this machine, published into the store in-process: the conversation without the wire.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use charm_model::check;
use charm_model::digest::{Content, Sha256, Summing};
use charm_model::entity::Entity;
use charm_model::finding::{self, Code, Finding};
use charm_model::name::{Series, StreamName, UserName};
use charm_model::reference::BaseId;
use charm_model::rights::Caller;
use charm_model::shape::{ManifestFile, Place};
use futures::stream;
use store_core::Store;
use v4_wire::publish::{BlobPlan, CommitAnswer, CommitRequest, PlanRequest, Published, StreamFile};

use crate::error::IngestError;

const READ_BYTES: usize = 1 << 20;

/// As whose and what a tree is published.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The owner.
    pub owner: UserName,
    /// The series of a charm that does not name its own.
    pub series: Option<Series>,
}

/// What a tree consists of, ready to be published.
struct Package {
    base: BaseId,
    series: Option<Series>,
    /// The archive, in a file that has no name any more.
    archive: (File, Content),
    streams: BTreeMap<StreamName, Vec<StreamFile>>,
    /// Where the bytes of each resource are.
    files: BTreeMap<Sha256, PathBuf>,
}

/// Publishes an author's tree: its archive, and the resources of its default stream.
///
/// # Errors
///
/// [`IngestError::Findings`] with everything that is wrong with the tree.
pub async fn publish_tree(
    store: &Store,
    caller: &Caller,
    dir: &Path,
    destination: &Destination,
) -> Result<Published, IngestError> {
    let (dir, destination) = (dir.to_owned(), destination.clone());
    let package = tokio::task::spawn_blocking(move || package(&dir, &destination)).await??;
    let request = PlanRequest {
        base: package.base.clone(),
        series: package.series.clone(),
        archive: Some(package.archive.1),
        streams: package.streams.clone(),
        dry_run: false,
    };
    let plan = store.plan(caller, &request).await?;
    let session = plan.session.ok_or(IngestError::Changed)?.id;
    for (sha256, action) in &plan.blobs {
        if *action != BlobPlan::Have {
            send(store, caller, &session, &package, sha256).await?;
        }
    }
    match store.commit(caller, &session, &CommitRequest::default()).await? {
        CommitAnswer::Committed(published) => Ok(published),
        CommitAnswer::Incomplete { .. } => Err(IngestError::Changed),
    }
}

async fn send(
    store: &Store,
    caller: &Caller,
    session: &str,
    package: &Package,
    sha256: &Sha256,
) -> Result<(), IngestError> {
    let file = if let Some(path) = package.files.get(sha256) {
        File::open(path)?
    } else {
        let mut archive = package.archive.0.try_clone()?;
        archive.rewind()?;
        archive
    };
    store.receive(caller, session, sha256, 0, pieces(file)).await?;
    Ok(())
}

/// Streams a file, a piece at a time.
fn pieces(file: File) -> impl futures::Stream<Item = io::Result<Bytes>> + Send + Unpin {
    Box::pin(stream::try_unfold(file, |mut file| async move {
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = Vec::with_capacity(READ_BYTES);
            (&mut file).take(READ_BYTES as u64).read_to_end(&mut piece)?;
            io::Result::Ok((file, piece))
        });
        let (file, piece) = read.await.map_err(io::Error::other)??;
        Ok((!piece.is_empty()).then(|| (Bytes::from(piece), file)))
    }))
}

fn package(dir: &Path, destination: &Destination) -> Result<Package, IngestError> {
    let (tree, mut findings) = charm_archive::author_tree::read(dir)?;
    let checked = check::author_tree(&tree, None);
    findings.extend(checked.findings);
    finding::sort(&mut findings);
    let entity = match checked.entity {
        Some(entity) if !finding::has_errors(&findings) => entity,
        _ => return Err(IngestError::Findings(findings)),
    };
    let mut archive = tempfile::tempfile()?;
    let built = charm_archive::build(dir, &tree, &mut archive)?;
    let (streams, files) = resources(dir, &entity)?;
    let name = entity.name().cloned().ok_or_else(|| IngestError::Findings(vec![nameless()]))?;
    Ok(Package {
        base: BaseId { owner: destination.owner.clone(), name },
        series: if matches!(entity, Entity::Bundle(_)) {
            Some(Series::bundle())
        } else {
            destination.series.clone()
        },
        archive: (archive, built.content),
        streams,
        files,
    })
}

fn nameless() -> Finding {
    Finding::error(
        Code::MetadataName,
        "a bundle does not name itself, so it cannot be taken in by its tree alone",
    )
    .help("publish it with `charm-publish --name NAME`")
}

type Resources = (BTreeMap<StreamName, Vec<StreamFile>>, BTreeMap<Sha256, PathBuf>);

/// Sums up the files of the default stream.
fn resources(dir: &Path, entity: &Entity) -> Result<Resources, IngestError> {
    let (mut streams, mut files) = Resources::default();
    let Some(declaration) = entity.declaration() else { return Ok((streams, files)) };
    let stream = declaration.default_stream.clone();
    let mut list = Vec::new();
    for place in &declaration.streams[&stream].shape.0 {
        let path = path_of(dir, place);
        let file = manifest_file(&path)?;
        files.insert(file.content.digests.sha256, path);
        list.push(StreamFile { place: place.clone(), file });
    }
    streams.insert(stream, list);
    Ok((streams, files))
}

fn path_of(dir: &Path, place: &Place) -> PathBuf {
    dir.join("resources").join(place.tree.as_str()).join(place.path.as_str())
}

fn manifest_file(path: &Path) -> io::Result<ManifestFile> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut file = File::open(path)?;
    let executable = file.metadata()?.permissions().mode() & 0o111 != 0;
    let (mut summing, mut piece) = (Summing::default(), vec![0; READ_BYTES]);
    loop {
        let n_bytes = file.read(&mut piece)?;
        if n_bytes == 0 {
            return Ok(ManifestFile { content: summing.content(), executable });
        }
        summing.update(&piece[..n_bytes]);
    }
}
