//! Where results stand: by keys of an order, or by relevance; alike on both shelves and in all of their segments.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::{Column, StrColumn};
use tantivy::{DocAddress, DocId, Score, SegmentOrdinal, SegmentReader};

use crate::query::{Sort, SortKey};

/// Where a result stands: the least comes first.
pub(crate) type Rank = Vec<Key>;

/// One key of a rank.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Ascending(Value),
    Descending(Reverse<Value>),
}

/// What is compared. The values at one place of a rank are all of one kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    Number(u64),
    Text(String),
}

impl Key {
    fn new(value: Value, descending: bool) -> Self {
        if descending { Self::Descending(Reverse(value)) } else { Self::Ascending(value) }
    }
}

/// Returns where a result stands by relevance.
pub(crate) fn by_score(score: Score, order: u64) -> Rank {
    // Scores are never negative, and then their bits sort as they do.
    [score.to_bits().into(), order].map(|number| Key::new(Value::Number(number), true)).into()
}

/// Collects the first by the keys of an order: as many of each segment as may be among the first of all.
pub(crate) struct FirstOfSegments {
    pub(crate) order: Vec<Sort>,
    pub(crate) limit: usize,
}

/// A segment numbers its texts as they sort, so that numbers are compared instead of texts.
type Numbers = Vec<u64>;

pub(crate) struct FirstOfSegment {
    columns: Vec<SortedColumn>,
    limit: usize,
    segment: SegmentOrdinal,
    /// Those that come first, the last of them on top.
    first: BinaryHeap<(Numbers, DocId)>,
}

struct SortedColumn {
    values: Values,
    descending: bool,
}

/// A column's values; none where no entry of the segment has one.
enum Values {
    None,
    Numbers(Column<u64>),
    Texts(StrColumn),
}

impl Collector for FirstOfSegments {
    type Fruit = Vec<(Rank, DocAddress)>;
    type Child = FirstOfSegment;

    fn for_segment(
        &self,
        segment: SegmentOrdinal,
        reader: &SegmentReader,
    ) -> tantivy::Result<FirstOfSegment> {
        let columns = reader.fast_fields();
        let texts = |name| Ok(columns.str(name)?.map_or(Values::None, Values::Texts));
        let column = |sort: &Sort| {
            let values: tantivy::Result<Values> = match sort.key {
                SortKey::Downloads => {
                    Ok(columns.column_opt("downloads")?.map_or(Values::None, Values::Numbers))
                }
                SortKey::Name => texts("name"),
                SortKey::Owner => texts("shown_owner"),
                SortKey::Series => texts("series"),
            };
            Ok(SortedColumn { values: values?, descending: sort.descending })
        };
        let columns = self.order.iter().map(column).collect::<tantivy::Result<_>>()?;
        Ok(FirstOfSegment { columns, limit: self.limit, segment, first: BinaryHeap::new() })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(
        &self,
        segments: Vec<tantivy::Result<Vec<(Rank, DocAddress)>>>,
    ) -> tantivy::Result<Vec<(Rank, DocAddress)>> {
        Ok(segments.into_iter().collect::<tantivy::Result<Vec<_>>>()?.concat())
    }
}

impl SortedColumn {
    /// Turns a number around where the largest comes first, and back.
    fn turned(&self, number: u64) -> u64 {
        if self.descending { !number } else { number }
    }

    fn number(&self, doc: DocId) -> u64 {
        let number = match &self.values {
            Values::None => None,
            Values::Numbers(column) => column.first(doc),
            Values::Texts(column) => column.ords().first(doc),
        };
        self.turned(number.unwrap_or_default())
    }

    /// Returns what these numbers stand for, whatever the segment.
    fn keys(&self, numbers: impl Iterator<Item = u64>) -> tantivy::Result<HashMap<u64, Key>> {
        let numbers: BTreeSet<u64> = numbers.map(|number| self.turned(number)).collect();
        let numbers: Vec<u64> = numbers.into_iter().collect();
        let values = self.values(&numbers)?.into_iter().map(|value| Key::new(value, self.descending));
        Ok(numbers.iter().map(|number| self.turned(*number)).zip(values).collect())
    }

    fn values(&self, numbers: &[u64]) -> tantivy::Result<Vec<Value>> {
        let Values::Texts(column) = &self.values else {
            return Ok(numbers.iter().copied().map(Value::Number).collect());
        };
        let mut texts = Vec::with_capacity(numbers.len());
        let keep = |text: &[u8]| texts.push(Value::Text(String::from_utf8_lossy(text).into_owned()));
        column.dictionary().sorted_ords_to_term_cb(numbers, keep)?;
        Ok(texts)
    }
}

impl SegmentCollector for FirstOfSegment {
    type Fruit = tantivy::Result<Vec<(Rank, DocAddress)>>;

    fn collect(&mut self, doc: DocId, _: Score) {
        let numbers = || self.columns.iter().map(|column| column.number(doc));
        let is_full = self.first.len() == self.limit;
        if is_full && self.first.peek().is_some_and(|(last, _)| numbers().ge(last.iter().copied())) {
            return;
        }
        let numbers = numbers().collect();
        self.first.push((numbers, doc));
        if is_full {
            self.first.pop();
        }
    }

    fn harvest(self) -> Self::Fruit {
        let numbers_at = |place: usize| self.first.iter().map(move |(numbers, _)| numbers[place]);
        let keys = self.columns.iter().enumerate().map(|(place, column)| column.keys(numbers_at(place)));
        let keys = keys.collect::<tantivy::Result<Vec<_>>>()?;
        let rank = |numbers: &Numbers| -> Rank {
            numbers.iter().zip(&keys).filter_map(|(number, keys)| keys.get(number).cloned()).collect()
        };
        let place = |(numbers, doc): &(Numbers, DocId)| (rank(numbers), DocAddress::new(self.segment, *doc));
        Ok(self.first.iter().map(place).collect())
    }
}
