//! What a publish comes to: planned, and done.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use charm_model::digest::Sha256;
use charm_model::finding::Finding;
use charm_model::name::{Channel, StreamName};
use charm_model::reference::{BaseId, EntityId, Reference, Revision};
use charm_model::shape::{Manifest, Place};
use serde::Serialize;
use store_client::Traffic;
use terminal::{count, percent, size};
use v4_wire::publish::{BlobPlan, PlanAnswer, Published, PublishedRevision, StreamPlan};
use v4_wire::release::{HeadStatus, Status};

use crate::journal::Resumed;
use crate::output::Told;
use crate::package::Package;

/// The most files that are listed one by one.
const MAX_LISTED: usize = 20;

/// What a publish would make and send.
#[derive(Debug, Serialize)]
pub(crate) struct Plan {
    /// The full reference that it would make; with a `?` behind it as long as it does not exist.
    id: String,
    ids: Vec<String>,
    charm: Option<PublishedRevision>,
    streams: BTreeMap<StreamName, PublishedRevision>,
    logical: u64,
    /// How many bytes would be sent at most; what is to be proved is not among them.
    send: u64,
    saved: u64,
    needs_release: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_before: Option<Reference>,
    findings: Vec<Finding>,
    #[serde(skip)]
    table: String,
}

/// How many bytes of some blobs are new, where the store has the others in other files.
pub(crate) type NewBytes = BTreeMap<Sha256, u64>;

/// What a publish has made and sent.
#[derive(Debug, Serialize)]
pub(crate) struct Done {
    id: String,
    ids: Vec<Reference>,
    charm: PublishedRevision,
    streams: BTreeMap<StreamName, PublishedRevision>,
    logical: u64,
    /// What travelled, and what that has saved.
    #[serde(flatten)]
    traffic: Traffic,
    saved: u64,
    needs_release: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_before: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<u64>,
    /// The earlier publish that this one went on with.
    #[serde(skip_serializing_if = "Option::is_none")]
    resumed: Option<Resumed>,
    findings: Vec<Finding>,
}

/// Where the base stood before the publish; nowhere, if it did not exist.
#[derive(Debug, Clone, Default)]
pub(crate) struct Before {
    current: Option<HeadStatus>,
    newest: Option<Revision>,
}

impl Before {
    /// Returns what matters of a base's status for a package of that series.
    pub(crate) fn new(status: &Status, package: &Package) -> Self {
        let is_ours = |head: &&HeadStatus| {
            head.channel == Channel::Stable && package.series.as_ref().is_none_or(|it| *it == head.series)
        };
        let series = package.series.as_ref().map_or("-", |it| it.as_str());
        Self {
            current: status.heads.iter().find(is_ours).cloned(),
            newest: status.newest.get(series).copied(),
        }
    }

    fn id(&self) -> Option<Reference> {
        self.current.as_ref().map(|head| head.id.clone())
    }

    /// Says whether these revisions are what a plain reference gets.
    fn is(&self, charm: Option<Revision>, streams: &BTreeMap<StreamName, PublishedRevision>) -> bool {
        self.current.as_ref().is_some_and(|head| {
            let has = |(stream, it): (&StreamName, &PublishedRevision)| {
                head.streams.get(stream) == Some(&it.revision)
            };
            head.id.version.revision() == charm && streams.iter().all(has)
        })
    }
}

impl Plan {
    /// Says what a plan's answer means; `new_bytes` says of some blobs that are sent how much of them is new.
    pub(crate) fn new(
        package: &Package,
        base: &BaseId,
        answer: &PlanAnswer,
        new_bytes: &NewBytes,
        before: &Before,
    ) -> Self {
        let charm =
            answer.charm.as_ref().map(|it| PublishedRevision { revision: it.revision, new: !it.unchanged });
        let streams: BTreeMap<_, _> = answer
            .streams
            .iter()
            .map(|(stream, it)| {
                (stream.clone(), PublishedRevision { revision: it.revision, new: !it.unchanged })
            })
            .collect();
        let revision = charm.map(|it| it.revision).or(before.newest);
        let ids = ids(package, base, revision, charm.is_some_and(|it| it.new), &streams);
        let (logical, left) = (package.size_bytes(), left(package, answer));
        let send =
            left.iter().map(|(blob, left)| new_bytes.get(blob).map_or(*left, |new| *new.min(left))).sum();
        Self {
            id: ids.first().cloned().unwrap_or_default(),
            ids,
            needs_release: !before.is(revision, &streams),
            current_before: before.id(),
            charm,
            streams,
            logical,
            send,
            saved: logical.saturating_sub(send),
            findings: answer.findings.clone(),
            table: table(package, answer, new_bytes),
        }
    }

    /// Says whether a publish would make anything.
    pub(crate) fn changes(&self) -> bool {
        self.charm.is_some_and(|it| it.new) || self.streams.values().any(|it| it.new)
    }

    /// Returns what is told before bytes move.
    pub(crate) fn table(&self) -> &str {
        &self.table
    }
}

impl Told for Plan {
    const VERB: &'static str = "plan";

    fn human(&self) -> String {
        let Self { table, id, send, logical, .. } = self;
        if !self.changes() {
            return format!("{table}nothing would change: {id} has it all\n");
        }
        format!("{table}would send {} of {}, and make {id}\n", size(*send), size(*logical))
    }

    fn quiet(&self) -> Option<String> {
        Some(self.id.clone())
    }
}

impl Done {
    pub(crate) fn new(
        published: Published,
        traffic: Traffic,
        before: &Before,
        resumed: Option<Resumed>,
    ) -> Self {
        let Published { ids, charm, streams, logical_bytes, event, findings, .. } = published;
        Self {
            id: ids.first().map(ToString::to_string).unwrap_or_default(),
            needs_release: !before.is(Some(charm.revision), &streams),
            current_before: before.id(),
            ids,
            charm,
            streams,
            logical: logical_bytes,
            traffic,
            saved: logical_bytes.saturating_sub(traffic.sent),
            event,
            resumed,
            findings,
        }
    }

    fn next(&self) -> String {
        let id = &self.id;
        if self.needs_release {
            format!("next:    juju deploy cs:{id}     then     charm-publish release {id}\n")
        } else {
            String::new()
        }
    }
}

impl Told for Done {
    const VERB: &'static str = "publish";

    fn human(&self) -> String {
        if self.event.is_none() {
            return format!("unchanged: {} has it all already\n{}", self.id, self.next());
        }
        let share = percent(self.saved, self.logical);
        let (sent, logical, saved) = (size(self.traffic.sent), size(self.logical), size(self.saved));
        let mut text = format!("sent {sent} of {logical}, saved {saved} ({share})\n");
        for id in &self.ids {
            let _ = writeln!(text, "published {id}");
        }
        if self.needs_release {
            text += "(not current: only a full id, or `@latest`, gets it)\n";
        }
        text + &self.next()
    }

    fn quiet(&self) -> Option<String> {
        Some(self.id.clone())
    }
}

/// Returns the references that a publish makes, the default stream's first.
fn ids(
    package: &Package,
    base: &BaseId,
    revision: Option<Revision>,
    is_new: bool,
    streams: &BTreeMap<StreamName, PublishedRevision>,
) -> Vec<String> {
    let entity = EntityId {
        base: base.clone(),
        series: package.series.clone(),
        revision: revision.unwrap_or(Revision::FIRST),
    };
    let id = |resources: Option<(StreamName, PublishedRevision)>| {
        let is_new = is_new || resources.as_ref().is_some_and(|it| it.1.new);
        let reference = entity.with_resources(resources.map(|(stream, it)| (stream, it.revision)));
        if is_new { format!("{reference}?") } else { reference.to_string() }
    };
    let mut streams: Vec<_> = streams.iter().map(|(stream, it)| (stream.clone(), *it)).collect();
    streams.sort_by_key(|(stream, _)| Some(stream) != package.default_stream.as_ref());
    if streams.is_empty() { vec![id(None)] } else { streams.into_iter().map(|it| id(Some(it))).collect() }
}

/// Returns how many bytes the store asks for, together with what it has of them.
pub(crate) fn asked_for(package: &Package, answer: &PlanAnswer) -> u64 {
    left(package, answer).values().sum::<u64>() + arrived(answer).values().sum::<u64>()
}

/// Returns how much of each blob the store asks for; what stands there twice is sent once.
fn left(package: &Package, answer: &PlanAnswer) -> BTreeMap<Sha256, u64> {
    let sizes: BTreeMap<Sha256, u64> =
        package.sources().iter().map(|it| (it.content.digests.sha256, it.content.size)).collect();
    let left = |(blob, plan): (&Sha256, &BlobPlan)| match plan {
        BlobPlan::Send { offset, .. } => Some((*blob, sizes.get(blob)?.saturating_sub(*offset))),
        BlobPlan::Have | BlobPlan::Prove { .. } => None,
    };
    answer.blobs.iter().filter_map(left).collect()
}

/// Returns how much the store has of each blob that it asks for.
pub(crate) fn arrived(answer: &PlanAnswer) -> BTreeMap<Sha256, u64> {
    let offset = |(blob, plan): (&Sha256, &BlobPlan)| match plan {
        BlobPlan::Send { offset, .. } => Some((*blob, *offset)),
        BlobPlan::Have | BlobPlan::Prove { .. } => None,
    };
    answer.blobs.iter().filter_map(offset).collect()
}

fn table(package: &Package, answer: &PlanAnswer, new_bytes: &NewBytes) -> String {
    let mut text = String::new();
    if let (Some(archive), Some(plan)) = (&package.archive, &answer.charm) {
        let series = package.series.as_ref().map(|it| format!(" (series {it})")).unwrap_or_default();
        let what = format!("{}{series}", package.name);
        let change = change(plan.revision, plan.unchanged);
        text += &row("charm", &what, archive.n_files, archive.content.size, &change);
    }
    for (stream, manifest) in &package.streams {
        if let Some(plan) = answer.streams.get(stream) {
            text += &stream_rows(package, (stream, manifest), plan, answer, new_bytes);
        }
    }
    text
}

fn stream_rows(
    package: &Package,
    (stream, manifest): (&StreamName, &Manifest),
    plan: &StreamPlan,
    answer: &PlanAnswer,
    new_bytes: &NewBytes,
) -> String {
    let default = if package.default_stream.as_ref() == Some(stream) { " (default)" } else { "" };
    let change = format!("{}   shape {}", change(plan.revision, plan.unchanged), plan.shape);
    let head = row("stream", &format!("{stream}{default}"), manifest.0.len(), manifest.size_bytes(), &change);
    if plan.unchanged { head } else { head + &file_rows(manifest, &answer.blobs, new_bytes) }
}

/// Lists what is to be sent, and sums up the rest.
fn file_rows(manifest: &Manifest, blobs: &BTreeMap<Sha256, BlobPlan>, new_bytes: &NewBytes) -> String {
    let (mut have, mut prove, mut send) = (Vec::new(), Vec::new(), Vec::new());
    for (place, file) in &manifest.0 {
        let content = file.content;
        match blobs.get(&content.digests.sha256) {
            Some(BlobPlan::Prove { .. }) => prove.push(content.size),
            Some(BlobPlan::Send { offset, .. }) => {
                let new = new_bytes.get(&content.digests.sha256).copied();
                send.push(Sending { place, size: content.size, offset: *offset, new });
            }
            Some(BlobPlan::Have) | None => have.push(content.size),
        }
    }
    let mut text = sum_row(&have, "here already");
    text += &sum_row(&prove, "in the store already, possession to be proved");
    for row in send.iter().take(MAX_LISTED) {
        text += &row.row();
    }
    let rest: Vec<u64> = send.iter().skip(MAX_LISTED).map(|row| row.size).collect();
    text + &sum_row(&rest, "send")
}

/// A file that is to be sent.
struct Sending<'a> {
    place: &'a Place,
    size: u64,
    /// How much the store has from an earlier run.
    offset: u64,
    /// How much is new, where the rest is in other files of the store.
    new: Option<u64>,
}

impl Sending<'_> {
    fn row(&self) -> String {
        let n_left = self.size - self.offset;
        let what = match self.new {
            Some(new) if new < n_left => format!(" {} of {}", size(new), size(n_left)),
            _ if self.offset > 0 => format!(" the last {}", size(n_left)),
            _ => String::new(),
        };
        format!("  {:<44} {:>9}  send{what}\n", self.place.to_string(), size(self.size))
    }
}

fn sum_row(sizes: &[u64], what: &str) -> String {
    match sizes {
        [] => String::new(),
        _ => format!("  {:<44} {:>9}  {what}\n", count(sizes.len(), "file"), size(sizes.iter().sum())),
    }
}

fn row(kind: &str, what: &str, n_files: usize, n_bytes: u64, change: &str) -> String {
    format!("{kind:<8} {what:<26} {:>10} {:>9}  {change}\n", count(n_files, "file"), size(n_bytes))
}

fn change(revision: Revision, unchanged: bool) -> String {
    match (unchanged, revision) {
        (true, _) => format!("unchanged  (stays {revision})"),
        (false, Revision::FIRST) => format!("new        -> revision {revision}"),
        (false, _) => format!("changed    -> revision {revision}"),
    }
}
