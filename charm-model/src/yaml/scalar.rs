//! What a scalar means: as Go's yaml.v2 read it, which Juju used, and so in the main as YAML 1.1 says.

use serde_json::{Number, Value as Json};

/// A scalar as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The text, without quotes.
    pub text: String,
    /// Whether it stood in quotes or in a block, so that without a tag it is a text whatever it looks like.
    pub quoted: bool,
    /// Whether a plain text went over several lines, which YAML joined.
    pub folded: bool,
    /// The type that was written before it, such as `!!int`.
    pub tag: Option<Tag>,
}

/// The types of YAML's core schema that scalars have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// `!!str`, and every type that is not known.
    Str,
    /// `!!int`
    Int,
    /// `!!float`
    Float,
    /// `!!bool`
    Bool,
    /// `!!null`
    Null,
}

impl Tag {
    /// Returns the type that a tag's full name names; a text for those that are not known, as yaml.v2 has it.
    pub(super) fn from_name(name: &str) -> Self {
        match name.strip_prefix("tag:yaml.org,2002:") {
            Some("int") => Self::Int,
            Some("float") => Self::Float,
            Some("bool") => Self::Bool,
            Some("null") => Self::Null,
            _ => Self::Str,
        }
    }

    /// Returns the type as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Str => "!!str",
            Self::Int => "!!int",
            Self::Float => "!!float",
            Self::Bool => "!!bool",
            Self::Null => "!!null",
        }
    }
}

impl Scalar {
    /// Returns the typed value. A number that JSON cannot hold stays a text.
    pub fn to_json(&self) -> Json {
        match self.tag {
            None if self.quoted => Json::String(self.text.clone()),
            None => self.plain(),
            Some(tag) => self.tagged(tag).unwrap_or_else(|| Json::String(self.text.clone())),
        }
    }

    /// Says whether the text is of the type that its tag says.
    pub(super) fn fits_its_tag(&self) -> bool {
        self.tag.is_none_or(|tag| self.tagged(tag).is_some())
    }

    fn plain(&self) -> Json {
        if is_null(&self.text) {
            return Json::Null;
        }
        let typed = boolean(&self.text).map(Json::Bool).or_else(|| number(&self.text).map(Json::Number));
        typed.unwrap_or_else(|| Json::String(self.text.clone()))
    }

    fn tagged(&self, tag: Tag) -> Option<Json> {
        match tag {
            Tag::Str => Some(Json::String(self.text.clone())),
            Tag::Int => integer(&without_underscores(&self.text)).map(Json::Number),
            Tag::Float => number(&self.text).and_then(|it| it.as_f64()).map(Json::from),
            Tag::Bool => boolean(&self.text).map(Json::Bool),
            Tag::Null => is_null(&self.text).then_some(Json::Null),
        }
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

// go-yaml/yaml v2 resolve.go, resolveMapList.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

fn number(text: &str) -> Option<Number> {
    let plain = without_underscores(text);
    integer(&plain).or_else(|| float(&plain).and_then(Number::from_f64))
}

fn without_underscores(text: &str) -> String {
    // `_1` is a word; only what begins like a number is one.
    let begins_a_number = text.starts_with(|it: char| it.is_ascii_digit() || matches!(it, '+' | '-' | '.'));
    if begins_a_number { text.replace('_', "") } else { text.to_owned() }
}

/// Reads decimal, `0x`, `0b`, and octal with `0o` or a bare zero: Go's `strconv.ParseInt` of base 0.
fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let magnitude = magnitude(digits)?;
    if negative {
        let value = i64::try_from(-i128::from(magnitude)).ok()?;
        Some(value.into())
    } else {
        Some(magnitude.into())
    }
}

fn magnitude(digits: &str) -> Option<u64> {
    let lower = digits.to_ascii_lowercase();
    let (base, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    // A second sign is no digit, though `from_str_radix` would take it.
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u64::from_str_radix(digits, base).ok())?
}

/// Reads `[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?`: Rust's own reader would take `inf` and `nan` as well.
fn float(text: &str) -> Option<f64> {
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    let is_numeric = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    if has_digit && is_numeric { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use test_case::test_case;

    use super::*;

    fn scalar(text: &str, quoted: bool, tag: Option<Tag>) -> Scalar {
        Scalar { text: text.to_owned(), quoted, folded: false, tag }
    }

    #[test_case("" => json!(null); "nothing")]
    #[test_case("~" => json!(null); "a tilde")]
    #[test_case("Null" => json!(null))]
    #[test_case("True" => json!(true))]
    #[test_case("yes" => json!(true))]
    #[test_case("OFF" => json!(false))]
    #[test_case("yEs" => json!("yEs"))]
    #[test_case("8080" => json!(8080))]
    #[test_case("-3" => json!(-3); "negative")]
    #[test_case("+3" => json!(3); "positive")]
    #[test_case("1_000" => json!(1000); "underscores")]
    #[test_case("_1" => json!("_1"); "a word with an underscore")]
    #[test_case("0x1F" => json!(31))]
    #[test_case("0755" => json!(493); "octal with a zero")]
    #[test_case("0o755" => json!(493); "octal with a letter")]
    #[test_case("0b101" => json!(5))]
    #[test_case("0" => json!(0))]
    #[test_case("08" => json!(8.0); "no octal, so a float")]
    #[test_case("9.10" => json!(9.1))]
    #[test_case("1e3" => json!(1000.0))]
    #[test_case(".5" => json!(0.5))]
    #[test_case("-" => json!("-"); "a dash")]
    #[test_case("1-2" => json!("1-2"))]
    #[test_case("--1" => json!("--1"))]
    #[test_case("2.9.0" => json!("2.9.0"))]
    #[test_case(".inf" => json!(".inf"))]
    #[test_case("nan" => json!("nan"))]
    #[test_case("18446744073709551615" => json!(u64::MAX))]
    #[test_case("2014-07-04" => json!("2014-07-04"); "a date")]
    #[test_case("10:30" => json!("10:30"); "no base 60")]
    fn a_plain_scalar_means_what_it_meant_to_juju(text: &str) -> Json {
        scalar(text, false, None).to_json()
    }

    #[test_case("8080", Tag::Int => json!(8080); "int")]
    #[test_case("true", Tag::Bool => json!(true); "bool")]
    #[test_case("", Tag::Null => json!(null); "null")]
    #[test_case("1", Tag::Float => json!(1.0); "float")]
    #[test_case("1", Tag::Str => json!("1"); "str")]
    fn a_tag_gives_a_quoted_scalar_its_type(text: &str, tag: Tag) -> Json {
        scalar(text, true, Some(tag)).to_json()
    }

    #[test]
    fn quotes_make_a_text() {
        assert_eq!(scalar("true", true, None).to_json(), json!("true"));
        assert!(!scalar("abc", true, Some(Tag::Int)).fits_its_tag());
    }
}
