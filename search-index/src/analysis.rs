//! From text to terms: prose is cut into words, lower-cased, freed of accents and reduced to stems.

use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer, StopWordFilter,
    TextAnalyzer, TokenizerManager,
};

/// The name of the analyser of prose.
pub(crate) const PROSE: &str = "prose";

/// The longest word, in bytes. What is longer is a digest or a key, and nobody types it.
const MAX_WORD_BYTES: usize = 40;

/// Words that say nothing of what is looked for.
const STOP_WORDS: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "in", "into", "is", "it", "its", "of",
    "on", "or", "that", "the", "this", "to", "with", "which", "you", "your",
];

/// Returns the analysers that the index's fields name.
pub(crate) fn analysers() -> TokenizerManager {
    let manager = TokenizerManager::default();
    manager.register(PROSE, prose());
    manager
}

/// Returns the analyser of prose.
pub(crate) fn prose() -> TextAnalyzer {
    let stop = StopWordFilter::remove(STOP_WORDS.iter().map(ToString::to_string));
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(MAX_WORD_BYTES))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .filter(stop)
        .filter(Stemmer::new(Language::English))
        .build()
}

/// Returns the words of a text as they are written, in lower case and without accents.
pub(crate) fn plain_words(text: &str) -> Vec<String> {
    let mut analyser = TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(MAX_WORD_BYTES))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .build();
    terms(&mut analyser, text)
}

/// Returns the stems of a text, stop words left out.
pub(crate) fn stems(text: &str) -> Vec<String> {
    terms(&mut prose(), text)
}

/// Says whether the word says nothing of what is looked for.
pub(crate) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.contains(&word)
}

fn terms(analyser: &mut TextAnalyzer, text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    analyser.token_stream(text).process(&mut |token| terms.push(token.text.clone()));
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_reduced_to_what_is_looked_for() {
        assert_eq!(stems("The Dashboards of a Café, monitored"), ["dashboard", "cafe", "monitor"]);
    }

    #[test]
    fn plain_words_are_kept_as_written() {
        assert_eq!(plain_words("In-memory Caches"), ["in", "memory", "caches"]);
    }
}
