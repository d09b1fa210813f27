//! The rules for one path.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization as _;

use crate::error::ArchiveError;
use crate::limits::{MAX_PATH_BYTES, MAX_PATH_LEVELS, MAX_PATH_PART_BYTES};

/// Refuses a path that is not relative, plain and the same on every machine.
pub(crate) fn check(path: &str) -> Result<(), ArchiveError> {
    match problem(path) {
        None => Ok(()),
        Some(problem) => Err(ArchiveError::Name { path: printable(path.as_bytes()), problem }),
    }
}

fn problem(path: &str) -> Option<&'static str> {
    if path.starts_with('/') {
        return Some("is absolute");
    }
    if let Some(problem) = character_problem(path) {
        return Some(problem);
    }
    if path.len() > MAX_PATH_BYTES || path.split('/').count() > MAX_PATH_LEVELS {
        return Some("is too long");
    }
    path.split('/').find_map(part_problem)
}

/// Says what is wrong with the characters of a path or of a link's target.
pub(crate) fn character_problem(text: &str) -> Option<&'static str> {
    if text.contains('\\') {
        // A separator on Windows: `..\..\x` leaves the tree there.
        return Some("has a backslash");
    }
    text.chars().any(char::is_control).then_some("has a control character")
}

fn part_problem(part: &str) -> Option<&'static str> {
    match part {
        "" => Some("has an empty part"),
        "." | ".." => Some("has a part `.` or `..`"),
        _ if part.len() > MAX_PATH_PART_BYTES => Some("has a part that is too long"),
        _ => None,
    }
}

/// Returns the form under which names are one on file systems that fold case and Unicode forms.
///
/// Upper case and then lower case comes close to Unicode's full case folding: `ß` is `ss`, `ſ` is `s`, and
/// both sigmas are one. Characters that nobody sees are dropped, as HFS+ and ext4's `casefold` do.
pub(crate) fn folded(part: &str) -> Cow<'_, str> {
    if part.is_ascii() {
        let is_folded = !part.contains(|it: char| it.is_ascii_uppercase());
        return if is_folded { Cow::Borrowed(part) } else { Cow::Owned(part.to_ascii_lowercase()) };
    }
    let visible = part.nfd().filter(|it| !is_invisible(*it));
    let lower = visible.flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    Cow::Owned(lower.nfd().collect())
}

fn is_invisible(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// Returns the text with whatever could play tricks on a terminal or a log replaced.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|it| if it.is_control() { char::REPLACEMENT_CHARACTER } else { it }).collect()
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("hooks/install")]
    #[test_case(".hidden"; "a leading dot")]
    #[test_case("a..b/c d/ü"; "dots, blanks and letters of all kinds")]
    fn takes(path: &str) {
        assert!(check(path).is_ok());
    }

    #[test_case("/etc/passwd", "is absolute"; "absolute")]
    #[test_case("a/../../b", "has a part `.` or `..`"; "parent")]
    #[test_case("./a", "has a part `.` or `..`"; "dot")]
    #[test_case("a//b", "has an empty part"; "empty part")]
    #[test_case("", "has an empty part"; "empty")]
    #[test_case("a\\b", "has a backslash"; "backslash")]
    #[test_case("a\0b", "has a control character"; "nul")]
    #[test_case("a\u{85}b", "has a control character"; "a control character beyond ascii")]
    #[test_case(&"a".repeat(256), "has a part that is too long"; "part")]
    #[test_case(&"a/".repeat(40), "is too long"; "levels")]
    #[test_case(&"abcdefgh/".repeat(200), "is too long"; "whole")]
    fn refuses(path: &str, why: &str) {
        assert_eq!(problem(path), Some(why));
    }

    #[test_case("README", "readme"; "case")]
    #[test_case("stra\u{df}e", "STRASSE"; "sharp s")]
    #[test_case("\u{e9}", "e\u{301}"; "composed and decomposed")]
    #[test_case("\u{212a}", "k"; "kelvin")]
    #[test_case("\u{3c2}", "\u{3c3}"; "sigmas")]
    #[test_case(".g\u{200c}it", ".git"; "invisible")]
    fn folds_together(a: &str, b: &str) {
        assert_eq!(folded(a), folded(b));
    }
}
