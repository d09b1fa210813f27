//! Searching: both shelves are asked, and their answers become one.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use charm_model::rights::Caller;
use tantivy::collector::{Count, TopDocs};
use tantivy::query::{AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, Occur, Query as Wanted};
use tantivy::{DocAddress, DocId, Score, Searcher, SegmentReader, TantivyDocument};

use crate::analysis;
use crate::answer::{Answer, Hit};
use crate::entry::Card;
use crate::error::SearchError;
use crate::facets::{self, Counts, FacetCounter, FacetFields};
use crate::filter;
use crate::index::SearchIndex;
use crate::query::{Listing, Query, Sort, SortKey};
use crate::relevance::{self, Word};
use crate::shelf::{Rarity, Shelf};
use crate::snippet::snippet;
use crate::sorted::FirstOfSegments;
use crate::spelling;
use crate::text;

/// How far results are numbered. Who wants all of them reads a list, not a search.
pub const MAX_WINDOW: usize = 10_000;

/// What a result that names its base a second time is worth of the first: every base is shown once before any twice.
const REPEATED: f32 = 1e-6;

/// What a result of the kind or series that was named in passing is worth more, flat.
const HINTED: f32 = 25.0;

const BY_SERIES: FacetFields = &[
    ("kind", "type"),
    ("series", "series"),
    ("owner", "owner"),
    ("tags", "tags"),
    ("provides", "provides"),
    ("requires", "requires"),
    ("architectures", "architecture"),
];

const BY_REVISION: FacetFields = &[
    ("kind", "type"),
    ("supported", "series"),
    ("owner", "owner"),
    ("tags", "tags"),
    ("provides", "provides"),
    ("requires", "requires"),
    ("architectures", "architecture"),
];

/// What one shelf found.
struct Found {
    total: usize,
    top: Vec<(Place, Card)>,
    facets: Counts,
}

/// Where a result stands by relevance.
type Place = (Score, u64);

/// A text as it is looked for.
struct Understood {
    query: Box<dyn Wanted>,
    /// What highlights show.
    stems: BTreeSet<String>,
    suggestion: Option<String>,
}

impl SearchIndex {
    /// Answers a search with what the caller may know of.
    pub fn search(&self, caller: &Caller, query: &Query) -> Result<Answer, SearchError> {
        let shelves = self.shelves(caller);
        let rarity = self.everybody.searcher();
        let mut query = query.clone();
        let wanted = text::read(&query.text);
        let understood = self.understand(&rarity, &wanted, query.within_names)?;
        query.filters.and(wanted.filters);
        let mut answers = Vec::new();
        for (searcher, audience) in shelves {
            let whole = self.whole(&understood, audience, &query);
            answers.push(self.collect(&searcher, &rarity, whole.as_ref(), &query)?);
        }
        Ok(self.merge(answers, &query, understood))
    }

    /// Returns names that begin like the text, the likeliest first; where none does, whatever the text finds.
    pub fn complete(&self, caller: &Caller, text: &str, limit: usize) -> Result<Vec<Hit>, SearchError> {
        let compact: String = text.to_lowercase().chars().filter(|it| it.is_alphanumeric()).collect();
        let compact = crate::entry::cut(&compact, crate::names::MAX_START_BYTES).to_owned();
        let query = Query { limit, ..Query::of("") };
        let flat = |field, worth| Box::new(ConstScoreQuery::new(filter::label(field, &compact), worth)) as _;
        let starts = vec![
            flat(self.fields.name_whole, 4.0),
            flat(self.fields.name_core, 3.0),
            flat(self.fields.name_starts, 2.0),
            flat(self.fields.inner_starts, 1.0),
        ];
        let understood = Understood { query: filter::any(starts), stems: BTreeSet::new(), suggestion: None };
        let rarity = self.everybody.searcher();
        let mut answers = Vec::new();
        for (searcher, audience) in self.shelves(caller) {
            let whole = self.whole(&understood, audience, &query);
            answers.push(self.collect(&searcher, &rarity, whole.as_ref(), &query)?);
        }
        let hits = self.merge(answers, &query, understood).hits;
        if !hits.is_empty() || compact.is_empty() {
            return Ok(hits);
        }
        Ok(self.search(caller, &Query { limit, ..Query::of(text) })?.hits)
    }

    /// The shelves that the caller may look at, with what selects the entries that it may know of.
    fn shelves(&self, caller: &Caller) -> Vec<(Searcher, Option<Box<dyn Wanted>>)> {
        let some =
            filter::audience(&self.fields, caller).map(|audience| (self.some.searcher(), Some(audience)));
        std::iter::once((Shelf::searcher(&self.everybody), None)).chain(some).collect()
    }

    /// Reads the words: which of them are joined, which are mistyped, which the names have.
    fn understand(
        &self,
        rarity: &Searcher,
        wanted: &text::Wanted,
        within_names: bool,
    ) -> Result<Understood, SearchError> {
        if wanted.words.is_empty() {
            return Ok(Understood { query: Box::new(AllQuery), stems: BTreeSet::new(), suggestion: None });
        }
        let (words, suggestion) = self.words(rarity, wanted)?;
        let mut query = relevance::query(&self.fields, &words);
        if within_names {
            let within = filter::within_name(&self.fields, &wanted.words.join("-"));
            query = filter::any(vec![query, Box::new(ConstScoreQuery::new(within, 1.0))]);
        }
        let texts = words
            .iter()
            .flat_map(|it| std::iter::once(&it.text).chain(it.others.iter().map(|(text, _)| text)));
        let stems = texts.flat_map(|text| analysis::stems(text)).collect();
        Ok(Understood { query: self.with_hints(query, wanted), stems, suggestion })
    }

    fn words(
        &self,
        rarity: &Searcher,
        wanted: &text::Wanted,
    ) -> Result<(Vec<Word>, Option<String>), SearchError> {
        let last = wanted.words.len() - 1;
        let new = |(i, text): (usize, &String)| Word::new(text, i == last && wanted.is_open);
        let mut words: Vec<Word> = wanted.words.iter().enumerate().map(new).collect();
        for i in 1..words.len() {
            let joined = format!("{}{}", words[i - 1].text, words[i].text);
            let term = tantivy::Term::from_field_text(self.fields.spelling, &joined);
            if rarity.doc_freq(&term)? > 0 {
                words[i - 1].or_joined(&joined);
                words[i].or_joined(&joined);
            }
        }
        let mut suggested: Option<Vec<String>> = None;
        for (i, word) in words.iter_mut().enumerate() {
            if word.others.is_empty() && !spelling::is_known(rarity, &self.fields, &word.text)? {
                let meant = spelling::meant(rarity, &self.fields, &word.text)?;
                if let Some(likeliest) = meant.first() {
                    suggested.get_or_insert_with(|| wanted.words.clone())[i].clone_from(likeliest);
                }
                word.or_meant(meant);
            }
        }
        Ok((words, suggested.map(|words| words.join(" "))))
    }

    /// Prefers what the text names in passing.
    fn with_hints(&self, query: Box<dyn Wanted>, wanted: &text::Wanted) -> Box<dyn Wanted> {
        let kind = wanted.kind.map(|kind| filter::label(self.fields.kind, kind.as_str()));
        let series: Vec<_> =
            wanted.series.iter().map(|series| filter::label(self.fields.supported, series)).collect();
        let series = (!series.is_empty()).then(|| filter::any(series));
        let hints: Vec<_> = kind.into_iter().chain(series).collect();
        if hints.is_empty() {
            return query;
        }
        let flat = |hint| (Occur::Should, Box::new(ConstScoreQuery::new(hint, HINTED)) as Box<dyn Wanted>);
        let clauses = std::iter::once((Occur::Must, query)).chain(hints.into_iter().map(flat));
        Box::new(BooleanQuery::new(clauses.collect()))
    }

    /// The text, the filters and the audience together.
    fn whole(
        &self,
        understood: &Understood,
        audience: Option<Box<dyn Wanted>>,
        query: &Query,
    ) -> Box<dyn Wanted> {
        let conditions = filter::conditions(&self.fields, &query.filters, query.listing);
        let audience = audience.map(|audience| Box::new(BoostQuery::new(audience, 0.0)) as Box<dyn Wanted>);
        let text = understood.query.box_clone();
        filter::all(std::iter::once(text).chain(conditions).chain(audience).collect())
    }

    fn collect(
        &self,
        searcher: &Searcher,
        rarity: &Searcher,
        whole: &dyn Wanted,
        query: &Query,
    ) -> Result<Found, SearchError> {
        let n_wanted = query.skip.saturating_add(query.limit).clamp(1, MAX_WINDOW);
        let facets = query.facets.then_some(FacetCounter { fields: facet_fields(query.listing) });
        let rarity = Rarity(rarity);
        let (total, top, facets) = if query.sort.is_empty() {
            let by_relevance = TopDocs::with_limit(n_wanted).tweak_score(place(is_repeating(query)));
            searcher.search_with_statistics_provider(whole, &(Count, by_relevance, facets), &rarity)?
        } else {
            let sorted = FirstOfSegments { order: whole_order(&query.sort), limit: n_wanted };
            let (total, top, facets) =
                searcher.search_with_statistics_provider(whole, &(Count, sorted, facets), &rarity)?;
            (total, top.into_iter().map(|address| ((0.0, 0), address)).collect(), facets)
        };
        let top = top.into_iter().map(|(place, address)| Ok((place, self.card(searcher, address)?)));
        Ok(Found { total, top: top.collect::<Result<_, SearchError>>()?, facets: facets.unwrap_or_default() })
    }

    fn card(&self, searcher: &Searcher, address: DocAddress) -> Result<Card, SearchError> {
        use tantivy::schema::Value as _;
        let document: TantivyDocument = searcher.doc(address)?;
        let card = document.get_first(self.fields.card).and_then(|card| card.as_bytes()).unwrap_or_default();
        serde_json::from_slice(card).map_err(SearchError::Corrupt)
    }

    fn merge(&self, answers: Vec<Found>, query: &Query, understood: Understood) -> Answer {
        let total = answers.iter().map(|found| found.total).sum();
        let mut top = Vec::new();
        let mut counts = vec![HashMap::default(); facet_fields(query.listing).len()];
        for found in answers {
            top.extend(found.top);
            counts = facets::add(counts, found.facets);
        }
        top.sort_by(|a, b| compare(&query.sort, a, b));
        let page = top.into_iter().skip(query.skip).take(query.limit);
        let hits = page.map(|(_, card)| {
            let pieces = if query.snippets {
                snippet(&card, &understood.stems, self.fields.summary)
            } else {
                Vec::new()
            };
            Hit::of(card, query.listing, pieces)
        });
        Answer {
            total,
            hits: hits.collect(),
            facets: query.facets.then(|| facets::answer(facet_fields(query.listing), counts)),
            suggestion: understood.suggestion,
        }
    }
}

fn facet_fields(listing: Listing) -> FacetFields {
    match listing {
        Listing::PerSeries => BY_SERIES,
        Listing::PerRevision => BY_REVISION,
    }
}

/// Whether a base may be among the results more than once, though one result is all that most people want of it.
fn is_repeating(query: &Query) -> bool {
    query.filters.series.is_empty()
}

/// The score with what speaks for the entry itself.
fn place(is_repeating: bool) -> impl Fn(&SegmentReader) -> Box<dyn Fn(DocId, Score) -> Place> + Send + Sync {
    move |segment| {
        let columns = segment.fast_fields();
        let (Ok(prior), Ok(preferred), Ok(order)) =
            (columns.f64("prior"), columns.u64("preferred"), columns.u64("order"))
        else {
            return Box::new(|_, score| (score, 0));
        };
        Box::new(move |doc, score| {
            #[expect(clippy::cast_possible_truncation, reason = "it is about 1")]
            let prior = prior.first(doc).unwrap_or(1.0) as Score;
            let is_first = !is_repeating || preferred.first(doc) == Some(1);
            let worth = if is_first { prior } else { prior * REPEATED };
            (score * worth, order.first(doc).unwrap_or_default())
        })
    }
}

/// The keys of an order, each once, and behind them those that leave nothing undecided.
fn whole_order(sort: &[Sort]) -> Vec<Sort> {
    let rest = [SortKey::Name, SortKey::Owner, SortKey::Series, SortKey::Downloads];
    let rest = rest.map(|key| Sort { key, descending: false });
    let mut whole: Vec<Sort> = Vec::new();
    for sort in sort.iter().chain(&rest) {
        if whole.iter().all(|before| before.key != sort.key) {
            whole.push(*sort);
        }
    }
    whole
}

/// Orders results of both shelves as each shelf ordered its own.
fn compare(sort: &[Sort], (place, a): &(Place, Card), (other, b): &(Place, Card)) -> Ordering {
    if sort.is_empty() {
        return other.0.total_cmp(&place.0).then(other.1.cmp(&place.1));
    }
    let owner = |card: &Card| if card.promulgated { String::new() } else { card.owner.to_string() };
    let by = |sort: &Sort| {
        let ordering = match sort.key {
            SortKey::Name => a.name.as_str().cmp(b.name.as_str()),
            SortKey::Owner => owner(a).cmp(&owner(b)),
            SortKey::Series => a.series.as_str().cmp(b.series.as_str()),
            SortKey::Downloads => a.downloads.cmp(&b.downloads),
        };
        if sort.descending { ordering.reverse() } else { ordering }
    };
    whole_order(sort).iter().map(by).find(|it| it.is_ne()).unwrap_or(Ordering::Equal)
}
