//! How an entity's reference stands in a path: `/v4/[~owner/][series/]name[-revision…]/ENDPOINT`.
//!
//! A reference has one to three segments, and nothing but the endpoint's name tells where it ends. So the path is
//! rewritten to `/v4/~/REFERENCE/ENDPOINT` with the reference as one segment, and the routes are ordinary ones.

use axum::extract::Request;
use charm_model::series;
use http::Uri;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The routes of an entity. No owner is called nothing, so no client's path begins like this by itself.
pub(crate) const ROUTE: &str = "/v4/~/{id}";

/// What stands before the reference once it is one segment.
pub(crate) const PREFIX: &str = "/v4/~/";

/// The names of endpoints behind a reference.
const ENDPOINTS: &[&str] = &[
    "archive",
    "chunks",
    "patches",
    "resources",
    "release",
    "history",
    "status",
    "withdrawn",
    "rights",
    "transfer",
    "trust",
];

/// The endpoints that are about no entity, and whether something can stand behind them.
const GLOBAL: &[(&str, bool)] = &[
    ("publish", true),
    ("search", true),
    ("login", true),
    ("tokens", true),
    ("groups", true),
    ("audit", false),
    ("resolve", false),
    ("changes", false),
    ("whoami", false),
    ("openapi.json", false),
];

/// Gathers the reference of a path into one segment.
pub(crate) fn rewrite<B>(mut request: Request<B>) -> Request<B> {
    if let Some(path) = rewritten(request.uri().path()) {
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        // What was a valid path with some segments encoded is one with all of them encoded.
        if let Ok(uri) = format!("{path}{query}").parse::<Uri>() {
            *request.uri_mut() = uri;
        }
    }
    request
}

fn rewritten(path: &str) -> Option<String> {
    let segments: Vec<&str> = path.strip_prefix("/v4/")?.split('/').collect();
    if is_global(&segments) {
        return None;
    }
    let n_reference = reference_length(&segments);
    let decoded = percent_decode_str(&segments[..n_reference].join("/")).decode_utf8_lossy().into_owned();
    let reference = utf8_percent_encode(&decoded, NON_ALPHANUMERIC);
    let endpoint = segments[n_reference..].join("/");
    // A slash at the end of an entity's path means nothing; behind a file's name it is part of it.
    let endpoint = if n_reference + 2 == segments.len() { endpoint.trim_end_matches('/') } else { &endpoint };
    Some(format!("{PREFIX}{reference}/{endpoint}"))
}

fn is_global(segments: &[&str]) -> bool {
    let is_it = |(name, has_more): &(&str, bool)| segments[0] == *name && (*has_more || segments.len() == 1);
    GLOBAL.iter().any(is_it)
}

/// Returns how many segments the reference has: an owner if it begins so, a series if one stands there, a name.
fn reference_length(segments: &[&str]) -> usize {
    let is_endpoint = |at: usize| segments.get(at).is_some_and(|segment| ENDPOINTS.contains(segment));
    let has_owner = ["~", "%7E", "%7e"].iter().any(|tilde| segments[0].starts_with(tilde));
    let n_owner = usize::from(has_owner);
    let has_series = segments.get(n_owner).is_some_and(|segment| series::is_known(segment));
    let (short, long) = (n_owner + 1, n_owner + 2);
    let is_long = is_endpoint(long) && (has_series || !is_endpoint(short));
    let n_segments = if is_long || has_series && !is_endpoint(short) { long } else { short };
    n_segments.min(segments.len())
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("/v4/mysql/archive" => "mysql|archive")]
    #[test_case("/v4/mysql/archive/" => "mysql|archive"; "a slash at the end")]
    #[test_case("/v4/~joe/mysql-3/archive/hooks/install" => "~joe/mysql-3|archive/hooks/install")]
    #[test_case("/v4/~joe/trusty/mysql-3.devel.5/resources/amd64/a/b" => "~joe/trusty/mysql-3.devel.5|resources/amd64/a/b")]
    #[test_case("/v4/%7Ejoe/future/mysql/status" => "~joe/future/mysql|status"; "a series that is not known")]
    #[test_case("/v4/%7ejoe/trusty/mysql/status" => "~joe/trusty/mysql|status"; "an encoded tilde in lower case")]
    #[test_case("/v4/~joe/archive/archive" => "~joe/archive|archive"; "a charm called like an endpoint")]
    #[test_case("/v4/~joe/kubernetes/archive" => "~joe/kubernetes|archive"; "a charm called like a series")]
    #[test_case("/v4/mysql@latest/archive" => "mysql@latest|archive")]
    #[test_case("/v4/robots.txt" => "robots.txt|"; "a reference and nothing else")]
    fn a_reference_becomes_one_segment(path: &str) -> String {
        let rewritten = rewritten(path).unwrap();
        let (reference, endpoint) = rewritten.strip_prefix(PREFIX).unwrap().split_once('/').unwrap();
        format!("{}|{endpoint}", percent_decode_str(reference).decode_utf8().unwrap())
    }

    #[test_case("/v4/publish/abc/commit")]
    #[test_case("/v4/resolve")]
    #[test_case("/health")]
    fn other_paths_stay(path: &str) {
        assert_eq!(rewritten(path), None);
    }
}
