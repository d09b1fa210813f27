//! The collection of `judged/entries.txt`, and indexes of it.

use charm_model::name::Series;
use charm_model::reference::{BaseId, Revision};
use charm_model::timestamp::Timestamp;
use search_index::{Audience, Cursor, Entry, Kind, SearchIndex};

/// Returns the entries of the collection, one for each series.
pub(crate) fn entries() -> Vec<Entry> {
    let lines = include_str!("judged/entries.txt").lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(entries_of).collect()
}

fn entries_of(line: &str) -> Vec<Entry> {
    let columns: Vec<&str> = line.split('|').map(str::trim).collect();
    let [base, kind, series, tags, provides, requires, applications, summary, description] = columns[..]
    else {
        panic!("`{line}` has {} columns", columns.len());
    };
    let words = |list: &str| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let series: Vec<Series> = words(series).iter().map(|series| series.parse().unwrap()).collect();
    let entry = |(place, one): (usize, &Series)| Entry {
        base: format!("~{base}").parse().unwrap(),
        series: one.clone(),
        kind: if kind == "bundle" { Kind::Bundle } else { Kind::Charm },
        supported: series.clone(),
        is_lead: place == 0,
        is_preferred: place == 0,
        summary: summary.to_owned(),
        description: description.to_owned(),
        tags: words(tags),
        provides: words(provides),
        requires: words(requires),
        applications: words(applications),
        ..plain(format!("~{base}").parse().unwrap())
    };
    series.iter().enumerate().map(entry).collect()
}

/// Returns an entry that has nothing but a name.
pub(crate) fn plain(base: BaseId) -> Entry {
    Entry {
        base,
        series: "jammy".parse().unwrap(),
        revision: Revision::FIRST,
        kind: Kind::Charm,
        supported: vec!["jammy".parse().unwrap()],
        is_multi_series: true,
        is_lead: true,
        is_preferred: true,
        is_promulgated: false,
        title: String::new(),
        summary: String::new(),
        description: String::new(),
        readme: String::new(),
        tags: Vec::new(),
        provides: Vec::new(),
        requires: Vec::new(),
        options: Vec::new(),
        architectures: Vec::new(),
        applications: Vec::new(),
        downloads: 0,
        revisions: 1,
        published_at: Timestamp::from_micros(1_700_000_000_000_000),
    }
}

/// Returns an index of entries that everybody may see.
pub(crate) fn index_of(entries: &[Entry]) -> SearchIndex {
    let index = SearchIndex::in_memory().unwrap();
    for same_base in entries.chunk_by(|a, b| a.base == b.base) {
        index.replace(&same_base[0].base, &Audience::Everybody, same_base).unwrap();
    }
    index.commit(at(1)).unwrap();
    index
}

/// Returns the cursor at an event.
pub(crate) fn at(event: u64) -> Cursor {
    Cursor { event, at: Timestamp::from_micros(1_700_000_000_000_000) }
}
