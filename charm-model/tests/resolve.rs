//! Resolving, held against a slow and obvious model that scans a base's history line by line.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use charm_model::name::{Channel, Series, StreamName};
use charm_model::reference::{Reference, Revision, Version};
use charm_model::release::{self, ReleaseRequest};
use charm_model::resolve::{
    CharmFacts, CharmKey, CharmRule, Resolved, ResolvedResources, ResourceFacts, ResourceRule, Snapshot,
    resolve,
};
use charm_model::series::SeriesScore;
use charm_model::shape::{Place, Shape, ShapeId};
use proptest::prelude::*;
use proptest::sample::Index;

/// A line of a base's history.
#[derive(Debug, Clone)]
enum Line {
    Charm {
        key: CharmKey,
        supported: Vec<Series>,
        shapes: BTreeMap<StreamName, ShapeId>,
        with: BTreeMap<StreamName, Revision>,
    },
    Resources {
        stream: StreamName,
        revision: Revision,
        shape: ShapeId,
    },
    Release {
        channel: Channel,
        charm: CharmKey,
        series: Vec<Series>,
        streams: BTreeMap<StreamName, Revision>,
    },
    WithdrawCharm(CharmKey),
    WithdrawResources(StreamName, Revision),
}

/// What somebody tries to do; becomes a line if it makes sense at that point.
#[derive(Debug, Clone)]
enum Step {
    PublishCharm { series: usize, shapes: [Option<usize>; 2], with: bool },
    PublishResources { stream: usize, shape: usize },
    Release { charm: Index, channel: usize, stream: Option<(usize, Index)> },
    WithdrawCharm(Index),
    WithdrawResources(Index),
}

fn streams() -> [StreamName; 2] {
    ["stable", "devel"].map(|name| name.parse().unwrap())
}

fn channels() -> [Channel; 2] {
    [Channel::Stable, Channel::Edge]
}

/// No series (so: several), then single ones. `precise` ranks below `trusty`, `quantal` below both.
fn series(choice: usize) -> (Option<Series>, Vec<Series>) {
    let name = |text: &str| text.parse::<Series>().unwrap();
    match choice {
        0 => (None, vec![name("precise"), name("trusty")]),
        1 => (Some(name("precise")), vec![name("precise")]),
        2 => (Some(name("trusty")), vec![name("trusty")]),
        _ => (Some(name("quantal")), vec![name("quantal")]),
    }
}

fn shape(choice: usize) -> Shape {
    let place = |path: &str| Place { tree: "common".parse().unwrap(), path: path.parse().unwrap() };
    Shape(["a", "b", "c"].into_iter().take(choice + 1).map(place).collect())
}

/// A base as its history and as the snapshot made from it along the way.
struct Base {
    history: Vec<Line>,
    snapshot: Snapshot,
}

impl Base {
    fn new() -> Self {
        let shapes = (0..3).map(shape).map(|shape| (shape.id(), shape)).collect();
        let snapshot = Snapshot {
            base: "~alice/mysql".parse().unwrap(),
            event: 0,
            charms: BTreeMap::new(),
            resources: BTreeMap::new(),
            shapes,
            heads: BTreeMap::new(),
            remembered: BTreeMap::new(),
            together: BTreeMap::new(),
        };
        Self { history: Vec::new(), snapshot }
    }

    fn with(steps: &[Step]) -> Self {
        let mut base = Self::new();
        for step in steps {
            base.take(step);
        }
        base
    }

    fn take(&mut self, step: &Step) {
        let Some(line) = self.line(step) else { return };
        self.snapshot.event += 1;
        self.write_down(&line);
        self.history.push(line);
    }

    fn line(&self, step: &Step) -> Option<Line> {
        match step {
            Step::PublishCharm { series: choice, shapes, with } => {
                let (series, supported) = series(*choice);
                let revision = self.next_charm(series.as_ref());
                let declared = streams().into_iter().zip(*shapes);
                let shapes: BTreeMap<_, _> =
                    declared.filter_map(|(stream, choice)| Some((stream, shape(choice?).id()))).collect();
                let with = if *with { self.newest_that_fit(&shapes) } else { BTreeMap::new() };
                Some(Line::Charm { key: CharmKey { series, revision }, supported, shapes, with })
            }
            Step::PublishResources { stream, shape: choice } => {
                let stream = streams()[*stream].clone();
                let n_revisions = u32::try_from(self.revisions(&stream).count()).unwrap();
                let revision = Revision::new(n_revisions + 1).unwrap();
                Some(Line::Resources { stream, revision, shape: shape(*choice).id() })
            }
            Step::Release { charm, channel, stream } => {
                self.release(*charm, channels()[*channel], stream.as_ref())
            }
            Step::WithdrawCharm(charm) => {
                let key = self.any_charm(*charm)?;
                let is_current = self.snapshot.heads.values().any(|head| head.charm == key);
                (!is_current).then_some(Line::WithdrawCharm(key))
            }
            Step::WithdrawResources(which) => {
                let all = self.all_resources();
                if all.is_empty() {
                    return None;
                }
                let (stream, revision) = which.get(&all).clone();
                let is_current =
                    self.snapshot.heads.values().any(|head| head.streams.get(&stream) == Some(&revision));
                (!is_current).then_some(Line::WithdrawResources(stream, revision))
            }
        }
    }

    fn next_charm(&self, series: Option<&Series>) -> Revision {
        let is_counted = |key: &CharmKey| series.is_none() || key.series.as_ref() == series;
        let taken =
            self.snapshot.charms.keys().filter(|key| is_counted(key)).map(|key| key.revision.number() + 1);
        Revision::new(taken.max().unwrap_or(0)).unwrap()
    }

    fn newest_that_fit(&self, shapes: &BTreeMap<StreamName, ShapeId>) -> BTreeMap<StreamName, Revision> {
        let newest = |stream: &StreamName, wanted: &ShapeId| {
            let all = self.snapshot.resources.get(stream)?;
            all.iter().rev().find(|(_, facts)| facts.shape == *wanted).map(|(revision, _)| *revision)
        };
        shapes.iter().filter_map(|(stream, id)| Some((stream.clone(), newest(stream, id)?))).collect()
    }

    fn all_resources(&self) -> Vec<(StreamName, Revision)> {
        let streams = self.snapshot.resources.iter();
        streams.flat_map(|(stream, all)| all.keys().map(|revision| (stream.clone(), *revision))).collect()
    }

    fn revisions(&self, stream: &StreamName) -> impl Iterator<Item = Revision> {
        self.snapshot.resources.get(stream).into_iter().flatten().map(|(revision, _)| *revision)
    }

    fn any_charm(&self, which: Index) -> Option<CharmKey> {
        let all: Vec<_> = self.snapshot.charms.keys().cloned().collect();
        (!all.is_empty()).then(|| which.get(&all).clone())
    }

    fn release(&self, which: Index, channel: Channel, stream: Option<&(usize, Index)>) -> Option<Line> {
        let charm = self.any_charm(which)?;
        let named = stream.and_then(|(stream, which)| {
            let stream = streams()[*stream].clone();
            let all: Vec<_> = self.revisions(&stream).collect();
            (!all.is_empty()).then(|| (stream, *which.get(&all)))
        });
        let request = ReleaseRequest {
            charm: charm.clone(),
            channel,
            streams: named.into_iter().collect(),
            dropped: std::collections::BTreeSet::new(),
        };
        let head = release::plan(&self.snapshot, &request).ok()?;
        let series = self.snapshot.charms[&charm].supported.clone();
        Some(Line::Release { channel, charm, series, streams: head.streams })
    }

    fn write_down(&mut self, line: &Line) {
        let snapshot = &mut self.snapshot;
        match line.clone() {
            Line::Charm { key, supported, shapes, with } => {
                let default_stream = shapes.keys().next_back().cloned();
                for (stream, revision) in with {
                    snapshot.together.insert((key.clone(), stream), revision);
                }
                snapshot
                    .charms
                    .insert(key, CharmFacts { supported, default_stream, shapes, withdrawn: false });
            }
            Line::Resources { stream, revision, shape } => {
                let facts = ResourceFacts { shape, withdrawn: false };
                snapshot.resources.entry(stream).or_default().insert(revision, facts);
            }
            Line::Release { channel, charm, series, streams } => {
                for (stream, revision) in &streams {
                    snapshot.remembered.insert((channel, charm.clone(), stream.clone()), *revision);
                }
                for series in series {
                    let head = charm_model::resolve::Head { charm: charm.clone(), streams: streams.clone() };
                    snapshot.heads.insert((channel, series), head);
                }
            }
            Line::WithdrawCharm(key) => snapshot.charms.get_mut(&key).unwrap().withdrawn = true,
            Line::WithdrawResources(stream, revision) => {
                snapshot.resources.get_mut(&stream).unwrap().get_mut(&revision).unwrap().withdrawn = true;
            }
        }
    }
}

/// The slow model: every question scans the history.
struct Model<'a>(&'a [Line]);

impl Model<'_> {
    fn resolve(&self, reference: &Reference, channel: Channel) -> Option<Resolved> {
        let event = self.0.len() as u64;
        let series = reference.series.as_ref();
        match &reference.version {
            Version::Latest { stream } => {
                let charm = self.best(series, |key| !self.charm_withdrawn(key))?;
                let resources = self.resources(&charm, stream.as_ref(), |stream| {
                    Some((self.newest_fitting(&charm, stream, Revision::MAX)?, ResourceRule::Latest))
                })?;
                Some(Resolved { charm, charm_rule: CharmRule::Latest, resources, event })
            }
            Version::Chosen { revision: None, stream, resources: named } => {
                let (charm, streams) = self.head(series, channel)?;
                let resources = self.resources(&charm, stream.as_ref(), |stream| match named {
                    Some(named) => self.named(&charm, stream, *named),
                    None => Some((*streams.get(stream)?, ResourceRule::Current)),
                })?;
                Some(Resolved { charm, charm_rule: CharmRule::Current, resources, event })
            }
            Version::Chosen { revision: Some(revision), stream, resources: named } => {
                let charm = self.best(series, |key| key.revision == *revision)?;
                let resources = self.resources(&charm, stream.as_ref(), |stream| match named {
                    Some(named) => self.named(&charm, stream, *named),
                    None => self.by_the_rule(&charm, stream, channel),
                })?;
                Some(Resolved { charm, charm_rule: CharmRule::Named, resources, event })
            }
        }
    }

    /// `None` if the question has no answer, `Some(None)` if the charm has no resources.
    #[expect(clippy::option_option, reason = "an error and an absence are two things; a model may be blunt")]
    fn resources(
        &self,
        charm: &CharmKey,
        stream: Option<&StreamName>,
        choose: impl FnOnce(&StreamName) -> Option<(Revision, ResourceRule)>,
    ) -> Option<Option<ResolvedResources>> {
        let shapes = self.shapes(charm);
        let Some(stream) = stream.or(shapes.keys().next_back()) else { return Some(None) };
        shapes.get(stream)?;
        let (revision, rule) = choose(stream)?;
        Some(Some(ResolvedResources { stream: stream.clone(), revision, rule }))
    }

    fn by_the_rule(
        &self,
        charm: &CharmKey,
        stream: &StreamName,
        channel: Channel,
    ) -> Option<(Revision, ResourceRule)> {
        let usable = |revision: &Revision| !self.resources_withdrawn(stream, *revision);
        if let Some(revision) = self.last_current_with(charm, stream, channel).filter(usable) {
            return Some((revision, ResourceRule::Remembered));
        }
        if let Some(revision) = self.published_with(charm, stream).filter(usable) {
            return Some((revision, ResourceRule::PublishedTogether));
        }
        let top = self.pointer(charm, stream, channel)?;
        Some((self.newest_fitting(charm, stream, top)?, ResourceRule::LookedBack))
    }

    fn best(&self, series: Option<&Series>, wanted: impl Fn(&CharmKey) -> bool) -> Option<CharmKey> {
        let mut best: Option<CharmKey> = None;
        for line in self.0 {
            let Line::Charm { key, supported, .. } = line else { continue };
            let runs = series.is_none_or(|series| supported.contains(series));
            let rank = |key: &CharmKey| (SeriesScore::of(key.series.as_ref()), key.revision);
            if runs && wanted(key) && best.as_ref().is_none_or(|best| rank(best) < rank(key)) {
                best = Some(key.clone());
            }
        }
        best
    }

    /// Where the channel points for each series, as the last release that says so left it.
    fn heads(&self, channel: Channel) -> Vec<(Series, CharmKey, BTreeMap<StreamName, Revision>)> {
        ["precise", "trusty", "quantal"]
            .into_iter()
            .filter_map(|name| {
                let wanted: Series = name.parse().unwrap();
                self.0.iter().rev().find_map(|line| match line {
                    Line::Release { channel: its, charm, series, streams }
                        if *its == channel && series.contains(&wanted) =>
                    {
                        Some((wanted.clone(), charm.clone(), streams.clone()))
                    }
                    _ => None,
                })
            })
            .collect()
    }

    fn head(
        &self,
        series: Option<&Series>,
        channel: Channel,
    ) -> Option<(CharmKey, BTreeMap<StreamName, Revision>)> {
        let mut heads = self.heads(channel);
        heads.retain(|(its, ..)| series.is_none_or(|series| series == its));
        heads.sort_by_key(|(series, charm, _)| {
            (SeriesScore::of(charm.series.as_ref()), SeriesScore::of(Some(series)))
        });
        heads.pop().map(|(_, charm, streams)| (charm, streams))
    }

    fn pointer(&self, charm: &CharmKey, stream: &StreamName, channel: Channel) -> Option<Revision> {
        let mut heads = self.heads(channel);
        heads.retain(|(_, _, streams)| streams.contains_key(stream));
        heads.sort_by_key(|(series, key, _)| {
            (
                self.supports(charm, series),
                SeriesScore::of(key.series.as_ref()),
                SeriesScore::of(Some(series)),
            )
        });
        heads.pop().map(|(_, _, streams)| streams[stream])
    }

    fn supports(&self, charm: &CharmKey, series: &Series) -> bool {
        self.0.iter().any(|line| matches!(line, Line::Charm { key, supported, .. } if key == charm && supported.contains(series)))
    }

    fn shapes(&self, charm: &CharmKey) -> BTreeMap<StreamName, ShapeId> {
        let found = self.0.iter().find_map(|line| match line {
            Line::Charm { key, shapes, .. } if key == charm => Some(shapes.clone()),
            _ => None,
        });
        found.unwrap_or_default()
    }

    fn named(
        &self,
        charm: &CharmKey,
        stream: &StreamName,
        named: Revision,
    ) -> Option<(Revision, ResourceRule)> {
        let fits = self.shape_of(stream, named)? == self.shapes(charm)[stream];
        fits.then_some((named, ResourceRule::Named))
    }

    fn shape_of(&self, wanted: &StreamName, number: Revision) -> Option<ShapeId> {
        self.0.iter().find_map(|line| match line {
            Line::Resources { stream, revision, shape } if stream == wanted && *revision == number => {
                Some(*shape)
            }
            _ => None,
        })
    }

    fn last_current_with(&self, wanted: &CharmKey, stream: &StreamName, asked: Channel) -> Option<Revision> {
        self.0.iter().rev().find_map(|line| match line {
            Line::Release { channel, charm, streams, .. } if *channel == asked && charm == wanted => {
                streams.get(stream).copied()
            }
            _ => None,
        })
    }

    fn published_with(&self, wanted: &CharmKey, stream: &StreamName) -> Option<Revision> {
        self.0.iter().find_map(|line| match line {
            Line::Charm { key, with, .. } if key == wanted => with.get(stream).copied(),
            _ => None,
        })
    }

    fn newest_fitting(&self, charm: &CharmKey, wanted: &StreamName, top: Revision) -> Option<Revision> {
        let declared = self.shapes(charm)[wanted];
        self.0.iter().rev().find_map(|line| match line {
            Line::Resources { stream, revision, shape }
                if stream == wanted
                    && *revision <= top
                    && *shape == declared
                    && !self.resources_withdrawn(stream, *revision) =>
            {
                Some(*revision)
            }
            _ => None,
        })
    }

    fn charm_withdrawn(&self, wanted: &CharmKey) -> bool {
        self.0.iter().any(|line| matches!(line, Line::WithdrawCharm(key) if key == wanted))
    }

    fn resources_withdrawn(&self, wanted: &StreamName, number: Revision) -> bool {
        self.0.iter().any(|line| matches!(line, Line::WithdrawResources(stream, revision) if stream == wanted && *revision == number))
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let shapes = [prop::option::weighted(0.7, 0..3_usize), prop::option::weighted(0.5, 0..3_usize)];
    let named = prop::option::of((0..2_usize, any::<Index>()));
    prop_oneof![
        4 => (0..4_usize, shapes, any::<bool>()).prop_map(|(series, shapes, with)| Step::PublishCharm { series, shapes, with }),
        4 => (0..2_usize, 0..3_usize).prop_map(|(stream, shape)| Step::PublishResources { stream, shape }),
        5 => (any::<Index>(), 0..2_usize, named).prop_map(|(charm, channel, stream)| Step::Release { charm, channel, stream }),
        1 => any::<Index>().prop_map(Step::WithdrawCharm),
        1 => any::<Index>().prop_map(Step::WithdrawResources),
    ]
}

/// Every reference that small numbers make, with every series, stream and channel.
fn questions() -> Vec<(Reference, Channel)> {
    let mut questions = Vec::new();
    for series in ["", "precise/", "trusty/", "quantal/"] {
        for charm in ["", "-0", "-1", "-2", "-5"] {
            for stream in ["", ".stable", ".devel", ".devel.1", ".stable.2"] {
                questions.push(format!("{series}mysql{charm}{stream}"));
            }
        }
        for stream in ["", ".devel"] {
            questions.push(format!("{series}mysql{stream}@latest"));
        }
    }
    let both = |text: String| channels().map(|channel| (text.parse().unwrap(), channel));
    questions.into_iter().flat_map(both).collect()
}

/// Some of the questions: all of them for each of a hundred thousand histories would take minutes.
fn some_questions(all: &[(Reference, Channel)], which: &[Index]) -> Vec<(Reference, Channel)> {
    which.iter().map(|index| index.get(all).clone()).collect()
}

fn publishes(step: &Step) -> bool {
    matches!(step, Step::PublishCharm { .. } | Step::PublishResources { .. })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100_000, max_shrink_iters: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn resolving_agrees_with_the_model(
        steps in prop::collection::vec(any_step(), 1..14),
        which in prop::collection::vec(any::<Index>(), 6),
    ) {
        thread_local!(static QUESTIONS: Vec<(Reference, Channel)> = questions());
        let base = Base::with(&steps);
        for (reference, channel) in QUESTIONS.with(|all| some_questions(all, &which)) {
            let answer = resolve(&base.snapshot, &reference, channel);
            let expected = Model(&base.history).resolve(&reference, channel);
            prop_assert_eq!(answer.as_ref().ok(), expected.as_ref(), "{} in {}: {:?}", reference, channel, answer);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn publishing_alone_changes_no_answer_but_the_latest(
        steps in prop::collection::vec(any_step(), 1..12),
        more in prop::collection::vec(any_step().prop_filter("publishes", publishes), 1..4),
    ) {
        let mut base = Base::with(&steps);
        let before = base.snapshot.clone();
        for step in &more {
            base.take(step);
        }
        for (reference, channel) in questions() {
            let answered = |snapshot| resolve(snapshot, &reference, channel).ok().map(|it| (it.charm, it.resources));
            let is_latest = matches!(reference.version, Version::Latest { .. });
            // A bare number may come to mean a charm of a better series; with its series it may not.
            let is_exact = reference.series.is_some() || reference.version.revision().is_none();
            if let Some(answer) = answered(&before).filter(|_| !is_latest && is_exact && !became_multi(&before, &base.snapshot)) {
                prop_assert_eq!(Some(answer), answered(&base.snapshot), "{} in {}", reference, channel);
            }
        }
    }

    #[test]
    fn what_is_current_always_fits(steps in prop::collection::vec(any_step(), 1..20)) {
        let snapshot = Base::with(&steps).snapshot;
        for head in snapshot.heads.values() {
            for (stream, revision) in &head.streams {
                prop_assert!(snapshot.difference(&head.charm, stream, *revision).unwrap().is_empty());
            }
        }
    }
}

/// A number that a single-series charm has can be taken by a multi-series one only if that was the base's first.
fn became_multi(before: &Snapshot, after: &Snapshot) -> bool {
    let n_multi = |snapshot: &Snapshot| snapshot.charms.keys().filter(|key| key.series.is_none()).count();
    n_multi(before) != n_multi(after)
}
