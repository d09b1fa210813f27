//! Whether people find what they look for: a small collection with judged queries, both written for this test.

use std::collections::HashMap;

use crate::collection::{entries, index_of};
use charm_model::rights::Caller;
use search_index::{Listing, Query, SearchIndex};

/// Below, a change has made search worse. It stands a little under what is reached.
const MIN_NDCG: f64 = 0.95;

/// No single query may be sacrificed for the mean of all.
const MIN_NDCG_OF_ONE: f64 = 0.6;

/// How many results are looked at.
const DEPTH: usize = 10;

struct Judged {
    text: &'static str,
    grades: HashMap<&'static str, i32>,
}

fn judged() -> Vec<Judged> {
    let lines = include_str!("judged/queries.txt").lines().filter(|line| !line.starts_with('#'));
    let judge = |line: &'static str| {
        let (text, grades) = line.split_once(" = ").unwrap();
        let grade =
            |it: &'static str| it.split_once(':').map(|(id, grade)| (id, grade.parse().unwrap())).unwrap();
        Judged { text, grades: grades.split(' ').map(grade).collect() }
    };
    lines.map(judge).collect()
}

/// Discounted gain of grades in the order of the results.
fn gain(grades: impl Iterator<Item = i32>) -> f64 {
    (2..)
        .zip(grades.take(DEPTH))
        .map(|(place, grade)| (2f64.powi(grade) - 1.0) / f64::from(place).log2())
        .sum()
}

fn ndcg(index: &SearchIndex, judged: &Judged, listing: Listing) -> f64 {
    let query = Query { listing, limit: DEPTH, ..Query::of(judged.text) };
    let hits = index.search(&Caller::Anonymous, &query).unwrap().hits;
    let mut names: Vec<_> = hits.iter().map(|hit| hit.base.to_string()).collect();
    names.dedup();
    let found = names.iter().map(|name| judged.grades.get(&name[1..]).copied().unwrap_or(0));
    let mut best: Vec<_> = judged.grades.values().copied().collect();
    best.sort_unstable_by(|a, b| b.cmp(a));
    gain(found) / gain(best.into_iter())
}

#[test]
fn people_find_what_they_look_for() {
    let index = index_of(&entries());
    for listing in [Listing::PerSeries, Listing::PerRevision] {
        let scores: Vec<_> = judged().iter().map(|it| (ndcg(&index, it, listing), it.text)).collect();
        #[expect(clippy::cast_precision_loss, reason = "some dozens")]
        let mean = scores.iter().map(|(score, _)| score).sum::<f64>() / scores.len() as f64;
        let worst: Vec<_> = scores.iter().filter(|(score, _)| *score < 0.9).collect();
        assert!(mean >= MIN_NDCG, "nDCG@{DEPTH} is {mean:.3}; worst: {worst:?}");
        assert!(scores.iter().all(|(score, _)| *score >= MIN_NDCG_OF_ONE), "{mean:.3} {worst:?}");
    }
}
