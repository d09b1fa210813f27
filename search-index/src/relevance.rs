//! How a text becomes a query: which fields a word is looked for in, and what finding it there is worth.
//!
//! Names speak loudest: the whole name, then what it is about, then its beginning, then a word of it. What people
//! call a thing (the table of concepts) comes next, then what its author says of it, from the summary down to the
//! README. A word counts once, where it counts most; words add up.

use tantivy::Term;
use tantivy::query::{
    BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, Occur, PhraseQuery, Query, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};

use crate::analysis;
use crate::concepts;
use crate::names;
use crate::schema::Fields;

/// What the whole text is worth as a name, flat.
const WHOLE_NAME: f32 = 14.0;
const CORE_NAME: f32 = 11.0;
/// What it is worth as the beginning of a name, flat: what has the name comes before what is only told of it.
const BEGUN_NAME: f32 = 6.0;
/// What a word is worth as a beginning, flat.
const NAME_START: f32 = 4.0;
const INNER_START: f32 = 2.0;
/// What a word is worth in each field, times its rarity there.
const NAME_WORD: f32 = 2.2;
const CONCEPT: f32 = 2.0;
const NEAR_CONCEPT: f32 = 0.8;
const SUMMARY: f32 = 1.5;
const TAG: f32 = 1.2;
const DESCRIPTION: f32 = 0.7;
const APPLICATION: f32 = 0.6;
const INTERFACE: f32 = 0.5;
const README: f32 = 0.3;
const OPTION: f32 = 0.1;
const OWNER: f32 = 0.6;
/// What a text is worth as a phrase, on top of its words.
const CONCEPT_PHRASE: f32 = 2.5;
const SUMMARY_PHRASE: f32 = 1.0;
const DESCRIPTION_PHRASE: f32 = 0.5;
/// What the fields beside the best add.
const TIE: f32 = 0.15;
/// What a word that means the same is worth of the word itself, and one that was probably meant.
const EQUIVALENT: f32 = 0.8;
const MEANT: f32 = 0.8;

/// A word to look for, with what it may stand for.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    /// As it is written.
    pub(crate) text: String,
    /// Other words, and what they are worth of it.
    pub(crate) others: Vec<(String, f32)>,
    /// Whether it may go on.
    pub(crate) is_open: bool,
}

impl Word {
    pub(crate) fn new(text: &str, is_open: bool) -> Self {
        let others = concepts::equivalents(text).iter().map(|other| ((*other).to_owned(), EQUIVALENT));
        Self { text: text.to_owned(), others: others.collect(), is_open }
    }

    pub(crate) fn or_meant(&mut self, others: impl IntoIterator<Item = String>) {
        self.others.extend(others.into_iter().map(|other| (other, MEANT)));
    }

    /// Adds a word that this one makes with its neighbour.
    pub(crate) fn or_joined(&mut self, joined: &str) {
        self.others.push((joined.to_owned(), 1.0));
    }
}

/// Returns the query for these words: most of them must be found, and more is better.
pub(crate) fn query(fields: &Fields, words: &[Word]) -> Box<dyn Query> {
    let found = words.iter().map(|word| (Occur::Should, word_query(fields, word)));
    let words_query = BooleanQuery::with_minimum_required_clauses(found.collect(), n_required(words.len()));
    let mut clauses: Vec<(Occur, Box<dyn Query>)> = vec![(Occur::Must, Box::new(words_query))];
    clauses.extend(name_bonuses(fields, words).into_iter().map(|it| (Occur::Should, it)));
    clauses.extend(phrase_bonuses(fields, words).into_iter().map(|it| (Occur::Should, it)));
    Box::new(BooleanQuery::new(clauses))
}

/// How many words of so many must be found: both of two would leave out what has a better word for one.
fn n_required(n_words: usize) -> usize {
    match n_words {
        0..=2 => 1,
        n => (2 * n).div_ceil(3),
    }
}

fn word_query(fields: &Fields, word: &Word) -> Box<dyn Query> {
    let mut places = places(fields, &word.text);
    places.push(term(fields.owner_words, &word.text, OWNER));
    if word.is_open {
        places.push(flat(fields.name_starts, &word.text, NAME_START));
        places.push(flat(fields.inner_starts, &word.text, INNER_START));
    }
    for (other, worth) in &word.others {
        let others = DisjunctionMaxQuery::with_tie_breaker(self::places(fields, other), TIE);
        places.push(Box::new(BoostQuery::new(Box::new(others), *worth)));
    }
    Box::new(DisjunctionMaxQuery::with_tie_breaker(places, TIE))
}

fn places(fields: &Fields, word: &str) -> Vec<Box<dyn Query>> {
    let mut places = vec![term(fields.name_words, word, NAME_WORD)];
    let prose = [
        (fields.concepts, CONCEPT),
        (fields.near_concepts, NEAR_CONCEPT),
        (fields.summary, SUMMARY),
        (fields.tag_words, TAG),
        (fields.description, DESCRIPTION),
        (fields.applications, APPLICATION),
        (fields.interface_words, INTERFACE),
        (fields.readme, README),
        (fields.options, OPTION),
    ];
    for stem in analysis::stems(word) {
        places.extend(prose.iter().map(|(field, worth)| term(*field, &stem, *worth)));
        if stem != word {
            places.push(term(fields.name_words, &stem, NAME_WORD));
        }
    }
    places
}

/// What the text is worth as a name, whether its words are divided as in the name or not.
fn name_bonuses(fields: &Fields, words: &[Word]) -> Vec<Box<dyn Query>> {
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let mut names = vec![(texts.join("-"), 1.0)];
    if let [word] = words {
        names.extend(word.others.iter().cloned());
    }
    let bonuses = names.iter().map(|(name, worth)| {
        let whole = flat(fields.name_whole, name, WHOLE_NAME * worth);
        let compact = flat(fields.name_whole, &names::compact(name), WHOLE_NAME * worth);
        let core = flat(fields.name_core, &names::core(name), CORE_NAME * worth);
        Box::new(DisjunctionMaxQuery::with_tie_breaker(vec![whole, compact, core], 0.0)) as Box<dyn Query>
    });
    // What is typed begins a name; what was meant by it has to be one.
    let begun = flat(fields.name_starts, &names::compact(&texts.join("-")), BEGUN_NAME);
    vec![Box::new(DisjunctionMaxQuery::with_tie_breaker(bonuses.chain([begun]).collect(), 0.0))]
}

fn phrase_bonuses(fields: &Fields, words: &[Word]) -> Vec<Box<dyn Query>> {
    let text: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let stems = analysis::stems(&text.join(" "));
    let places = [
        (fields.concepts, CONCEPT_PHRASE),
        (fields.summary, SUMMARY_PHRASE),
        (fields.description, DESCRIPTION_PHRASE),
    ];
    if stems.len() < 2 {
        return Vec::new();
    }
    places.iter().map(|(field, worth)| boosted(phrase(*field, &stems), *worth)).collect()
}

/// Matches the stems one after the other.
pub(crate) fn phrase(field: Field, stems: &[String]) -> Box<dyn Query> {
    match stems {
        [stem] => term(field, stem, 1.0),
        stems => {
            Box::new(PhraseQuery::new(stems.iter().map(|stem| Term::from_field_text(field, stem)).collect()))
        }
    }
}

fn boosted(query: Box<dyn Query>, worth: f32) -> Box<dyn Query> {
    Box::new(BoostQuery::new(query, worth))
}

fn term(field: Field, text: &str, worth: f32) -> Box<dyn Query> {
    let term = Term::from_field_text(field, text);
    boosted(Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)), worth)
}

pub(crate) fn flat(field: Field, text: &str, worth: f32) -> Box<dyn Query> {
    let term = Term::from_field_text(field, text);
    Box::new(ConstScoreQuery::new(Box::new(TermQuery::new(term, IndexRecordOption::Basic)), worth))
}
