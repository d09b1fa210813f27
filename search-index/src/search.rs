//! Searching: both shelves are asked, and their answers become one.

use std::collections::{BTreeSet, HashMap};

use charm_model::rights::Caller;
use tantivy::collector::{Count, TopDocs};
use tantivy::query::{AllQuery, BooleanQuery, ConstScoreQuery, EmptyQuery, Occur, Query as Wanted};
use tantivy::{DocAddress, DocId, Score, Searcher, SegmentReader, TantivyDocument};

use crate::analysis;
use crate::answer::{Answer, Hit};
use crate::entry::Card;
use crate::error::SearchError;
use crate::facets::{self, Counts, FacetCounter, FacetFields};
use crate::filter;
use crate::index::SearchIndex;
use crate::query::{Filters, Listing, Query, Sort, SortKey};
use crate::relevance::{self, Word};
use crate::shelf::Rarity;
use crate::snippet::snippet;
use crate::sorted::{FirstOfSegments, Rank, by_score};
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

/// One of the shelves, for one search, and what selects the entries there that the caller may know of.
pub(crate) struct Side {
    pub(crate) searcher: Searcher,
    audience: Option<Box<dyn Wanted>>,
}

/// What one shelf found.
struct Found {
    total: usize,
    top: Vec<(Rank, DocAddress)>,
    facets: Counts,
}

/// A text as it is looked for.
pub(crate) struct Understood {
    pub(crate) query: Box<dyn Wanted>,
    /// What the text says outright that must hold.
    pub(crate) filters: Filters,
    /// What highlights show.
    pub(crate) stems: BTreeSet<String>,
    pub(crate) suggestion: Option<String>,
}

impl SearchIndex {
    /// Answers a search with what the caller may know of.
    pub fn search(&self, caller: &Caller, query: &Query) -> Result<Answer, SearchError> {
        let rarity = self.everybody.searcher();
        let understood = self.understand(&rarity, text::read(&query.text), query.within_names)?;
        self.answer(caller, &rarity, query, &understood)
    }

    /// Asks the shelves that the caller may look at, and puts what they find together.
    fn answer(
        &self,
        caller: &Caller,
        rarity: &Searcher,
        query: &Query,
        understood: &Understood,
    ) -> Result<Answer, SearchError> {
        let sides = self.sides(caller);
        let mut answer = Answer { suggestion: understood.suggestion.clone(), ..Answer::default() };
        let mut top = Vec::new();
        let mut counts = vec![HashMap::default(); facet_fields(query.listing).len()];
        for side in &sides {
            let whole = self.whole(understood, side, query);
            let found = collect(&side.searcher, rarity, whole.as_ref(), query)?;
            answer.total += found.total;
            top.extend(found.top.into_iter().map(|(rank, address)| (rank, &side.searcher, address)));
            counts = facets::add(counts, found.facets);
        }
        top.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        for (_, searcher, address) in page(top, query) {
            answer.hits.push(self.hit(searcher, address, query, understood)?);
        }
        answer.facets = query.facets.then(|| facets::answer(facet_fields(query.listing), counts));
        Ok(answer)
    }

    pub(crate) fn sides(&self, caller: &Caller) -> Vec<Side> {
        let everybody = Side { searcher: self.everybody.searcher(), audience: None };
        let audience = filter::audience(&self.fields, caller);
        let some = audience.map(|it| Side { searcher: self.some.searcher(), audience: Some(it) });
        std::iter::once(everybody).chain(some).collect()
    }

    /// Reads the words: which of them are joined, which are mistyped, which the names have.
    fn understand(
        &self,
        rarity: &Searcher,
        wanted: text::Wanted,
        within_names: bool,
    ) -> Result<Understood, SearchError> {
        if wanted.words.is_empty() {
            // What is no word is nowhere; nothing at all, or filters alone, ask for whatever there is.
            let query: Box<dyn Wanted> =
                if wanted.is_more_than_filters { Box::new(EmptyQuery) } else { Box::new(AllQuery) };
            return Ok(Understood { query, filters: wanted.filters, ..Understood::default() });
        }
        let (words, suggestion) = self.words(rarity, &wanted)?;
        let mut query = relevance::query(&self.fields, &words);
        if within_names {
            let within = filter::within_name(&self.fields, &wanted.words.join("-"));
            query = filter::any(vec![query, Box::new(ConstScoreQuery::new(within, 1.0))]);
        }
        let texts = words
            .iter()
            .flat_map(|it| std::iter::once(&it.text).chain(it.others.iter().map(|(text, _)| text)));
        let stems = texts.flat_map(|text| analysis::stems(text)).collect();
        let query = self.with_hints(query, &wanted);
        Ok(Understood { query, filters: wanted.filters, stems, suggestion })
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
        let suggestion = self.mend(rarity, &mut words)?;
        Ok((words, suggestion))
    }

    /// Adds to words that nobody has what was probably meant; returns the text so mended, if it is another.
    fn mend(&self, rarity: &Searcher, words: &mut [Word]) -> Result<Option<String>, SearchError> {
        let mut mended: Vec<String> = words.iter().map(|word| word.text.clone()).collect();
        let (mut n_mistyped, mut is_mended) = (0, false);
        for (word, mended) in words.iter_mut().zip(&mut mended) {
            if n_mistyped == spelling::MAX_MISTYPED {
                break;
            }
            if !word.others.is_empty() || spelling::is_known(rarity, &self.fields, &word.text)? {
                continue;
            }
            n_mistyped += 1;
            let meant = spelling::meant(rarity, &self.fields, &word.text)?;
            if let Some(likeliest) = meant.first() {
                mended.clone_from(likeliest);
                is_mended = true;
            }
            word.or_meant(meant);
        }
        Ok(is_mended.then(|| mended.join(" ")))
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
    pub(crate) fn whole(&self, understood: &Understood, side: &Side, query: &Query) -> Box<dyn Wanted> {
        let text = std::iter::once(understood.query.box_clone());
        let conditions = [&understood.filters, &query.filters]
            .into_iter()
            .flat_map(|filters| filter::conditions(&self.fields, filters, query.listing));
        let listed = filter::listed(&self.fields, query.listing, &query.without);
        let audience = side.audience.as_ref().map(|it| filter::unscored(it.box_clone()));
        filter::all(text.chain(conditions).chain(listed).chain(audience).collect())
    }

    pub(crate) fn hit(
        &self,
        searcher: &Searcher,
        address: DocAddress,
        query: &Query,
        understood: &Understood,
    ) -> Result<Hit, SearchError> {
        use tantivy::schema::Value as _;
        let document: TantivyDocument = searcher.doc(address)?;
        let card = document.get_first(self.fields.card).and_then(|card| card.as_bytes()).unwrap_or_default();
        let card: Card = serde_json::from_slice(card).map_err(SearchError::Corrupt)?;
        let shown = query.snippets.then(|| snippet(&card, &understood.stems, self.fields.summary));
        Ok(Hit::of(card, query.listing, shown.unwrap_or_default()))
    }
}

/// Asks for everything, and looks for nothing in particular.
impl Default for Understood {
    fn default() -> Self {
        Self {
            query: Box::new(AllQuery),
            filters: Filters::default(),
            stems: BTreeSet::new(),
            suggestion: None,
        }
    }
}

pub(crate) fn page<T>(top: Vec<T>, query: &Query) -> impl Iterator<Item = T> {
    let n_shown = query.limit.min(MAX_WINDOW.saturating_sub(query.skip));
    top.into_iter().skip(query.skip).take(n_shown)
}

fn collect(
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
        let (total, top, facets) =
            searcher.search_with_statistics_provider(whole, &(Count, by_relevance, facets), &rarity)?;
        let top = top.into_iter().map(|((score, order), address)| (by_score(score, order), address));
        (total, top.collect(), facets)
    } else {
        let sorted = FirstOfSegments { order: whole_order(&query.sort), limit: n_wanted };
        searcher.search_with_statistics_provider(whole, &(Count, sorted, facets), &rarity)?
    };
    Ok(Found { total, top, facets: facets.unwrap_or_default() })
}

fn facet_fields(listing: Listing) -> FacetFields {
    match listing {
        Listing::PerSeries => BY_SERIES,
        Listing::PerRevision => BY_REVISION,
    }
}

/// Whether a base may be among the results more than once, though one result is all that most people want of it.
pub(crate) fn is_repeating(query: &Query) -> bool {
    query.filters.series.is_empty()
}

/// The score with what speaks for the entry itself, and what decides between equals.
pub(crate) type Place = (Score, u64);

pub(crate) fn place(
    is_repeating: bool,
) -> impl Fn(&SegmentReader) -> Box<dyn Fn(DocId, Score) -> Place> + Send + Sync {
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
