//! The query of a search, read as v4 does: what it does not know is refused, in its words.

use search_index::{Filters, Hit, Kind, Listing, Query, Sort, SortKey};
use serde_json::{Value, json};

use crate::problem::Problem;

/// A search, and which metadata each result is to carry.
pub(crate) struct SearchQuery {
    pub(crate) query: Query,
    pub(crate) include: Vec<Include>,
}

/// Metadata that a result itself answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Include {
    Id,
    IdName,
    IdUser,
    IdSeries,
    IdRevision,
    Promulgated,
    SupportedSeries,
    Tags,
}

impl Include {
    const ALL: [Self; 8] = [
        Self::Id,
        Self::IdName,
        Self::IdUser,
        Self::IdSeries,
        Self::IdRevision,
        Self::Promulgated,
        Self::SupportedSeries,
        Self::Tags,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::IdName => "id-name",
            Self::IdUser => "id-user",
            Self::IdSeries => "id-series",
            Self::IdRevision => "id-revision",
            Self::Promulgated => "promulgated",
            Self::SupportedSeries => "supported-series",
            Self::Tags => "tags",
        }
    }

    fn read(name: &str) -> Result<Self, Problem> {
        let known = Self::ALL.into_iter().find(|include| include.name() == name);
        known.ok_or_else(|| {
            let message = format!("cannot get metadata: unrecognized metadata name \"{name}\"");
            Problem::not_implemented(message)
        })
    }

    pub(crate) fn of(self, hit: &Hit) -> Value {
        let (name, revision) = (hit.base.name.as_str(), hit.revision.number());
        let user = hit.id.owner.as_ref().map_or("", |owner| owner.as_str());
        let series = hit.id.series.as_ref().map_or("", |series| series.as_str());
        match self {
            Self::Id => json!({
                "Id": hit.id.to_url(), "User": user, "Series": series, "Name": name, "Revision": revision,
            }),
            Self::IdName => json!({ "Name": name }),
            Self::IdUser => json!({ "User": user }),
            Self::IdSeries => json!({ "Series": series }),
            Self::IdRevision => json!({ "Revision": revision }),
            Self::Promulgated => json!({ "Promulgated": hit.is_promulgated }),
            Self::SupportedSeries => json!({ "SupportedSeries": hit.supported }),
            Self::Tags => json!({ "Tags": hit.tags }),
        }
    }
}

/// Reads the query of a search.
///
/// # Errors
///
/// A refusal in v4's words.
pub(crate) fn read(query: &str, listing: Listing) -> Result<SearchQuery, Problem> {
    let mut read = SearchQuery { query: Query { listing, ..Query::of("") }, include: Vec::new() };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        read_one(&mut read, &name, value.into_owned())?;
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
        "include" => read.include.push(Include::read(&value)?),
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
    usize::try_from(integer("skip", value)?)
        .map_err(|_| Problem::bad_request("invalid skip parameter: expected non-negative integer"))
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
