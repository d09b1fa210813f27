//! What a user typed, read as far as it says more than words: `requires:etcd`, `~alice backup`, `mysql on trusty`.

use charm_model::series;

use crate::analysis::{is_stop_word, plain_words};
use crate::entry::Kind;
use crate::query::Filters;

/// The most words of a text that are looked for. More do not narrow anything down, and each costs.
const MAX_WORDS: usize = 12;

/// How much of a text is read, in pieces between spaces: what is pasted by mistake is not taken apart.
const MAX_PIECES: usize = 60;

/// What a text asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The words, as they are written.
    pub(crate) words: Vec<String>,
    /// Whether it has anything but filters, be it a word or not.
    pub(crate) is_more_than_filters: bool,
    /// Everything but the filters, run together in lower case: how a name may begin.
    pub(crate) start: String,
    /// What it says outright that must hold.
    pub(crate) filters: Filters,
    /// The kind that it names in passing: what has it is preferred, nothing is left out.
    pub(crate) kind: Option<Kind>,
    /// The series that it names in passing.
    pub(crate) series: Vec<String>,
    /// Whether the last word may go on.
    pub(crate) is_open: bool,
}

/// Reads a text.
pub(crate) fn read(text: &str) -> Wanted {
    let mut wanted = Wanted { is_open: !text.ends_with(char::is_whitespace), ..Wanted::default() };
    let mut rest = Vec::new();
    for piece in text.split_whitespace().take(MAX_PIECES) {
        let piece = piece.strip_prefix("cs:").unwrap_or(piece);
        if let Some(piece) = read_filter(piece, &mut wanted.filters).filter(|piece| !piece.is_empty()) {
            wanted.is_more_than_filters = true;
            for word in plain_words(piece) {
                if !rest.contains(&word) {
                    rest.push(word);
                }
            }
            wanted.start.extend(piece.to_lowercase().chars().filter(|it| it.is_alphanumeric()));
        }
    }
    let words: Vec<String> = rest.iter().filter(|word| !is_stop_word(word)).cloned().collect();
    // A text of such words alone asks for nothing else: then they are what is looked for.
    let words = if words.is_empty() { rest } else { words };
    take_hints(words, &mut wanted);
    wanted.words.truncate(MAX_WORDS);
    wanted
}

/// Takes what a piece says of a field, or of an owner by its tilde; returns what is left to be looked for.
fn read_filter<'a>(piece: &'a str, filters: &mut Filters) -> Option<&'a str> {
    if let Some(owner) = piece.strip_prefix('~').filter(|owner| !owner.is_empty()) {
        let (owner, name) = owner.split_once('/').unwrap_or((owner, ""));
        filters.owner.push(owner.to_owned());
        return Some(name);
    }
    let Some((field, value)) = piece.split_once(':').filter(|(_, value)| !value.is_empty()) else {
        return Some(piece);
    };
    let value = value.to_owned();
    match field.to_ascii_lowercase().as_str() {
        "name" => filters.name.push(value),
        "owner" | "publisher" => filters.owner.push(value),
        "series" | "base" => filters.series.push(value),
        "tag" | "tags" | "category" | "categories" => filters.tags.push(value),
        "provides" => filters.provides.push(value),
        "requires" => filters.requires.push(value),
        "arch" | "architecture" => filters.architectures.push(value),
        "type" | "kind" => {
            filters.kind.push(if value == "bundle" { Kind::Bundle } else { Kind::Charm });
        }
        _ => return Some(piece),
    }
    None
}

/// Takes words that say what kind of thing is wanted, or where it is to run, if others are left.
fn take_hints(words: Vec<String>, wanted: &mut Wanted) {
    // `kubernetes` is a series as well, and nobody who types it means that.
    let is_series = |word: &str| word != "kubernetes" && series::is_known(word);
    let is_hint = |word: &String| matches!(word.as_str(), "bundle" | "bundles") || is_series(word);
    if words.len() < 2 || words.iter().all(is_hint) {
        wanted.words = words;
        return;
    }
    for word in words {
        if matches!(word.as_str(), "bundle" | "bundles") {
            wanted.kind = Some(Kind::Bundle);
        } else if is_series(&word) {
            wanted.series.push(word);
        } else {
            wanted.words.push(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_filters_and_the_rest_are_words() {
        let wanted = read("requires:etcd category:databases ~alice Key-value http://x");
        assert_eq!(wanted.words, ["key", "value", "http", "x"]);
        let Filters { owner, tags, requires, .. } = wanted.filters;
        assert_eq!(
            (owner, tags, requires),
            (vec!["alice".into()], vec!["databases".into()], vec!["etcd".into()])
        );
    }

    #[test]
    fn what_stands_behind_an_owner_is_a_word_that_a_name_may_begin_with() {
        let wanted = read("~alice/My-sq tags:x");
        assert_eq!((wanted.words, wanted.start), (vec!["my".into(), "sq".into()], "mysq".into()));
        assert_eq!(wanted.filters.owner, ["alice"]);
    }

    #[test]
    fn series_and_kind_in_passing_are_preferred_and_not_looked_for() {
        let wanted = read("mysql on trusty bundle");
        assert_eq!(
            (wanted.words, wanted.series, wanted.kind),
            (vec!["mysql".into()], vec!["trusty".into()], Some(Kind::Bundle))
        );
        assert_eq!(read("bundle").words, ["bundle"]);
        assert_eq!(read("kubernetes worker").words, ["kubernetes", "worker"]);
    }

    #[test]
    fn stop_words_are_looked_for_only_where_nothing_else_is() {
        assert_eq!(read("systems for the machines").words, ["systems", "machines"]);
        assert_eq!(read("it").words, ["it"]);
    }

    #[test]
    fn a_reference_is_read_as_what_it_names() {
        let wanted = read("cs:~alice/trusty/mysql-3");
        assert_eq!((wanted.words, wanted.series), (vec!["mysql".into(), "3".into()], vec!["trusty".into()]));
    }

    #[test]
    fn a_word_that_a_space_follows_is_whole() {
        assert!(read("post").is_open);
        assert!(!read("post ").is_open);
    }
}
