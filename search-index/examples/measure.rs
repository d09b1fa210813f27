//! What search costs at some size: `measure ENTITIES QUERIES`, both JSON lines.
//!
//! An entity has `owner`, `name`, `kind`, `summary`, `description`, `readme`, `series`, `tags`, `provides`, `requires`,
//! `applications`, `downloads`; a query has `text`, and `autocomplete` if it is one keystroke of many.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use charm_model::name::Series;
use charm_model::reference::{BaseId, Revision};
use charm_model::rights::Caller;
use charm_model::timestamp::Timestamp;
use search_index::{Audience, Entry, Kind, Query, SearchIndex};
use serde_json::Value;

type Failure = Box<dyn std::error::Error>;

/// As often as a server that makes its index.
const FLUSH_EVERY: usize = 10_000;

fn main() -> Result<(), Failure> {
    let [_, entities, queries] =
        std::env::args().collect::<Vec<_>>().try_into().map_err(|_| "ENTITIES QUERIES")?;
    let directory = tempfile::tempdir()?;
    let index = SearchIndex::open(directory.path())?;
    let begun = Instant::now();
    for (n, line) in lines(&entities)?.enumerate() {
        if n % FLUSH_EVERY == FLUSH_EVERY - 1 {
            index.flush()?;
        }
        if let Some(entries) = entries(&serde_json::from_str(&line?)?) {
            index.replace(&entries[0].base, &Audience::Everybody, &entries)?;
        }
    }
    index.commit(1)?;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{} entries in {:.1?}, {} MB",
        index.len(),
        begun.elapsed(),
        size(directory.path())? >> 20
    )?;
    let (mut searches, mut faceted, mut completions) = (Vec::new(), Vec::new(), Vec::new());
    for line in lines(&queries)? {
        let query: Value = serde_json::from_str(&line?)?;
        let Some(text) = query["text"].as_str() else { continue };
        if query["autocomplete"].is_null() {
            searches.push(timed(|| index.search(&Caller::Anonymous, &Query::of(text)).map(drop))?);
            let whole = Query { facets: true, snippets: true, ..Query::of(text) };
            faceted.push(timed(|| index.search(&Caller::Anonymous, &whole).map(drop))?);
        } else {
            completions.push(timed(|| index.complete(&Caller::Anonymous, text, 10).map(drop))?);
        }
    }
    for (what, mut times) in [("search", searches), ("with facets", faceted), ("autocomplete", completions)] {
        times.sort_unstable();
        let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default();
        writeln!(out, "{what}: {} times, p50 {:.2?}, p99 {:.2?}", times.len(), at(50), at(99))?;
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    writeln!(
        out,
        "{}",
        status
            .lines()
            .filter(|it| it.starts_with("VmHWM") || it.starts_with("RssAnon"))
            .collect::<Vec<_>>()
            .join(", ")
    )?;
    Ok(())
}

fn lines(file: &str) -> std::io::Result<std::io::Lines<BufReader<std::fs::File>>> {
    Ok(BufReader::new(std::fs::File::open(file)?).lines())
}

fn timed<E>(work: impl FnOnce() -> Result<(), E>) -> Result<Duration, E> {
    let begun = Instant::now();
    work().map(|()| begun.elapsed())
}

fn size(directory: &Path) -> std::io::Result<u64> {
    let mut total = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        total += if entry.file_type()?.is_dir() { size(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(total)
}

/// One entry for each series; none of what is not named as charms are.
fn entries(entity: &Value) -> Option<Vec<Entry>> {
    let text = |field: &str| entity[field].as_str().unwrap_or_default().to_owned();
    let values = |field: &str| match &entity[field] {
        Value::Object(map) => map.values().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let base = BaseId { owner: text("owner").parse().ok()?, name: text("name").parse().ok()? };
    let is_bundle = text("kind") == "bundle";
    let mut series: Vec<Series> = values("series").iter().filter_map(|it| it.parse().ok()).collect();
    if is_bundle || series.is_empty() {
        series = vec![if is_bundle { Series::bundle() } else { "xenial".parse().ok()? }];
    }
    let entry = |(place, one): (usize, &Series)| Entry {
        base: base.clone(),
        series: one.clone(),
        revision: Revision::FIRST,
        kind: if is_bundle { Kind::Bundle } else { Kind::Charm },
        supported: series.clone(),
        is_multi_series: !is_bundle,
        is_lead: place == 0,
        is_preferred: place == 0,
        is_promulgated: false,
        title: String::new(),
        summary: text("summary"),
        description: text("description"),
        readme: text("readme"),
        tags: values("tags"),
        provides: values("provides"),
        requires: values("requires"),
        options: Vec::new(),
        architectures: Vec::new(),
        applications: values("applications"),
        downloads: entity["downloads"].as_u64().unwrap_or_default(),
        revisions: 1,
        published_at: Timestamp::from_micros(1_700_000_000_000_000),
    };
    Some(series.iter().enumerate().map(entry).collect())
}
