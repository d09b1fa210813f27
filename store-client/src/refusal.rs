//! An answer that is a refusal: the store's own words, or those of a proxy on the way.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use v4_wire::error::{Problem, V4Error};

/// The longest title of a proxy's page that is repeated, in characters.
const MAX_TITLE_CHARS: usize = 120;

/// What an answer without success says.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) problem: Problem,
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    /// Reads a refusal: as the problem that was asked for, as v4's shape, or as whatever a proxy says.
    pub(crate) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let v4 = || serde_json::from_slice::<V4Error>(body).ok().map(|error| nameless(status, error.message));
        let problem = serde_json::from_slice(body).ok().or_else(v4);
        let problem = problem.unwrap_or_else(|| nameless(status, by_another(status, body)));
        Self { status, problem, retry_after: retry_after(headers) }
    }
}

/// Says who is likely to have answered: a store's own refusals are JSON.
fn by_another(status: StatusCode, body: &[u8]) -> String {
    let said = title(body).map(|title| format!(": it says `{title}`")).unwrap_or_default();
    format!("the answer was `{status}`, and not the store's own but that of a proxy before it{said}")
}

/// Returns the title of an HTML page: what a person would have seen in a browser.
fn title(body: &[u8]) -> Option<String> {
    let page = String::from_utf8_lossy(body);
    // Only ASCII letters change, so that positions are the same in both.
    let lower = page.to_ascii_lowercase();
    let begin = lower.find("<title>")? + "<title>".len();
    let end = begin + lower[begin..].find("</title>")?;
    // A control character would be the terminal's to obey.
    let words = page[begin..end].split(|it: char| it.is_whitespace() || it.is_control());
    let title = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let title: String = title.chars().take(MAX_TITLE_CHARS).collect();
    (!title.is_empty()).then_some(title)
}

/// Returns how long to wait: seconds, or a moment, which is held against the answerer's own clock (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let value = text(RETRY_AFTER)?.trim();
    if let Ok(n_seconds) = value.parse() {
        return Some(Duration::from_secs(n_seconds));
    }
    let moment = httpdate::parse_http_date(value).ok()?;
    let now = httpdate::parse_http_date(text(DATE)?).ok()?;
    Some(moment.duration_since(now).unwrap_or_default())
}

fn nameless(status: StatusCode, detail: String) -> Problem {
    Problem {
        // RFC 9457 §4.2.1: no more is known than the status says.
        kind: "about:blank".to_owned(),
        title: status.canonical_reason().unwrap_or("unknown").to_owned(),
        status: status.as_u16(),
        detail,
        hint: None,
        instance: None,
        errors: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;
    use v4_wire::error::Code;

    use super::*;
    use crate::error::ClientError;

    fn refusal(status: StatusCode, body: &[u8]) -> ClientError {
        ClientError::refused(Refusal::read(status, &HeaderMap::new(), body))
    }

    #[test]
    fn a_refusal_is_read_in_every_form_and_kept_apart_by_status() {
        let problem =
            br#"{"type":"urn:charm-store:E-OFFSET","title":"conflict","status":409,"detail":"behind"}"#;
        let error = refusal(StatusCode::CONFLICT, problem);
        assert!(matches!(error, ClientError::Conflict(_)) && error.is(Code::Offset));

        let v4 = br#"{"Message":"no matching charm","Code":"not found"}"#;
        assert_eq!(refusal(StatusCode::NOT_FOUND, v4).to_string(), "no matching charm");

        let error = refusal(StatusCode::BAD_GATEWAY, b"<html>");
        assert!(matches!(error, ClientError::Unavailable { .. }));
    }

    #[test_case(b"" => "the answer was `502 Bad Gateway`, and not the store's own but that of a proxy before it"; "nothing")]
    #[test_case(b"<HTML><Title>\n Blocked \x1b[31m by\tpolicy</TITLE>" => "the answer was `502 Bad Gateway`, and not the store's own but that of a proxy before it: it says `Blocked [31m by policy`"; "a page")]
    fn a_proxy_s_page_is_told_in_one_line(body: &[u8]) -> String {
        refusal(StatusCode::BAD_GATEWAY, body).to_string()
    }

    #[test_case("7", None => Some(7); "seconds")]
    #[test_case("Wed, 21 Oct 2015 07:28:30 GMT", Some("Wed, 21 Oct 2015 07:28:00 GMT") => Some(30); "a moment")]
    #[test_case("Wed, 21 Oct 2015 07:27:00 GMT", Some("Wed, 21 Oct 2015 07:28:00 GMT") => Some(0); "a moment that is over")]
    #[test_case("Wed, 21 Oct 2015 07:27:00 GMT", None => None; "a moment on an unknown clock")]
    #[test_case("soon", None => None; "a word")]
    fn the_time_to_wait(retry_after: &str, date: Option<&str>) -> Option<u64> {
        let header = |name, value: &str| (name, value.parse().unwrap());
        let headers = [Some(header(RETRY_AFTER, retry_after)), date.map(|it| header(DATE, it))];
        super::retry_after(&headers.into_iter().flatten().collect()).map(|it| it.as_secs())
    }
}
