//! Names of charms, taken apart: the words that are typed for `postgresql-k8s` are rarely `postgresql-k8s`.

use std::collections::BTreeSet;

/// Words that say how a charm is made or where it runs, and not what it is.
const QUALIFIERS: &[&str] = &["k8s", "operator", "charm", "bundle", "charmed", "layer", "subordinate"];

/// Words that a name can do without as well, and that still say something.
const EPITHETS: &[&str] = &["server", "apache"];

/// The longest beginning of a name that is indexed as such, in bytes. Who typed more gets there by its words.
pub(crate) const MAX_START_BYTES: usize = 20;

/// A part of a name, in bytes: v4's autocompletion matches within names from three characters on.
pub(crate) const PART_BYTES: usize = 3;

/// A name's words: between dashes, without the numbers that stand behind (`prometheus2` is `prometheus` too), and
/// each with its neighbour (`mongo-db` is `mongodb` too).
pub(crate) fn words(name: &str) -> BTreeSet<String> {
    let plain = telling(name, QUALIFIERS);
    let joined = plain.windows(2).map(<[_]>::concat);
    let stripped = plain.iter().map(|word| without_number(word).to_owned());
    plain.iter().map(ToString::to_string).chain(joined).chain(stripped).collect()
}

/// The name with its words run together.
pub(crate) fn compact(name: &str) -> String {
    name.replace('-', "")
}

/// What a name is about, run together: `postgresql` for `charmed-postgresql-k8s`, `mysql` for `mysql8`.
pub(crate) fn core(name: &str) -> String {
    let telling = telling(name, &[QUALIFIERS, EPITHETS].concat());
    without_number(&telling.concat()).to_owned()
}

/// The words of a name but these; all, if there are no others.
fn telling<'a>(name: &'a str, but: &[&str]) -> Vec<&'a str> {
    let words = || name.split('-').filter(|word| !word.is_empty());
    let telling: Vec<&str> = words().filter(|word| !but.contains(word)).collect();
    if telling.is_empty() { words().collect() } else { telling }
}

/// The beginnings of a text.
pub(crate) fn starts(text: &str) -> impl Iterator<Item = &str> {
    (1..=text.len().min(MAX_START_BYTES)).filter(|end| text.is_char_boundary(*end)).map(|end| &text[..end])
}

/// Says whether so many names begin with that that hardly anybody reads all of them.
pub(crate) const fn is_short(start: &str) -> bool {
    start.len() < PART_BYTES
}

/// The beginning of names for which so much speaks.
pub(crate) fn start_of_class(start: &str, class: u8) -> String {
    format!("{class}{start}")
}

/// The beginnings of every word of a name but the first, run together with those behind it.
pub(crate) fn inner_starts(name: &str) -> BTreeSet<String> {
    let words = telling(name, QUALIFIERS);
    let tails = (1..words.len()).map(|first| words[first..].concat());
    tails.flat_map(|tail| starts(&tail).map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The parts of a text, of [`PART_BYTES`] each, one for each place where one begins.
pub(crate) fn parts(text: &str) -> impl Iterator<Item = String> {
    text.as_bytes().windows(PART_BYTES).map(|part| String::from_utf8_lossy(part).into_owned())
}

fn without_number(word: &str) -> &str {
    let stripped = word.trim_end_matches(|it: char| it.is_ascii_digit());
    if stripped.len() > 2 { stripped } else { word }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("postgresql-k8s" => "postgresql"; "where it runs")]
    #[test_case("charmed-kubernetes" => "kubernetes"; "who made it")]
    #[test_case("rabbitmq-server" => "rabbitmq"; "that it serves")]
    #[test_case("prometheus2" => "prometheus"; "which generation")]
    #[test_case("ceph-osd" => "cephosd"; "a name that is all telling")]
    #[test_case("charm-bundle" => "charmbundle"; "a name of qualifiers only")]
    #[test_case("k8s" => "k8s"; "a number within")]
    fn a_name_is_about(name: &str) -> String {
        core(name)
    }

    #[test]
    fn a_name_is_found_by_its_words_however_they_are_divided() {
        let words: Vec<_> = words("mongo-db-exporter2").into_iter().collect();
        assert_eq!(words, ["db", "dbexporter2", "exporter", "exporter2", "mongo", "mongodb"]);
    }

    #[test]
    fn parts_follow_each_other() {
        assert_eq!(parts("aaab").collect::<Vec<_>>(), ["aaa", "aab"]);
        assert_eq!(parts("ab").count(), 0);
    }

    #[test]
    fn an_inner_word_begins_what_follows_it() {
        assert!(inner_starts("ceph-osd-x").contains("osdx"));
        assert!(!inner_starts("ceph-osd").contains("ceph"));
    }
}
