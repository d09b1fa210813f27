//! Ranges of bytes (RFC 9110 §14).

use std::ops::Range;

/// What a `Range` header asks for, of so many bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of them: there is no such header, it is not understood, or it asks for several ranges. A server may ignore
    /// such a header (§14.2).
    Whole,
    /// Some of them; never none.
    Part(Range<u64>),
    /// Bytes behind the end.
    Unsatisfiable,
}

/// Reads a `Range` header.
pub(crate) fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let Some((unit, ranges)) = header.and_then(|header| header.split_once('=')) else { return Wanted::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    let Some((first, last)) = ranges.trim().split_once('-') else { return Wanted::Whole };
    match (number(first), number(last)) {
        (Some(Some(first)), Some(last)) => from_to(first, last, size),
        (Some(None), Some(Some(n_last))) => suffix(n_last, size),
        _ => Wanted::Whole,
    }
}

/// Returns a number, or that nothing stands there; `None` if it is something else.
#[expect(clippy::option_option, reason = "malformed and absent are two things here")]
fn number(text: &str) -> Option<Option<u64>> {
    match text {
        "" => Some(None),
        text if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(Some(text.parse().unwrap_or(u64::MAX)))
        }
        _ => None,
    }
}

fn from_to(first: u64, last: Option<u64>, size: u64) -> Wanted {
    match last {
        Some(last) if last < first => Wanted::Whole,
        _ if first >= size => Wanted::Unsatisfiable,
        last => Wanted::Part(first..last.map_or(size, |last| last.saturating_add(1)).min(size)),
    }
}

fn suffix(n_last: u64, size: u64) -> Wanted {
    if n_last == 0 || size == 0 {
        Wanted::Unsatisfiable
    } else {
        Wanted::Part(size.saturating_sub(n_last)..size)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use test_case::test_case;

    use super::*;

    #[test_case(None => Wanted::Whole; "no header")]
    #[test_case(Some("bytes=0-0") => Wanted::Part(0..1))]
    #[test_case(Some("bytes=10-100") => Wanted::Part(10..100); "the end is cut")]
    #[test_case(Some("bytes=99-") => Wanted::Part(99..100))]
    #[test_case(Some("bytes=-7") => Wanted::Part(93..100))]
    #[test_case(Some("bytes=-700") => Wanted::Part(0..100))]
    #[test_case(Some("bytes=100-") => Wanted::Unsatisfiable)]
    #[test_case(Some("bytes=-0") => Wanted::Unsatisfiable)]
    #[test_case(Some("bytes=5-4") => Wanted::Whole; "backwards")]
    #[test_case(Some("bytes=0-1,5-6") => Wanted::Whole; "several")]
    #[test_case(Some("lines=0-1") => Wanted::Whole; "another unit")]
    #[test_case(Some("bytes=99999999999999999999-") => Wanted::Unsatisfiable; "beyond any number")]
    fn of_a_hundred_bytes(header: Option<&str>) -> Wanted {
        wanted(header, 100)
    }

    proptest! {
        #[test]
        fn a_part_lies_within_the_bytes(header in "(bytes=)?[0-9]{0,21}-?[0-9]{0,21}", size in 0..u64::MAX) {
            if let Wanted::Part(range) = wanted(Some(&header), size) {
                prop_assert!(range.start < range.end && range.end <= size);
            }
        }
    }
}
