//! Counting results by what they are, as they are collected.

use std::collections::HashMap;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::StrColumn;
use tantivy::{DocId, Score, SegmentOrdinal, SegmentReader};

use crate::answer::Facets;

/// How many values of a field are answered: those that the most results have.
const MAX_VALUES: usize = 30;

/// Fields with the names that they are answered under.
pub(crate) type FacetFields = &'static [(&'static str, &'static str)];

/// Counts the values of these fields.
pub(crate) struct FacetCounter {
    pub(crate) fields: FacetFields,
}

/// Values of a field with their counts.
pub(crate) type Counts = Vec<HashMap<String, u64>>;

pub(crate) struct SegmentCounter {
    /// The fields' columns; `None` where no entry of the segment has a value.
    columns: Vec<Option<(StrColumn, Vec<u64>)>>,
}

impl Collector for FacetCounter {
    type Fruit = Counts;
    type Child = SegmentCounter;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<SegmentCounter> {
        let column = |(field, _): &(&str, &str)| {
            let column = segment.fast_fields().str(field)?;
            Ok(column.map(|column| {
                let counts = vec![0; column.num_terms()];
                (column, counts)
            }))
        };
        Ok(SegmentCounter { columns: self.fields.iter().map(column).collect::<tantivy::Result<_>>()? })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, segments: Vec<Counts>) -> tantivy::Result<Counts> {
        Ok(segments.into_iter().fold(vec![HashMap::new(); self.fields.len()], add))
    }
}

impl SegmentCounter {
    fn named(self) -> Counts {
        self.columns.into_iter().map(|column| column.map(name_counts).unwrap_or_default()).collect()
    }
}

impl SegmentCollector for SegmentCounter {
    type Fruit = Counts;

    fn collect(&mut self, doc: DocId, _: Score) {
        for (column, counts) in self.columns.iter_mut().flatten() {
            for value in column.term_ords(doc) {
                if let Some(count) = usize::try_from(value).ok().and_then(|value| counts.get_mut(value)) {
                    *count += 1;
                }
            }
        }
    }

    fn harvest(self) -> Counts {
        self.named()
    }
}

fn name_counts((column, counts): (StrColumn, Vec<u64>)) -> HashMap<String, u64> {
    let mut named = HashMap::new();
    for (value, count) in (0..).zip(counts).filter(|(_, count)| *count > 0) {
        let mut name = String::new();
        if column.ord_to_str(value, &mut name).unwrap_or(false) {
            named.insert(name, count);
        }
    }
    named
}

/// Adds up what two segments, or two shelves, counted.
pub(crate) fn add(mut sum: Counts, more: Counts) -> Counts {
    for (sum, more) in sum.iter_mut().zip(more) {
        for (value, count) in more {
            *sum.entry(value).or_default() += count;
        }
    }
    sum
}

/// Returns the values that the most results have, by field.
pub(crate) fn answer(fields: FacetFields, counts: Counts) -> Facets {
    let top = |counts: HashMap<String, u64>| {
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
        counts.truncate(MAX_VALUES);
        counts
    };
    fields.iter().zip(counts).map(|((_, name), counts)| (*name, top(counts))).collect()
}
