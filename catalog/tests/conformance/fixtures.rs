//! Small things to publish.

use std::collections::{BTreeMap, BTreeSet};

use catalog::archive::{ArchiveFile, ArchiveFileKind};
use catalog::base::Base;
use catalog::blob::{AddedBlob, Blob};
use catalog::charm::{Charm, EntityKind, NewCharm};
use catalog::event::{EventKind, NewEvent};
use catalog::release::NewRelease;
use catalog::resources::{NewFile, NewResources, Resources};
use catalog::{Document, Id, Transaction};
use charm_model::digest::Content;
use charm_model::name::{Channel, Series, StreamName, UserName};
use charm_model::reference::BaseId;
use charm_model::resolve::CharmKey;
use charm_model::rights::Acl;
use charm_model::shape::{ManifestFile, Place, Shape};
use charm_model::timestamp::Timestamp;

pub(crate) fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

pub(crate) fn user(name: &str) -> UserName {
    name.parse().unwrap()
}

pub(crate) fn users(names: &[&str]) -> BTreeSet<UserName> {
    names.iter().map(|name| user(name)).collect()
}

pub(crate) fn base_id(text: &str) -> BaseId {
    text.parse().unwrap()
}

pub(crate) fn series(name: &str) -> Series {
    name.parse().unwrap()
}

pub(crate) fn stream(name: &str) -> StreamName {
    name.parse().unwrap()
}

pub(crate) fn key(in_series: Option<&str>, revision: i64) -> CharmKey {
    CharmKey { series: in_series.map(series), revision: revision.try_into().unwrap() }
}

pub(crate) fn place(text: &str) -> Place {
    let (tree, path) = text.split_once('/').unwrap();
    Place { tree: tree.parse().unwrap(), path: path.parse().unwrap() }
}

pub(crate) fn shape(places: &[&str]) -> Shape {
    Shape(places.iter().map(|it| place(it)).collect())
}

pub(crate) fn empty() -> Document {
    Document::of(&BTreeMap::<String, String>::new()).unwrap()
}

pub(crate) fn archive_file(path: &str, size: u64) -> ArchiveFile {
    ArchiveFile {
        path: path.to_owned(),
        kind: ArchiveFileKind::File,
        is_executable: path.starts_with("hooks/"),
        link_target: None,
        size,
        compressed_size: size / 2,
        data_offset: 30 + size,
        method: 8,
        crc32: u32::MAX,
        sha256: Some(Content::of(path.as_bytes()).digests.sha256),
    }
}

pub(crate) async fn add_base(transaction: &mut Transaction, name: &str) -> Base {
    let name = base_id(name);
    transaction.add_base(&name, &Acl::new_base(&name.owner), at(1)).await.unwrap()
}

/// Makes a blob of these bytes, unless there is one.
pub(crate) async fn add_blob(transaction: &mut Transaction, bytes: &[u8]) -> Id<Blob> {
    let content = Content::of(bytes);
    if let Some(blob) = transaction.blob(&content).await.unwrap() {
        return blob.id;
    }
    let object = format!("o/{}", content.digests.sha256.to_hex());
    transaction.add_object(&object, at(1)).await.unwrap();
    match transaction.add_blob(content, None, &object, at(1)).await.unwrap() {
        AddedBlob::Added(id) => id,
        other => panic!("{other:?}"),
    }
}

/// Publishes a charm of one series, or a multi-series one for focal and jammy, that declares these streams.
pub(crate) async fn add_charm(
    transaction: &mut Transaction,
    base: &Base,
    in_series: Option<&str>,
    shapes: &[(&str, Shape)],
) -> Charm {
    let in_series = in_series.map(series);
    let supported = in_series.clone().map_or_else(|| vec![series("focal"), series("jammy")], |one| vec![one]);
    let default_stream = shapes.first().map(|(name, _)| stream(name));
    let new = NewCharm {
        base: base.id,
        series: in_series.as_ref(),
        kind: EntityKind::Charm,
        archive: add_blob(transaction, b"archive").await,
        tree_digest: Content::of(b"tree").digests.sha256,
        entity: &empty(),
        supported: &supported,
        default_stream: default_stream.as_ref(),
        shapes: &shapes.iter().map(|(name, shape)| (stream(name), shape.clone())).collect(),
        by: &user("joe"),
        at: at(2),
    };
    transaction.add_charm(new).await.unwrap()
}

/// Publishes resources whose bytes are the name of their place and this word.
pub(crate) async fn add_resources(
    transaction: &mut Transaction,
    base: &Base,
    in_stream: &str,
    places: &[&str],
    word: &str,
) -> Resources {
    let mut files = BTreeMap::new();
    for text in places {
        let bytes = format!("{text} {word}");
        let file = ManifestFile { content: Content::of(bytes.as_bytes()), executable: text.ends_with("run") };
        let blob = add_blob(transaction, bytes.as_bytes()).await;
        files.insert(place(text), NewFile { file, blob });
    }
    let new = NewResources {
        base: base.id,
        stream: &stream(in_stream),
        files: &files,
        by: &user("joe"),
        at: at(3),
    };
    transaction.add_resources(new).await.unwrap()
}

pub(crate) async fn append_event(transaction: &mut Transaction, base: Option<&Base>, kind: EventKind) -> u64 {
    let new = NewEvent {
        base: base.map(|base| base.id),
        kind,
        actor: &user("joe"),
        token: None,
        at: at(4),
        body: &empty(),
    };
    transaction.append_event(new).await.unwrap()
}

/// Releases a charm, for every series that it supports, with these resources. Returns the event.
pub(crate) async fn release(
    transaction: &mut Transaction,
    base: &Base,
    channel: Channel,
    charm: &Charm,
    resources: &[&Resources],
) -> u64 {
    let event = append_event(transaction, Some(base), EventKind::Released).await;
    let new = NewRelease {
        base: base.id,
        channel,
        charm: charm.id,
        pointers: &charm.supported,
        streams: &resources.iter().map(|it| (it.stream.clone(), it.id)).collect(),
        by: &user("joe"),
        at: at(5),
        reason: Some("tested"),
        event,
    };
    transaction.add_release(new).await.unwrap();
    event
}
