//! The first results by keys other than relevance.

use std::collections::BinaryHeap;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::Column;
use tantivy::{DocAddress, DocId, Score, SegmentOrdinal, SegmentReader};

use crate::query::{Sort, SortKey};

/// Collects the first of each segment: whoever asked puts those of all segments in order.
pub(crate) struct FirstOfSegments {
    pub(crate) order: Vec<Sort>,
    pub(crate) limit: usize,
}

/// A segment numbers its texts as they sort, so that numbers are compared instead of texts.
type Rank = Vec<u64>;

pub(crate) struct FirstOfSegment {
    columns: Vec<(Option<Column<u64>>, bool)>,
    limit: usize,
    segment: SegmentOrdinal,
    /// Those that come first, the last of them on top.
    first: BinaryHeap<(Rank, DocId)>,
}

impl Collector for FirstOfSegments {
    type Fruit = Vec<DocAddress>;
    type Child = FirstOfSegment;

    fn for_segment(
        &self,
        segment: SegmentOrdinal,
        reader: &SegmentReader,
    ) -> tantivy::Result<FirstOfSegment> {
        let column = |sort: &Sort| {
            let columns = reader.fast_fields();
            let column = match sort.key {
                SortKey::Downloads => columns.column_opt("downloads")?,
                SortKey::Name => columns.str("name")?.map(|column| column.ords().clone()),
                SortKey::Owner => columns.str("shown_owner")?.map(|column| column.ords().clone()),
                SortKey::Series => columns.str("series")?.map(|column| column.ords().clone()),
            };
            Ok((column, sort.descending))
        };
        let columns = self.order.iter().map(column).collect::<tantivy::Result<_>>()?;
        Ok(FirstOfSegment { columns, limit: self.limit, segment, first: BinaryHeap::new() })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, segments: Vec<Vec<DocAddress>>) -> tantivy::Result<Vec<DocAddress>> {
        Ok(segments.concat())
    }
}

impl FirstOfSegment {
    fn rank(&self, doc: DocId) -> Rank {
        let rank = |(column, descending): &(Option<Column<u64>>, bool)| {
            let rank = column.as_ref().and_then(|column| column.first(doc)).unwrap_or_default();
            if *descending { !rank } else { rank }
        };
        self.columns.iter().map(rank).collect()
    }
}

impl SegmentCollector for FirstOfSegment {
    type Fruit = Vec<DocAddress>;

    fn collect(&mut self, doc: DocId, _: Score) {
        self.first.push((self.rank(doc), doc));
        if self.first.len() > self.limit {
            self.first.pop();
        }
    }

    fn harvest(self) -> Vec<DocAddress> {
        let segment = self.segment;
        self.first.into_iter().map(|(_, doc)| DocAddress::new(segment, doc)).collect()
    }
}
