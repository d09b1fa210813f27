//! Random histories through the store, held against a model that is kept beside it line by line.

use std::collections::{BTreeMap, BTreeSet};

use charm_model::name::{Channel, Series, StreamName};
use charm_model::reference::{Reference, Revision};
use charm_model::release::{self, ReleaseRequest as Wanted};
use charm_model::resolve::{CharmFacts, CharmKey, ResourceFacts, Snapshot, resolve, resolve_charm};
use charm_model::rights::Caller;
use charm_model::shape::{Place as FilePlace, Shape};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use store_core::{Store, StoreError};
use v4_wire::release::{ReleaseRequest, WithdrawRequest};

use crate::audit::audit;
use crate::place::Place;
use crate::publisher::publish;
use crate::sample::{Sample, bytes, reference, user};

/// How many histories; each goes to a base of its own.
const N_HISTORIES: u32 = 24;

const STREAMS: [&str; 2] = ["stable", "devel"];

/// What a charm may declare for each of its streams.
const SHAPES: [&[&str]; 2] = [&["common/a"], &["common/a", "common/b"]];

const CHANNELS: [Channel; 2] = [Channel::Stable, Channel::Edge];

/// What somebody tries to do.
#[derive(Debug, Clone)]
enum Step {
    Publish { charm: Option<usize>, shape: usize, words: [Option<usize>; 2] },
    Release { charm: Index, channel: usize, resources: Index },
    Withdraw { charm: Index, resources: Option<Index>, is_withdrawn: bool },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let word = || proptest::option::of(0_usize..3);
    let publish = (word(), 0_usize..2, [word(), word()]);
    let publish = publish.prop_map(|(charm, shape, words)| Step::Publish { charm, shape, words });
    let release = (any::<Index>(), 0_usize..2, any::<Index>());
    let release = release.prop_map(|(charm, channel, resources)| Step::Release { charm, channel, resources });
    let withdraw = (any::<Index>(), proptest::option::of(any::<Index>()), proptest::bool::weighted(0.7));
    let withdraw = withdraw.prop_map(|(charm, resources, is_withdrawn)| Step::Withdraw {
        charm,
        resources,
        is_withdrawn,
    });
    proptest::collection::vec(prop_oneof![4 => publish, 3 => release, 2 => withdraw], 1..14)
}

/// A base as it must be.
struct Model {
    base: String,
    snapshot: Snapshot,
    /// What the newest charm is made of: its word and its shape.
    newest: Option<(usize, usize)>,
    /// The word of the newest resources of each stream, and their shape.
    newest_words: BTreeMap<StreamName, (usize, usize)>,
    /// The shape that each charm declares, by revision.
    shapes: Vec<usize>,
}

fn stream(name: &str) -> StreamName {
    name.parse().unwrap()
}

fn supported() -> Vec<Series> {
    ["jammy", "focal"].map(|name| name.parse().unwrap()).to_vec()
}

fn shape(choice: usize) -> Shape {
    let place = |text: &&str| {
        let (tree, path) = text.split_once('/').unwrap();
        FilePlace { tree: tree.parse().unwrap(), path: path.parse().unwrap() }
    };
    Shape(SHAPES[choice].iter().map(place).collect())
}

impl Model {
    fn new(base: &str) -> Self {
        let snapshot = Snapshot {
            base: base.parse().unwrap(),
            event: 0,
            charms: BTreeMap::new(),
            resources: BTreeMap::new(),
            shapes: BTreeMap::new(),
            heads: BTreeMap::new(),
            remembered: BTreeMap::new(),
            together: BTreeMap::new(),
        };
        let (newest, newest_words, shapes) = (None, BTreeMap::new(), Vec::new());
        Self { base: base.to_owned(), snapshot, newest, newest_words, shapes }
    }

    /// Takes a step in the store and here. What the model refuses, the store must refuse.
    async fn take(&mut self, store: &Store, step: &Step) {
        match step {
            Step::Publish { charm, shape, words } => self.publish(store, *charm, *shape, *words).await,
            Step::Release { charm, channel, resources } => {
                self.release(store, *charm, CHANNELS[*channel], *resources).await;
            }
            Step::Withdraw { charm, resources, is_withdrawn } => {
                self.withdraw(store, *charm, *resources, *is_withdrawn).await;
            }
        }
    }

    async fn publish(
        &mut self,
        store: &Store,
        charm: Option<usize>,
        shape: usize,
        words: [Option<usize>; 2],
    ) {
        let for_newest = resolve_charm(&self.snapshot, &self.id("@latest"), Channel::Stable).ok();
        let shape = match (charm, &for_newest) {
            (None, Some((key, _))) => self.shapes[key.revision.number() as usize],
            _ => shape,
        };
        let mut sample = Sample::declaring(
            &self.base,
            &format!("word {charm:?}"),
            &[(STREAMS[0], SHAPES[shape]), (STREAMS[1], SHAPES[shape])],
        );
        for (name, word) in STREAMS.iter().zip(words) {
            for place in SHAPES[shape].iter().filter(|_| word.is_some()) {
                sample = sample.with(name, place, bytes(&format!("{place} {word:?}"), 50));
            }
        }
        let sample = if charm.is_some() { sample } else { sample.without_archive() };
        let published = publish(store, &user("alice"), &sample).await;
        if charm.is_none() && for_newest.is_none() {
            published.unwrap_err();
            return;
        }
        let published = published.unwrap();
        let key = match charm {
            Some(word) => self.add_charm(word, shape),
            None => (for_newest.unwrap().0, false),
        };
        assert_eq!((published.charm.revision, published.charm.new), (key.0.revision, key.1));
        for (name, word) in STREAMS.iter().zip(words) {
            let Some(word) = word else { continue };
            let (revision, is_new) = self.add_resources(&stream(name), word, shape);
            assert_eq!(
                (published.streams[&stream(name)].revision, published.streams[&stream(name)].new),
                (revision, is_new)
            );
            if key.1 {
                self.snapshot.together.insert((key.0.clone(), stream(name)), revision);
            }
        }
    }

    fn add_charm(&mut self, word: usize, declared: usize) -> (CharmKey, bool) {
        let n_charms = u32::try_from(self.shapes.len()).unwrap();
        let key = |number| CharmKey { series: None, revision: Revision::new(number).unwrap() };
        if self.newest == Some((word, declared)) {
            return (key(n_charms - 1), false);
        }
        self.newest = Some((word, declared));
        self.shapes.push(declared);
        let declared = shape(declared);
        let facts = CharmFacts {
            supported: supported(),
            default_stream: Some(stream(STREAMS[0])),
            shapes: STREAMS.iter().map(|name| (stream(name), declared.id())).collect(),
            withdrawn: false,
        };
        self.snapshot.shapes.insert(declared.id(), declared);
        self.snapshot.charms.insert(key(n_charms), facts);
        (key(n_charms), true)
    }

    fn add_resources(&mut self, stream: &StreamName, word: usize, of_shape: usize) -> (Revision, bool) {
        let all = self.snapshot.resources.entry(stream.clone()).or_default();
        let number = u32::try_from(all.len()).unwrap();
        if self.newest_words.get(stream) == Some(&(word, of_shape)) {
            return (Revision::new(number - 1).unwrap(), false);
        }
        self.newest_words.insert(stream.clone(), (word, of_shape));
        let revision = Revision::new(number).unwrap();
        all.insert(revision, ResourceFacts { shape: shape(of_shape).id(), withdrawn: false });
        (revision, true)
    }

    /// Releases a charm with resources of the default stream, both named.
    async fn release(&mut self, store: &Store, which: Index, channel: Channel, resources: Index) {
        let (Some(charm), Some(revision)) = (self.any_charm(which), self.any_resources(resources)) else {
            return;
        };
        let id = self.id(&format!("-{}.{}.{revision}", charm.revision, STREAMS[0]));
        let request = ReleaseRequest { channel: Some(channel), ..ReleaseRequest::default() };
        let released = store.release(&user("alice"), &id, &request).await;
        let wanted = Wanted {
            charm: charm.clone(),
            channel,
            streams: [(stream(STREAMS[0]), revision)].into(),
            dropped: BTreeSet::new(),
        };
        let Ok(head) = release::plan(&self.snapshot, &wanted) else {
            let error = released.unwrap_err();
            assert!(matches!(error, StoreError::Release(_) | StoreError::Resolve(_)), "{error}");
            return;
        };
        let pointers = supported().into_iter().map(|series| (channel, series));
        let is_there = pointers.clone().all(|pointer| self.snapshot.heads.get(&pointer) == Some(&head));
        assert_eq!(released.unwrap().moved, !is_there);
        for (stream, revision) in &head.streams {
            self.snapshot.remembered.insert((channel, charm.clone(), stream.clone()), *revision);
        }
        self.snapshot.heads.extend(pointers.map(|pointer| (pointer, head.clone())));
    }

    /// Withdraws a charm, or resources of the default stream, or takes that back.
    async fn withdraw(&mut self, store: &Store, which: Index, resources: Option<Index>, is_withdrawn: bool) {
        let Some(charm) = self.any_charm(which) else { return };
        let revision = resources.and_then(|which| self.any_resources(which));
        let id = match revision {
            None => self.id(&format!("-{}", charm.revision)),
            Some(revision) => self.id(&format!("-{}.{}.{revision}", charm.revision, STREAMS[0])),
        };
        let request = WithdrawRequest { reason: "broken".to_owned(), move_to: None };
        let done = if is_withdrawn {
            store.withdraw(&user("alice"), &id, &request).await
        } else {
            store.restore(&user("alice"), &id).await
        };
        let is_current = self.snapshot.heads.values().any(|head| match revision {
            None => head.charm == charm,
            Some(revision) => head.streams.get(&stream(STREAMS[0])) == Some(&revision),
        });
        if let Err(error) = resolve(&self.snapshot, &id, Channel::Stable)
            && revision.is_some()
        {
            assert!(matches!(done, Err(StoreError::Resolve(found)) if found == error));
        } else if is_withdrawn && is_current {
            assert!(matches!(done, Err(StoreError::YankCurrent { .. })), "{done:?}");
        } else {
            let now = self.withdrawn(&charm, revision);
            assert_eq!(done.unwrap().event.is_some(), *now != is_withdrawn);
            *now = is_withdrawn;
        }
    }

    fn withdrawn(&mut self, charm: &CharmKey, resources: Option<Revision>) -> &mut bool {
        let Snapshot { charms, resources: streams, .. } = &mut self.snapshot;
        match resources {
            None => &mut charms.get_mut(charm).unwrap().withdrawn,
            Some(revision) => {
                &mut streams.get_mut(&stream(STREAMS[0])).unwrap().get_mut(&revision).unwrap().withdrawn
            }
        }
    }

    fn any_charm(&self, which: Index) -> Option<CharmKey> {
        let all: Vec<_> = self.snapshot.charms.keys().cloned().collect();
        (!all.is_empty()).then(|| which.get(&all).clone())
    }

    fn any_resources(&self, which: Index) -> Option<Revision> {
        let all: Vec<_> = self.snapshot.resources.get(&stream(STREAMS[0]))?.keys().copied().collect();
        (!all.is_empty()).then(|| *which.get(&all))
    }

    fn id(&self, rest: &str) -> Reference {
        reference(&format!("{}{rest}", self.base))
    }

    /// Holds the store against the model: all that resolving rests on, and what a few references mean.
    async fn check(&self, store: &Store) {
        let mut tx = store.database().read().await.unwrap();
        if let Some(base) = tx.base(&self.snapshot.base).await.unwrap() {
            let mut found = tx.snapshot(&base).await.unwrap();
            found.event = self.snapshot.event;
            assert_eq!(found, self.snapshot);
        }
        drop(tx);
        let newest = self.shapes.len().saturating_sub(1);
        for rest in
            ["", ".devel", "@latest", "-0", "-0.devel", &format!("-{newest}"), &format!("-{newest}.stable.0")]
        {
            for channel in CHANNELS {
                self.check_reference(store, &self.id(rest), channel).await;
            }
        }
    }

    async fn check_reference(&self, store: &Store, id: &Reference, channel: Channel) {
        match (store.resolve(&Caller::Admin, id, channel, None).await, resolve(&self.snapshot, id, channel)) {
            (Ok(found), Ok(expected)) => {
                let resources = expected.resources.as_ref().map(|it| (it.stream.clone(), it.revision));
                assert_eq!(found.id, self.snapshot.entity(&expected.charm).with_resources(resources));
                assert_eq!(found.rule.charm, expected.charm_rule);
                assert_eq!(found.rule.resources, expected.resources.map(|it| it.rule));
            }
            (Err(StoreError::Resolve(found)), Err(expected)) => assert_eq!(found, expected),
            // As long as nothing is published there is no base to resolve in.
            (Err(StoreError::NoEntity(_)), Err(_)) => assert!(self.shapes.is_empty()),
            (found, expected) => panic!("{id}: {found:?}, and not {expected:?}"),
        }
    }
}

/// Runs histories one after the other, in one store.
fn hold_against_the_model(place: impl AsyncFnOnce() -> Option<Place>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let Some(place) = runtime.block_on(place()) else { return };
    let store = runtime.block_on(place.server());
    let n_bases = std::cell::Cell::new(0);
    let config = Config { cases: N_HISTORIES, failure_persistence: None, ..Config::default() };
    let run = |steps: Vec<Step>| {
        n_bases.set(n_bases.get() + 1);
        runtime.block_on(async {
            let mut model = Model::new(&format!("~alice/history-n{}", n_bases.get()));
            for step in &steps {
                model.take(&store, step).await;
                model.check(&store).await;
            }
        });
        Ok(())
    };
    TestRunner::new(config).run(&steps(), run).unwrap();
    runtime.block_on(audit(&place));
}

#[test]
fn the_embedded_store_does_what_the_model_does() {
    hold_against_the_model(async || Some(Place::embedded().await));
}

#[test]
fn the_store_on_servers_does_what_the_model_does() {
    hold_against_the_model(async || Place::on_servers().await);
}
