//! Search among many: what the index costs, and how long a question takes, by the server's own library.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use charm_model::rights::Caller;
use charm_model::timestamp::Timestamp;
use search_index::{Audience, Cursor, Query, SearchIndex};

use crate::entities;
use crate::ground::Ground;
use crate::memory;
use crate::table::{Searches, Table, Times};

/// As often as a server that makes its index.
const FLUSH_EVERY: u64 = 10_000;

/// How many searches are timed, and how many texts are typed letter by letter.
const N_QUERIES: u64 = 500;

/// Within what an answer seems instant to somebody who types.
const INSTANT: Duration = Duration::from_millis(20);

pub(super) fn run(ground: &Ground) -> Result<Table> {
    let room = ground.room()?;
    let pid = std::process::id();
    let (n_bases, begun) = (u64::from(ground.entities), Instant::now());
    let (index, memory) = memory::watch(pid, || make(room.path(), n_bases))?;
    let made_in = begun.elapsed();
    let seeker = Seeker(&index);
    let searches = Searches {
        n_bases,
        n_entries: index.len(),
        seconds: made_in.as_secs_f64(),
        index_bytes: size(room.path())?,
        peak_bytes: memory.peak_bytes,
        kept_bytes: memory::anonymous(pid)?,
        search: seeker.times(|query| query)?,
        with_facets: seeker.times(|query| Query { facets: true, snippets: true, ..query })?,
        complete: seeker.completion_times()?,
    };
    let p99 = searches.complete.p99();
    let promise =
        format!("a name among {n_bases} is completed within 20 ms, 99 times of 100: {:.1} ms", p99 * 1e3);
    Ok(Table::of_searches(searches).promising(promise, p99 <= INSTANT.as_secs_f64()))
}

fn make(directory: &Path, n_bases: u64) -> Result<SearchIndex> {
    let index = SearchIndex::open(directory)?;
    for number in 0..n_bases {
        let entries = entities::entries(number)?;
        index.replace(&entries[0].base, &Audience::Everybody, &entries)?;
        if number % FLUSH_EVERY == FLUSH_EVERY - 1 {
            index.flush()?;
        }
    }
    index.commit(Cursor { event: n_bases, at: Timestamp::from_micros(0) })?;
    Ok(index)
}

/// Asks, as anybody.
struct Seeker<'a>(&'a SearchIndex);

impl Seeker<'_> {
    fn times(&self, ask: impl Fn(Query) -> Query) -> Result<Times> {
        (0..N_QUERIES)
            .map(|number| {
                let query = ask(Query::of(&entities::query(number)));
                seconds(|| self.0.search(&Caller::Anonymous, &query))
            })
            .collect()
    }

    fn completion_times(&self) -> Result<Times> {
        (0..N_QUERIES)
            .flat_map(entities::keystrokes)
            .map(|typed| seconds(|| self.0.complete(&Caller::Anonymous, &Query::of(&typed))))
            .collect()
    }
}

fn seconds<T, E: Into<anyhow::Error>>(work: impl FnOnce() -> Result<T, E>) -> Result<f64> {
    let begun = Instant::now();
    work().map_err(Into::into)?;
    Ok(begun.elapsed().as_secs_f64())
}

fn size(directory: &Path) -> Result<u64> {
    let mut n_bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        n_bytes += if entry.file_type()?.is_dir() { size(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(n_bytes)
}
