//! Moving a channel's pointers: which resources go with a charm, and whether they fit. Pure, like resolving.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use thiserror::Error;

use crate::name::{Channel, StreamName};
use crate::reference::{EntityId, Reference, Revision};
use crate::resolve::{CharmKey, Head, ResolveError, Snapshot};
use crate::shape::ShapeDifference;

/// What a release asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRequest {
    /// The charm revision.
    pub charm: CharmKey,
    /// The channel whose pointers move.
    pub channel: Channel,
    /// The resource revisions that are named.
    pub streams: BTreeMap<StreamName, Revision>,
    /// Streams that shall have no current resources.
    pub dropped: BTreeSet<StreamName>,
}

/// Why a release is refused. Nothing moves.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReleaseError {
    /// A stream or a revision that is named does not exist.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// Some streams' resources are not what the charm declares.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Shapes(Vec<StreamMismatch>),
    /// The default stream would have no resources.
    #[error("{charm} declares `{stream}` as its default stream, and no revision of it is published or named")]
    DefaultStream {
        /// The charm.
        charm: EntityId,
        /// Its default stream.
        stream: StreamName,
    },
    /// The charm revision, or a resource revision that is named, is withdrawn.
    #[error("{0} is withdrawn: take the withdrawal back before releasing it")]
    Withdrawn(Reference),
}

/// A stream whose resources are not what the charm declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamMismatch {
    /// The charm.
    pub charm: EntityId,
    /// The stream.
    pub stream: StreamName,
    /// The resource revision that was named, or is current.
    pub revision: Revision,
    /// What is missing and what is extra.
    pub difference: ShapeDifference,
    /// The newest revision of the stream that would fit.
    pub fitting: Option<Revision>,
}

impl fmt::Display for StreamMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { charm, stream, revision, difference, .. } = self;
        write!(f, "revision {revision} of stream `{stream}` does not fit {charm}: {difference}")
    }
}

/// Returns where the channel will point.
///
/// A stream that is not named keeps its current resources, or gets those that the charm was published with. A stream
/// that has neither is left without, unless it is the default one.
///
/// # Errors
///
/// Every stream that does not fit, at once.
pub fn plan(snapshot: &Snapshot, request: &ReleaseRequest) -> Result<Head, ReleaseError> {
    let charm = &request.charm;
    let facts = &snapshot.charms[charm];
    if facts.withdrawn {
        return Err(ReleaseError::Withdrawn(snapshot.entity(charm).to_reference()));
    }
    for (stream, revision) in &request.streams {
        snapshot.difference(charm, stream, *revision)?;
        if snapshot.is_withdrawn(stream, *revision) {
            return Err(ReleaseError::Withdrawn(charm_with(snapshot, charm, stream, *revision)));
        }
    }
    let mut streams = BTreeMap::new();
    for stream in facts.shapes.keys().filter(|stream| !request.dropped.contains(*stream)) {
        if let Some(revision) = choose(snapshot, request, stream) {
            streams.insert(stream.clone(), revision);
        }
    }
    if let Some(stream) = facts.default_stream.as_ref().filter(|stream| !streams.contains_key(*stream)) {
        return Err(ReleaseError::DefaultStream { charm: snapshot.entity(charm), stream: stream.clone() });
    }
    let mismatches = mismatches(snapshot, charm, &streams)?;
    if mismatches.is_empty() {
        Ok(Head { charm: charm.clone(), streams })
    } else {
        Err(ReleaseError::Shapes(mismatches))
    }
}

fn charm_with(snapshot: &Snapshot, charm: &CharmKey, stream: &StreamName, revision: Revision) -> Reference {
    snapshot.entity(charm).with_resources(Some((stream.clone(), revision)))
}

fn choose(snapshot: &Snapshot, request: &ReleaseRequest, stream: &StreamName) -> Option<Revision> {
    let ReleaseRequest { charm, channel, streams, .. } = request;
    let named = streams.get(stream);
    let current = || {
        let supported = snapshot.charms[charm].supported.iter();
        let mut heads = supported.filter_map(|series| snapshot.heads.get(&(*channel, series.clone())));
        heads.find_map(|head| head.streams.get(stream))
    };
    let together = || {
        let revision = snapshot.together.get(&(charm.clone(), stream.clone()));
        revision.filter(|revision| !snapshot.is_withdrawn(stream, **revision))
    };
    named.or_else(current).or_else(together).copied()
}

fn mismatches(
    snapshot: &Snapshot,
    charm: &CharmKey,
    streams: &BTreeMap<StreamName, Revision>,
) -> Result<Vec<StreamMismatch>, ReleaseError> {
    let mut mismatches = Vec::new();
    for (stream, revision) in streams {
        let difference = snapshot.difference(charm, stream, *revision)?;
        if !difference.is_empty() {
            mismatches.push(StreamMismatch {
                charm: snapshot.entity(charm),
                stream: stream.clone(),
                revision: *revision,
                difference,
                fitting: snapshot.newest_fitting(charm, stream, Revision::MAX),
            });
        }
    }
    Ok(mismatches)
}
