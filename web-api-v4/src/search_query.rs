//! The query of a search, read as v4 does: what it does not know is refused, in its words.

use search_index::{Filters, Kind, Listing, MAX_WINDOW, Query, Sort, SortKey};

use crate::include::Include;
use crate::problem::Problem;

/// The longest query, in bytes: what people and programs ask is a hundredth of it.
const MAX_BYTES: usize = 16 << 10;

/// The most results with metadata that each has to be looked up for.
const MAX_LOOKED_UP: usize = 1_000;

/// A search, and which metadata each result is to carry.
pub(crate) struct SearchQuery {
    pub(crate) query: Query,
    pub(crate) include: Vec<Include>,
}

/// Reads the query of a search.
///
/// # Errors
///
/// A refusal in v4's words.
pub(crate) fn read(query: &str, listing: Listing) -> Result<SearchQuery, Problem> {
    if query.len() > MAX_BYTES {
        return Err(Problem::bad_request(format!("query is longer than {MAX_BYTES} bytes")));
    }
    // v5 matches within names unless it is told not to, v4 only if it is told to.
    let within_names = listing == Listing::PerRevision;
    let query_of_all = Query { listing, within_names, ..Query::of("") };
    let mut read = SearchQuery { query: query_of_all, include: Vec::new() };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        read_one(&mut read, &name, value.into_owned())?;
    }
    if read.include.iter().any(|include| include.is_looked_up()) {
        read.query.limit = read.query.limit.min(MAX_LOOKED_UP);
    }
    Ok(read)
}

fn read_one(read: &mut SearchQuery, name: &str, value: String) -> Result<(), Problem> {
    let query = &mut read.query;
    match name {
        "text" => query.text = value,
        "autocomplete" => query.within_names = flag("autocomplete parameter", &value)?,
        "facets" => query.facets = flag("facets parameter", &value)?,
        "snippets" => query.snippets = flag("snippets parameter", &value)?,
        "limit" => query.limit = limit(&value)?,
        "skip" => query.skip = skip(&value)?,
        "sort" => query.sort.extend(value.split(',').map(sort).collect::<Result<Vec<_>, _>>()?),
        "include" => {
            let include = Include::read(&value)?;
            if !read.include.contains(&include) {
                read.include.push(include);
            }
        }
        // Clients of both generations send it; what is answered is what everybody may know anyway.
        "ignore-auth" | "auth" => {}
        _ => read_filter(&mut query.filters, name, value)?,
    }
    Ok(())
}

fn read_filter(filters: &mut Filters, name: &str, value: String) -> Result<(), Problem> {
    match name {
        "name" => filters.name.push(value),
        // An empty owner is that of promulgated charms.
        "owner" if value.is_empty() => filters.promulgated.push(true),
        "owner" => filters.owner.push(value),
        "series" => filters.series.push(value),
        "type" => filters.kind.push(if value == "bundle" { Kind::Bundle } else { Kind::Charm }),
        "promulgated" => filters.promulgated.push(flag("promulgated filter parameter", &value)?),
        "tags" => filters.tags.push(value),
        "provides" => filters.provides.push(value),
        "requires" => filters.requires.push(value),
        "architecture" => filters.architectures.push(value),
        "summary" => filters.summary.push(value),
        "description" => filters.description.push(value),
        _ => return Err(Problem::bad_request(format!("invalid parameter: {name}"))),
    }
    Ok(())
}

fn flag(what: &str, value: &str) -> Result<bool, Problem> {
    match value {
        "" | "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(Problem::bad_request(format!(
            "invalid {what}: unexpected bool value \"{value}\" (must be \"0\" or \"1\")"
        ))),
    }
}

fn integer(name: &str, value: &str) -> Result<i64, Problem> {
    value
        .parse()
        .map_err(|_| Problem::bad_request(format!("invalid {name} parameter: could not parse integer")))
}

fn limit(value: &str) -> Result<usize, Problem> {
    let limit = usize::try_from(integer("limit", value)?).ok().filter(|limit| *limit > 0);
    limit.ok_or_else(|| Problem::bad_request("invalid limit parameter: expected integer greater than zero"))
}

fn skip(value: &str) -> Result<usize, Problem> {
    let skip = usize::try_from(integer("skip", value)?)
        .map_err(|_| Problem::bad_request("invalid skip parameter: expected non-negative integer"))?;
    if skip >= MAX_WINDOW {
        let message = format!("invalid skip parameter: expected less than {MAX_WINDOW}");
        return Err(Problem::bad_request(message));
    }
    Ok(skip)
}

fn sort(text: &str) -> Result<Sort, Problem> {
    let (key, descending) = text.strip_prefix('-').map_or((text, false), |key| (key, true));
    let key = match key {
        "name" => SortKey::Name,
        "owner" => SortKey::Owner,
        "series" => SortKey::Series,
        "downloads" => SortKey::Downloads,
        _ => {
            let message = format!("invalid sort field: unrecognized sort parameter \"{key}\"");
            return Err(Problem::bad_request(message));
        }
    };
    Ok(Sort { key, descending })
}
