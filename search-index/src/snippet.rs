//! Where a result matches, for people to see why it is one.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use tantivy::schema::Field;
use tantivy::snippet::{SnippetGenerator, collapse_overlapped_ranges};

use crate::analysis;
use crate::answer::Piece;
use crate::entry::Card;

/// The longest snippet, in characters.
const MAX_CHARS: usize = 180;

/// Returns a passage of the entry's texts that has some of the words: of the summary, if it has any of them.
pub(crate) fn snippet(card: &Card, stems: &BTreeSet<String>, field: Field) -> Vec<Piece> {
    let terms: BTreeMap<String, f32> = stems.iter().map(|stem| (stem.clone(), 1.0)).collect();
    let generator = SnippetGenerator::new(terms, analysis::prose(), field, MAX_CHARS);
    for text in [&card.summary, &card.description, &card.readme] {
        let snippet = generator.snippet(text);
        if !snippet.highlighted().is_empty() {
            return pieces(snippet.fragment(), &collapse_overlapped_ranges(snippet.highlighted()));
        }
    }
    Vec::new()
}

fn pieces(text: &str, hits: &[Range<usize>]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut push = |range: Range<usize>, hit: bool| {
        if let Some(text) = text.get(range).filter(|text| !text.is_empty()) {
            pieces.push(Piece { text: one_line(text), hit });
        }
    };
    let mut end = 0;
    for hit in hits {
        push(end..hit.start, false);
        push(hit.clone(), true);
        end = hit.end;
    }
    push(end..text.len(), false);
    pieces
}

/// Texts are broken into lines for a window of their author's.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        let character = if character.is_whitespace() { ' ' } else { character };
        if !(character == ' ' && line.ends_with(' ')) {
            line.push(character);
        }
    }
    line
}
