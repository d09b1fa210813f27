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

    fn merge_fruits(&self, segments: Vec<tantivy::Result<Counts>>) -> tantivy::Result<Counts> {
        let none = vec![HashMap::new(); self.fields.len()];
        segments.into_iter().try_fold(none, |sum, counts| Ok(add(sum, counts?)))
    }
}

impl SegmentCollector for SegmentCounter {
    type Fruit = tantivy::Result<Counts>;

    fn collect(&mut self, doc: DocId, _: Score) {
        for (column, counts) in self.columns.iter_mut().flatten() {
            for value in column.term_ords(doc) {
                if let Some(count) = usize::try_from(value).ok().and_then(|value| counts.get_mut(value)) {
                    *count += 1;
                }
            }
        }
    }

    fn harvest(self) -> tantivy::Result<Counts> {
        self.columns.into_iter().map(|column| column.map_or_else(|| Ok(HashMap::new()), named)).collect()
    }
}

/// Puts the values' names to their counts, in one pass through the names.
fn named((column, counts): (StrColumn, Vec<u64>)) -> tantivy::Result<HashMap<String, u64>> {
    let (places, counts): (Vec<u64>, Vec<u64>) = (0..).zip(counts).filter(|(_, count)| *count > 0).unzip();
    let mut named = HashMap::with_capacity(counts.len());
    let mut counts = counts.into_iter();
    column.dictionary().sorted_ords_to_term_cb(&places, |name| {
        named.extend(counts.next().map(|count| (String::from_utf8_lossy(name).into_owned(), count)));
    })?;
    Ok(named)
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
