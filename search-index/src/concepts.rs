//! What people call things: the table of concepts, read once, and words that mean the same.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use crate::analysis;
use crate::names;

static CONCEPTS: LazyLock<HashMap<&str, Vec<&str>>> = LazyLock::new(|| {
    let mut concepts: HashMap<&str, Vec<&str>> = HashMap::new();
    for (phrases, names) in lines(include_str!("concepts.txt")).filter_map(|line| line.split_once('=')) {
        for name in names.split_whitespace() {
            concepts.entry(name).or_default().extend(phrases.split(',').map(str::trim));
        }
    }
    concepts
});

static EQUIVALENTS: LazyLock<HashMap<&str, Vec<&str>>> = LazyLock::new(|| {
    let mut equivalents: HashMap<&str, Vec<&str>> = HashMap::new();
    for line in lines(include_str!("equivalents.txt")) {
        let group: Vec<&str> = line.split_whitespace().collect();
        for word in &group {
            equivalents.entry(word).or_default().extend(group.iter().filter(|other| *other != word));
        }
    }
    equivalents
});

/// Every form of a word that means the same as others, with every form of these: words and stems.
static SAME_TERMS: LazyLock<HashMap<String, BTreeSet<String>>> = LazyLock::new(|| {
    let mut same: HashMap<String, BTreeSet<String>> = HashMap::new();
    for (word, others) in EQUIVALENTS.iter() {
        for form in forms(word) {
            same.entry(form).or_default().extend(others.iter().flat_map(|other| forms(other)));
        }
    }
    same
});

fn forms(word: &str) -> impl Iterator<Item = String> {
    std::iter::once(word.to_owned()).chain(analysis::stems(word))
}

/// Lines that say something.
fn lines(table: &str) -> impl Iterator<Item = &str> {
    table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Returns the phrases that people use for what has this name.
pub(crate) fn phrases_of(name: &str) -> BTreeSet<&'static str> {
    phrases(&[names::compact(name), names::core(name)])
}

/// Returns the phrases for what the name begins with: `kafka-connect` has to do with message queues.
pub(crate) fn phrases_near(name: &str) -> BTreeSet<&'static str> {
    let first = name.split('-').next().unwrap_or(name);
    phrases(&[first.to_owned(), names::core(first)]).difference(&phrases_of(name)).copied().collect()
}

fn phrases(keys: &[String; 2]) -> BTreeSet<&'static str> {
    keys.iter().filter_map(|key| CONCEPTS.get(key.as_str())).flatten().copied().collect()
}

/// Returns the words that mean the same.
pub(crate) fn equivalents(word: &str) -> &'static [&'static str] {
    EQUIVALENTS.get(word).map_or(&[], Vec::as_slice)
}

/// Returns the terms, stems or not, that mean the same as this one.
pub(crate) fn same_terms(term: &str) -> impl Iterator<Item = &'static str> {
    SAME_TERMS.get(term).into_iter().flatten().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_concept_is_known_under_every_form_of_the_name() {
        for name in ["redis", "redis-k8s", "charmed-redis", "redis7"] {
            assert!(phrases_of(name).contains("key value store"), "{name}");
        }
        assert!(phrases_near("redis-exporter").contains("key value store"));
        assert!(phrases_of("filebeat-config-redis").iter().all(|phrase| *phrase != "key value store"));
    }

    #[test]
    fn every_name_of_the_table_is_written_as_names_are_looked_up() {
        let is_plain = |name: &&&str| name.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
        assert_eq!(CONCEPTS.keys().find(|name| !is_plain(name)), None);
    }

    #[test]
    fn equivalence_holds_both_ways() {
        assert!(equivalents("k8s").contains(&"kubernetes"));
        assert!(equivalents("kubernetes").contains(&"k8s"));
        assert!(equivalents("haproxy").is_empty());
        assert!(same_terms("kubernet").any(|term| term == "k8s"), "stems as well");
    }
}
