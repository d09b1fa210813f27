//! From a reference to exactly one charm and its resources: one pure function of a snapshot.
//!
//! The rules are the table of the domain's section on resolving. A given charm revision without a resource revision
//! gets, in this order: the one that was current with it when it last was current; the one that it was published
//! together with; the newest that fits, looking back from the stream's current pointer; else an error that says what
//! there is. A withdrawn revision is passed over wherever it is not named.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::name::{Channel, Series, StreamName};
use crate::reference::{BaseId, EntityId, Reference, Revision, Version};
use crate::series::SeriesScore;
use crate::shape::{Shape, ShapeDifference, ShapeId};

/// All that resolving needs to know of one base, as of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The base.
    pub base: BaseId,
    /// The number of the last event that the snapshot has seen.
    pub event: u64,
    /// Every charm or bundle revision.
    pub charms: BTreeMap<CharmKey, CharmFacts>,
    /// Every resource revision, by stream.
    pub resources: BTreeMap<StreamName, BTreeMap<Revision, ResourceFacts>>,
    /// The shapes that charms declare and resource revisions have.
    pub shapes: BTreeMap<ShapeId, Shape>,
    /// The pointers. A release of a multi-series charm sets one for each series that it supports.
    pub heads: BTreeMap<(Channel, Series), Head>,
    /// Which resource revision was current when this charm revision last was, with that stream, in that channel.
    pub remembered: BTreeMap<(Channel, CharmKey, StreamName), Revision>,
    /// Which resource revision the charm revision was published with when it was new. A later publish of the same
    /// charm adds nothing here: publishing alone must not change what a reference means.
    pub together: BTreeMap<(CharmKey, StreamName), Revision>,
}

/// A charm revision within its base.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CharmKey {
    /// The series; `None` for a multi-series charm.
    pub series: Option<Series>,
    /// The revision.
    pub revision: Revision,
}

/// What resolving needs to know of a charm revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CharmFacts {
    /// The series that it runs on: its own, or those of its metadata.
    pub supported: Vec<Series>,
    /// The stream that a reference without one means; `None` where the charm has no resources.
    pub default_stream: Option<StreamName>,
    /// What it declares for each stream.
    pub shapes: BTreeMap<StreamName, ShapeId>,
    /// Whether it is withdrawn.
    pub withdrawn: bool,
}

/// What resolving needs to know of a resource revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceFacts {
    /// The shape of its manifest.
    pub shape: ShapeId,
    /// Whether it is withdrawn.
    pub withdrawn: bool,
}

/// Where a channel points: a charm revision, and a resource revision for each stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The charm.
    pub charm: CharmKey,
    /// The resources, by stream.
    pub streams: BTreeMap<StreamName, Revision>,
}

/// Which rule chose the charm revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CharmRule {
    /// The reference names it.
    Named,
    /// It is current in the channel.
    Current,
    /// It is the newest that is not withdrawn.
    Latest,
}

/// Which rule chose the resource revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceRule {
    /// The reference names it.
    Named,
    /// It is current in the channel.
    Current,
    /// It was current when this charm revision last was.
    Remembered,
    /// It was published together with this charm revision.
    PublishedTogether,
    /// It is the newest that fits, looking back from the stream's current pointer.
    LookedBack,
    /// It is the newest that fits and is not withdrawn.
    Latest,
}

/// The answer: one charm revision and, if it has resources, one revision of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The charm.
    pub charm: CharmKey,
    /// Which rule chose it.
    pub charm_rule: CharmRule,
    /// The resources.
    pub resources: Option<ResolvedResources>,
    /// The number of the last event that the answer has seen.
    pub event: u64,
}

/// The resources of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedResources {
    /// The stream.
    pub stream: StreamName,
    /// The revision.
    pub revision: Revision,
    /// Which rule chose it.
    pub rule: ResourceRule,
}

/// Why a reference means nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ResolveError {
    /// No such charm revision.
    #[error("{base} has no revision {revision}{}: {}", for_series(series.as_ref()), there_is("the newest is", newest.as_ref()))]
    NoRevision {
        /// The base.
        base: BaseId,
        /// The series that was asked for.
        series: Option<Series>,
        /// The revision that was asked for.
        revision: Revision,
        /// The newest there is, withdrawn or not.
        newest: Option<Revision>,
    },
    /// The channel points nowhere.
    #[error("{base} is not released in {channel}{}: {}", for_series(series.as_ref()), there_is("the newest published revision is", newest.as_ref()))]
    NotReleased {
        /// The base.
        base: BaseId,
        /// The series that was asked for.
        series: Option<Series>,
        /// The channel.
        channel: Channel,
        /// The newest there is, withdrawn or not.
        newest: Option<Revision>,
    },
    /// Nothing is published, or all of it is withdrawn.
    #[error("{base} has no revision{} that is not withdrawn", for_series(series.as_ref()))]
    NothingPublished {
        /// The base.
        base: BaseId,
        /// The series that was asked for.
        series: Option<Series>,
    },
    /// The charm does not declare the stream.
    #[error("{charm} has no stream `{stream}`: {}", declared_list(declared))]
    NoStream {
        /// The charm.
        charm: EntityId,
        /// The stream that was asked for.
        stream: StreamName,
        /// The streams that the charm declares.
        declared: Vec<StreamName>,
    },
    /// The charm is current, and the stream has no resources that are.
    #[error(
        "stream `{stream}` of {charm} has no current resources in {channel}: release a revision of the stream, or name one"
    )]
    StreamNotReleased {
        /// The charm.
        charm: EntityId,
        /// The stream.
        stream: StreamName,
        /// The channel.
        channel: Channel,
    },
    /// No such resource revision.
    #[error("stream `{stream}` of {base} has no revision {revision}: {}", there_is("the newest is", newest.as_ref()))]
    NoResources {
        /// The base.
        base: BaseId,
        /// The stream.
        stream: StreamName,
        /// The revision that was asked for.
        revision: Revision,
        /// The newest there is, withdrawn or not.
        newest: Option<Revision>,
    },
    /// The named resources are not what the charm declares.
    #[error("revision {revision} of stream `{stream}` does not fit {charm}: {difference}")]
    Shape {
        /// The charm.
        charm: EntityId,
        /// The stream.
        stream: StreamName,
        /// The resource revision.
        revision: Revision,
        /// What is missing and what is extra.
        difference: ShapeDifference,
    },
    /// No rule finds resources for the charm.
    #[error(
        "no resources of stream `{stream}` fit {charm}, which declares shape {shape} there: {looked_for}; {}",
        there_is_shapes(there_is)
    )]
    NothingFits {
        /// The charm.
        charm: EntityId,
        /// The stream.
        stream: StreamName,
        /// What the charm declares.
        shape: ShapeId,
        /// What was looked for, in words.
        looked_for: String,
        /// The stream's newest revisions, at most five, with their shapes.
        there_is: Vec<(Revision, ShapeId)>,
    },
}

fn for_series(series: Option<&Series>) -> String {
    series.map(|series| format!(" for {series}")).unwrap_or_default()
}

fn there_is(what: &str, newest: Option<&Revision>) -> String {
    newest.map_or_else(|| "there is none".to_owned(), |newest| format!("{what} {newest}"))
}

fn there_is_shapes(there_is: &[(Revision, ShapeId)]) -> String {
    if there_is.is_empty() {
        return "the stream has no revisions".to_owned();
    }
    let list: Vec<_> =
        there_is.iter().map(|(revision, shape)| format!("{revision} (shape {shape})")).collect();
    format!("the stream's newest are {}", list.join(", "))
}

fn declared_list(declared: &[StreamName]) -> String {
    if declared.is_empty() {
        return "it has no resources".to_owned();
    }
    let list: Vec<_> = declared.iter().map(|stream| format!("`{stream}`")).collect();
    format!("it declares {}", list.join(", "))
}

/// Resolves a reference within the snapshot of its base.
///
/// The reference's owner is not looked at: finding the base is the caller's part.
///
/// # Errors
///
/// Says what was looked for and what there is instead.
pub fn resolve(
    snapshot: &Snapshot,
    reference: &Reference,
    channel: Channel,
) -> Result<Resolved, ResolveError> {
    let ask = Ask { snapshot, series: reference.series.as_ref(), channel };
    let (charm, charm_rule) = ask.charm(&reference.version)?;
    let resources =
        ask.resources_of(charm, reference.version.stream(), |stream| match &reference.version {
            Version::Chosen { resources: Some(named), .. } => ask.named_resources(charm, stream, *named),
            Version::Latest { .. } => ask.latest_resources(charm, stream),
            Version::Chosen { revision: None, .. } => ask.current_resources(ask.head()?, stream),
            Version::Chosen { revision: Some(_), .. } => ask.resources_for(charm, stream),
        })?;
    Ok(Resolved { charm: charm.clone(), charm_rule, resources, event: snapshot.event })
}

/// Resolves the charm half of a reference: what an archive alone can answer, whatever fits of its resources.
///
/// # Errors
///
/// As [`resolve`], but for those about resources.
pub fn resolve_charm(
    snapshot: &Snapshot,
    reference: &Reference,
    channel: Channel,
) -> Result<(CharmKey, CharmRule), ResolveError> {
    let ask = Ask { snapshot, series: reference.series.as_ref(), channel };
    ask.charm(&reference.version).map(|(charm, rule)| (charm.clone(), rule))
}

/// One question to a snapshot.
#[derive(Clone, Copy)]
struct Ask<'a> {
    snapshot: &'a Snapshot,
    series: Option<&'a Series>,
    channel: Channel,
}

impl<'a> Ask<'a> {
    fn charm(self, version: &Version) -> Result<(&'a CharmKey, CharmRule), ResolveError> {
        match version {
            Version::Latest { .. } => Ok((self.latest_charm()?, CharmRule::Latest)),
            Version::Chosen { revision: None, .. } => Ok((&self.head()?.charm, CharmRule::Current)),
            Version::Chosen { revision: Some(revision), .. } => {
                Ok((self.named_charm(*revision)?, CharmRule::Named))
            }
        }
    }

    /// The charms that run on the series that was asked for, best last: by rank of series, then by revision.
    fn charms(self) -> Vec<(&'a CharmKey, &'a CharmFacts)> {
        let is_wanted =
            |facts: &CharmFacts| self.series.is_none_or(|series| facts.supported.contains(series));
        let mut charms: Vec<_> = self.snapshot.charms.iter().filter(|(_, facts)| is_wanted(facts)).collect();
        charms.sort_by_key(|(key, _)| (SeriesScore::of(key.series.as_ref()), key.revision));
        charms
    }

    fn newest(self) -> Option<Revision> {
        self.charms().last().map(|(key, _)| key.revision)
    }

    fn latest_charm(self) -> Result<&'a CharmKey, ResolveError> {
        let latest = self.charms().into_iter().rfind(|(_, facts)| !facts.withdrawn);
        latest.map(|(key, _)| key).ok_or_else(|| ResolveError::NothingPublished {
            base: self.snapshot.base.clone(),
            series: self.series.cloned(),
        })
    }

    fn named_charm(self, revision: Revision) -> Result<&'a CharmKey, ResolveError> {
        let named = self.charms().into_iter().rfind(|(key, _)| key.revision == revision);
        named.map(|(key, _)| key).ok_or_else(|| ResolveError::NoRevision {
            base: self.snapshot.base.clone(),
            series: self.series.cloned(),
            revision,
            newest: self.newest(),
        })
    }

    /// The channel's pointer of the series that was asked for, or of the best-ranked one.
    fn head(self) -> Result<&'a Head, ResolveError> {
        let is_wanted = |pointer: &Series| self.series.is_none_or(|series| series == pointer);
        let heads = self.snapshot.heads.iter();
        let best = heads
            .filter(|((channel, pointer), _)| *channel == self.channel && is_wanted(pointer))
            .max_by_key(|((_, pointer), head)| head_rank(pointer, head));
        best.map(|(_, head)| head).ok_or_else(|| ResolveError::NotReleased {
            base: self.snapshot.base.clone(),
            series: self.series.cloned(),
            channel: self.channel,
            newest: self.newest(),
        })
    }

    /// Chooses the stream, and asks `choose` for its revision; a charm without resources has neither.
    fn resources_of(
        self,
        charm: &CharmKey,
        stream: Option<&StreamName>,
        choose: impl FnOnce(&StreamName) -> Result<(Revision, ResourceRule), ResolveError>,
    ) -> Result<Option<ResolvedResources>, ResolveError> {
        let facts = &self.snapshot.charms[charm];
        let Some(stream) = stream.or(facts.default_stream.as_ref()) else { return Ok(None) };
        if !facts.shapes.contains_key(stream) {
            return Err(ResolveError::NoStream {
                charm: self.snapshot.entity(charm),
                stream: stream.clone(),
                declared: facts.shapes.keys().cloned().collect(),
            });
        }
        let (revision, rule) = choose(stream)?;
        Ok(Some(ResolvedResources { stream: stream.clone(), revision, rule }))
    }

    fn named_resources(
        self,
        charm: &CharmKey,
        stream: &StreamName,
        revision: Revision,
    ) -> Result<(Revision, ResourceRule), ResolveError> {
        let difference = self.snapshot.difference(charm, stream, revision)?;
        if difference.is_empty() {
            return Ok((revision, ResourceRule::Named));
        }
        let charm = self.snapshot.entity(charm);
        Err(ResolveError::Shape { charm, stream: stream.clone(), revision, difference })
    }

    fn current_resources(
        self,
        head: &Head,
        stream: &StreamName,
    ) -> Result<(Revision, ResourceRule), ResolveError> {
        let current = head.streams.get(stream).map(|revision| (*revision, ResourceRule::Current));
        current.ok_or_else(|| ResolveError::StreamNotReleased {
            charm: self.snapshot.entity(&head.charm),
            stream: stream.clone(),
            channel: self.channel,
        })
    }

    fn latest_resources(
        self,
        charm: &CharmKey,
        stream: &StreamName,
    ) -> Result<(Revision, ResourceRule), ResolveError> {
        let latest = self.snapshot.newest_fitting(charm, stream, Revision::MAX);
        latest.map(|revision| (revision, ResourceRule::Latest)).ok_or_else(|| {
            self.nothing_fits(
                charm,
                stream,
                "looked for the newest that fits and is not withdrawn".to_owned(),
            )
        })
    }

    /// The rule for a given charm revision without a resource revision.
    fn resources_for(
        self,
        charm: &CharmKey,
        stream: &StreamName,
    ) -> Result<(Revision, ResourceRule), ResolveError> {
        let remembered = self.snapshot.remembered.get(&(self.channel, charm.clone(), stream.clone()));
        let together = self.snapshot.together.get(&(charm.clone(), stream.clone()));
        let pointer = self.stream_pointer(charm, stream);
        let is_usable = |revision: &&Revision| !self.snapshot.is_withdrawn(stream, **revision);
        if let Some(revision) = remembered.filter(is_usable) {
            return Ok((*revision, ResourceRule::Remembered));
        }
        if let Some(revision) = together.filter(is_usable) {
            return Ok((*revision, ResourceRule::PublishedTogether));
        }
        if let Some(revision) = pointer.and_then(|top| self.snapshot.newest_fitting(charm, stream, top)) {
            return Ok((revision, ResourceRule::LookedBack));
        }
        let channel = self.channel;
        let looked_back = match pointer {
            Some(top) => format!("none fits looking back from {top}, which is current in {channel}"),
            None => format!("the stream is not current in {channel}"),
        };
        let looked_for = format!("none was current or published with it, and {looked_back}");
        Err(self.nothing_fits(charm, stream, looked_for))
    }

    /// The stream's current pointer: of a series that the charm supports before any other, of the best-ranked one.
    fn stream_pointer(self, charm: &CharmKey, stream: &StreamName) -> Option<Revision> {
        let supported = &self.snapshot.charms[charm].supported;
        let heads = self.snapshot.heads.iter().filter(|((channel, _), _)| *channel == self.channel);
        let pointers = heads.filter_map(|((_, series), head)| {
            head.streams
                .get(stream)
                .map(|revision| ((supported.contains(series), head_rank(series, head)), *revision))
        });
        pointers.max_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, revision)| revision)
    }

    fn nothing_fits(self, charm: &CharmKey, stream: &StreamName, looked_for: String) -> ResolveError {
        let revisions = self.snapshot.resources.get(stream).into_iter().flatten();
        ResolveError::NothingFits {
            charm: self.snapshot.entity(charm),
            stream: stream.clone(),
            shape: self.snapshot.charms[charm].shapes[stream],
            looked_for,
            there_is: revisions.rev().take(5).map(|(revision, facts)| (*revision, facts.shape)).collect(),
        }
    }
}

/// A multi-series charm wins; between its several pointers, and between single-series charms, the series' rank decides.
fn head_rank(pointer: &Series, head: &Head) -> (SeriesScore, SeriesScore, Reverse<Series>) {
    (SeriesScore::of(head.charm.series.as_ref()), SeriesScore::of(Some(pointer)), Reverse(pointer.clone()))
}

impl Snapshot {
    /// Returns the full identity of a charm revision of this base.
    pub fn entity(&self, charm: &CharmKey) -> EntityId {
        EntityId { base: self.base.clone(), series: charm.series.clone(), revision: charm.revision }
    }

    /// Returns how a resource revision differs from what the charm declares for its stream.
    ///
    /// # Errors
    ///
    /// [`ResolveError::NoStream`] and [`ResolveError::NoResources`].
    pub fn difference(
        &self,
        charm: &CharmKey,
        stream: &StreamName,
        revision: Revision,
    ) -> Result<ShapeDifference, ResolveError> {
        let shapes = &self.charms[charm].shapes;
        let declared = shapes.get(stream).ok_or_else(|| ResolveError::NoStream {
            charm: self.entity(charm),
            stream: stream.clone(),
            declared: shapes.keys().cloned().collect(),
        })?;
        let revisions = self.resources.get(stream);
        let found =
            revisions.and_then(|all| all.get(&revision)).ok_or_else(|| ResolveError::NoResources {
                base: self.base.clone(),
                stream: stream.clone(),
                revision,
                newest: revisions.and_then(|all| all.keys().next_back().copied()),
            })?;
        Ok(self.shapes[declared].difference(&self.shapes[&found.shape]))
    }

    /// Returns the newest resource revision, not after `top`, that is not withdrawn and is what the charm declares.
    pub fn newest_fitting(&self, charm: &CharmKey, stream: &StreamName, top: Revision) -> Option<Revision> {
        let wanted = self.charms.get(charm)?.shapes.get(stream)?;
        let revisions = self.resources.get(stream)?.range(..=top).rev();
        let mut fitting = revisions.filter(|(_, facts)| !facts.withdrawn && facts.shape == *wanted);
        fitting.next().map(|(revision, _)| *revision)
    }

    /// Says whether a resource revision is withdrawn.
    pub fn is_withdrawn(&self, stream: &StreamName, revision: Revision) -> bool {
        let facts = self.resources.get(stream).and_then(|revisions| revisions.get(&revision));
        facts.is_some_and(|facts| facts.withdrawn)
    }
}
