//! Completing: which names may be meant by what was typed so far. Asked at every keystroke, so the work is bounded.

use std::cmp::Reverse;

use charm_model::rights::Caller;
use tantivy::query::{AllQuery, EnableScoring, Query as Wanted};
use tantivy::{DocAddress, DocSet as _, Searcher, SegmentOrdinal, SegmentReader, TERMINATED};

use crate::analysis;
use crate::answer::Hit;
use crate::concepts;
use crate::entry::cut;
use crate::error::SearchError;
use crate::filter;
use crate::index::SearchIndex;
use crate::names;
use crate::prior;
use crate::query::{Filters, Query};
use crate::relevance::flat;
use crate::search::{Place, Understood, is_repeating, page, place};
use crate::shelf::Rarity;
use crate::spelling;
use crate::text;

/// How many entries of a shelf are looked at for one completion. What begins with one letter is not all read.
const MAX_LOOKED_AT: usize = 50_000;

/// What an entry is worth by where it has what was typed, flat.
const WHOLE_NAME: f32 = 4.0;
const CORE_NAME: f32 = 3.0;
const NAME_START: f32 = 2.0;
const INNER_START: f32 = 1.0;
/// What a word is worth where no name begins so.
const NAME_WORD: f32 = 2.0;
const CONCEPT: f32 = 1.8;
const SUMMARY: f32 = 1.2;
const TAG: f32 = 1.0;
const OWNER: f32 = 0.6;
/// What a word that was probably meant, or means the same, is worth of the word itself.
const OTHER: f32 = 0.8;

impl SearchIndex {
    /// Returns names that begin like the query's text, the likeliest first; where none does, those of what its words are
    /// about.
    pub fn complete(&self, caller: &Caller, query: &Query) -> Result<Vec<Hit>, SearchError> {
        let wanted = text::read(&query.text);
        let start = cut(&wanted.start, names::MAX_START_BYTES).to_owned();
        if start.is_empty() && wanted.filters == Filters::default() {
            return Ok(Vec::new());
        }
        if start.is_empty() {
            return self.nearest(caller, query, Box::new(AllQuery), &wanted.filters);
        }
        let mut starts = vec![
            flat(self.fields.name_whole, &start, WHOLE_NAME),
            flat(self.fields.name_core, &start, CORE_NAME),
        ];
        if names::is_short(&start) {
            // So many names begin so that the best have to do, if there are enough of them.
            for class in prior::CLASSES {
                let start = names::start_of_class(&start, class);
                starts.push(flat(self.fields.classed_starts, &start, NAME_START));
                let begins = filter::any(starts.iter().map(|it| it.box_clone()).collect());
                let hits = self.nearest(caller, query, begins, &wanted.filters)?;
                if hits.len() >= query.limit {
                    return Ok(hits);
                }
            }
        } else {
            starts.push(flat(self.fields.name_starts, &start, NAME_START));
        }
        starts.push(flat(self.fields.inner_starts, &start, INNER_START));
        let hits = self.nearest(caller, query, filter::any(starts), &wanted.filters)?;
        if !hits.is_empty() || wanted.words.is_empty() {
            return Ok(hits);
        }
        let about = self.about(&self.everybody.searcher(), &wanted)?;
        self.nearest(caller, query, about, &wanted.filters)
    }

    /// Selects the entries that have every word somewhere that says what they are about.
    fn about(&self, rarity: &Searcher, wanted: &text::Wanted) -> Result<Box<dyn Wanted>, SearchError> {
        let last = wanted.words.len() - 1;
        let mut words = Vec::new();
        for (i, word) in wanted.words.iter().enumerate() {
            let mut places = self.places(word, 1.0);
            if i == last && wanted.is_open {
                places.push(flat(self.fields.name_starts, word, NAME_START));
                places.push(flat(self.fields.inner_starts, word, INNER_START));
            }
            for other in concepts::equivalents(word) {
                places.extend(self.places(other, OTHER));
            }
            if !spelling::is_known(rarity, &self.fields, word)? {
                for meant in spelling::likely(rarity, &self.fields, word)? {
                    places.extend(self.places(&meant, OTHER));
                }
            }
            words.push(filter::any(places));
        }
        Ok(filter::all(words))
    }

    fn places(&self, word: &str, worth: f32) -> Vec<Box<dyn Wanted>> {
        let fields = &self.fields;
        let prose = [(fields.concepts, CONCEPT), (fields.summary, SUMMARY), (fields.tag_words, TAG)];
        let mut places = vec![
            flat(fields.name_words, word, NAME_WORD * worth),
            flat(fields.owner_words, word, OWNER * worth),
        ];
        for stem in analysis::stems(word) {
            places.extend(prose.iter().map(|(field, it)| flat(*field, &stem, it * worth)));
        }
        places
    }

    /// Returns the best of what a query selects, among as much of it as is looked at.
    fn nearest(
        &self,
        caller: &Caller,
        query: &Query,
        selected: Box<dyn Wanted>,
        filters: &Filters,
    ) -> Result<Vec<Hit>, SearchError> {
        let understood = Understood { query: selected, filters: filters.clone(), ..Understood::default() };
        let sides = self.sides(caller);
        let rarity = self.everybody.searcher();
        let mut best = Vec::new();
        for side in &sides {
            let whole = self.whole(&understood, side, query);
            for (place, address) in looked_at(&side.searcher, &rarity, whole.as_ref(), query)? {
                best.push((place, &side.searcher, address));
            }
        }
        best.sort_by(|((a, a_order), ..), ((b, b_order), ..)| b.total_cmp(a).then(b_order.cmp(a_order)));
        page(best, query)
            .map(|(_, searcher, address)| self.hit(searcher, address, query, &understood))
            .collect()
    }
}

/// Returns the places of the entries that are looked at, those of a segment that may be among the first.
fn looked_at(
    searcher: &Searcher,
    rarity: &Searcher,
    whole: &dyn Wanted,
    query: &Query,
) -> Result<Vec<(Place, DocAddress)>, SearchError> {
    let rarity = Rarity(rarity);
    let weight = whole.weight(EnableScoring::enabled_from_statistics_provider(&rarity, searcher))?;
    let place = place(is_repeating(query));
    let n_wanted = query.skip.saturating_add(query.limit).max(1);
    let (mut first, mut n_left) = (Vec::new(), MAX_LOOKED_AT);
    let mut segments: Vec<(SegmentOrdinal, &SegmentReader)> = (0..).zip(searcher.segment_readers()).collect();
    // What is new stands in small ones.
    segments.sort_by_key(|(_, segment)| segment.num_docs());
    for (number, segment) in segments {
        let (place, alive) = (place(segment), segment.alive_bitset());
        let mut found = weight.scorer(segment, 1.0)?;
        let mut of_segment = Vec::new();
        while found.doc() != TERMINATED && n_left > 0 {
            let document = found.doc();
            if alive.is_none_or(|alive| alive.is_alive(document)) {
                of_segment.push((place(document, found.score()), document));
                n_left -= 1;
            }
            found.advance();
        }
        first.extend(first_of(of_segment, n_wanted, number));
    }
    Ok(first)
}

fn first_of(
    mut places: Vec<(Place, u32)>,
    n_wanted: usize,
    segment: SegmentOrdinal,
) -> impl Iterator<Item = (Place, DocAddress)> {
    if places.len() > n_wanted {
        // Scores are never negative, and then their bits sort as they do.
        places.select_nth_unstable_by_key(n_wanted, |((score, order), _)| Reverse((score.to_bits(), *order)));
        places.truncate(n_wanted);
    }
    places.into_iter().map(move |(place, document)| (place, DocAddress::new(segment, document)))
}
