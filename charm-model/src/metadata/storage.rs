//! Storage that a charm asks for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::finding::Report;
use crate::yaml::fields::{Fields, mistyped, text};
use crate::yaml::{Entry, Node};

/// A kind of storage that a charm asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Storage {
    /// `filesystem` or `block`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is for; empty where the charm does not say.
    pub description: String,
    /// Whether all units share one.
    pub shared: bool,
    /// Whether it is only read.
    pub read_only: bool,
    /// How many of them a unit has.
    pub count: StorageCount,
    /// The least size, in MiB; 0 where the charm does not say.
    pub minimum_size_mib: u64,
    /// Where it is mounted; empty where Juju chooses.
    pub location: String,
    /// Wishes such as `transient`.
    pub properties: Vec<String>,
    /// Every other field.
    pub other: Map<String, Json>,
}

/// How many of a kind of storage a unit has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageCount {
    /// The least number.
    pub min: u32,
    /// The greatest number; `None` means as many as somebody adds.
    pub max: Option<u32>,
}

impl StorageCount {
    const ONE: Self = Self { min: 1, max: Some(1) };

    /// Reads `3`, `1-10`, `1-` and `1+` (juju/charm meta.go, `storageCountC`).
    fn from_range(text: &str) -> Option<Self> {
        if let Some(min) = text.strip_suffix(['-', '+']) {
            return Some(Self { min: min.parse().ok()?, max: None });
        }
        let (min, max) = text.split_once('-').unwrap_or((text, text));
        Some(Self { min: min.parse().ok()?, max: Some(max.parse().ok()?) })
    }
}

pub(super) fn read(entries: &[Entry], report: &mut Report) -> BTreeMap<String, Storage> {
    entries.iter().map(|entry| (entry.key.clone(), read_one(entry, report))).collect()
}

fn read_one(entry: &Entry, report: &mut Report) -> Storage {
    let mut fields = Fields::of(&entry.value, &entry.key, report);
    Storage {
        kind: fields.required_text("type", report).map(|(_, kind)| kind).unwrap_or_default(),
        description: fields.text("description", report).unwrap_or_default(),
        shared: fields.flag("shared", report),
        read_only: fields.flag("read-only", report),
        count: fields.take("multiple").map_or(StorageCount::ONE, |node| read_count(node, report)),
        minimum_size_mib: fields
            .take("minimum-size")
            .and_then(|it| read_size(it, report))
            .unwrap_or_default(),
        location: fields.text("location", report).unwrap_or_default(),
        properties: fields.texts("properties", report),
        other: fields.others(),
    }
}

fn read_count(node: &Node, report: &mut Report) -> StorageCount {
    let Some(range) = Fields::of(node, "multiple", report).take("range") else { return StorageCount::ONE };
    let count = text(range, "range", report).map(|text| {
        let count = StorageCount::from_range(&text);
        count.or_else(|| mistyped(range, "range", "a range such as `0-` or `1-10`", report))
    });
    count.flatten().unwrap_or(StorageCount::ONE)
}

fn read_size(node: &Node, report: &mut Report) -> Option<u64> {
    let text = text(node, "minimum-size", report)?;
    size_mib(&text).or_else(|| mistyped(node, "minimum-size", "a size such as `512M` or `1.5G`", report))
}

/// Reads `512M`, `1.5G` or a bare number of MiB, rounded up (juju/utils size.go).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and a size is not negative"
)]
fn size_mib(text: &str) -> Option<u64> {
    let bare = text.trim_end_matches(['B', 'i']);
    let units = ['M', 'G', 'T', 'P', 'E', 'Z', 'Y'];
    let (number, power) = match units.iter().position(|unit| bare.ends_with(*unit)) {
        Some(power) => (&bare[..bare.len() - 1], i32::try_from(power).ok()?),
        None => (bare, 0),
    };
    let number: f64 = number.parse().ok()?;
    let size = (number * 1024_f64.powi(power)).ceil();
    (size.is_finite() && size >= 0.0).then_some(size as u64)
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("3" => Some((3, Some(3))))]
    #[test_case("1-10" => Some((1, Some(10))))]
    #[test_case("0-" => Some((0, None)); "from none on")]
    #[test_case("1+" => Some((1, None)); "one or more")]
    #[test_case("-1" => None; "negative")]
    #[test_case("x" => None)]
    fn reads_a_range(text: &str) -> Option<(u32, Option<u32>)> {
        StorageCount::from_range(text).map(|count| (count.min, count.max))
    }

    #[test_case("512" => Some(512))]
    #[test_case("512M" => Some(512); "mebibytes")]
    #[test_case("1.5G" => Some(1536); "gibibytes")]
    #[test_case("2TiB" => Some(2 << 20); "tebibytes")]
    #[test_case("0.1M" => Some(1); "rounded up")]
    #[test_case("-1G" => None; "negative")]
    #[test_case("inf" => None)]
    #[test_case("" => None; "nothing")]
    fn reads_a_size(text: &str) -> Option<u64> {
        size_mib(text)
    }
}
