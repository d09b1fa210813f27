//! The series that are known, and how they rank. Data, in one place.

use crate::name::Series;

/// How a reference without a series chooses among the series of a base: the highest score wins.
///
/// A multi-series charm beats every single-series one, a long-term release beats every other, a newer one an older
/// one, and a charm beats a bundle of the same name. The ranks are the old store's; later releases go on from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesScore(i32);

/// The score of a charm that names its series in its metadata instead of its reference.
pub const MULTI_SERIES: SeriesScore = SeriesScore(5000);

const BUNDLE: SeriesScore = SeriesScore(-1);
const UNRANKED: SeriesScore = SeriesScore(0);
const FIRST_LONG_TERM: i32 = 1000;

/// Ubuntu's long-term releases, oldest first.
const LONG_TERM: &[&str] =
    &["lucid", "precise", "trusty", "xenial", "bionic", "focal", "jammy", "noble", "resolute"];

/// Ubuntu's other releases, oldest first.
const SHORT_TERM: &[&str] = &[
    "quantal", "raring", "saucy", "utopic", "vivid", "wily", "yakkety", "zesty", "artful", "cosmic", "disco",
    "eoan", "groovy", "hirsute", "impish", "kinetic", "lunar", "mantic", "oracular", "plucky", "questing",
];

/// Series that a URL path may name and that have no rank among themselves.
const OTHER: &[&str] = &[
    "bundle",
    "oneiric",
    "win2012hvr2",
    "win2012hv",
    "win2012r2",
    "win2012",
    "win7",
    "win8",
    "win81",
    "win10",
    "win2016",
    "win2016hv",
    "win2016nano",
    "win2019",
    "centos7",
    "centos8",
    "centos9",
    "kubernetes",
];

/// Ubuntu's releases that a base may name by number, with their series.
const UBUNTU: &[(&str, &str)] = &[
    ("12.04", "precise"),
    ("14.04", "trusty"),
    ("16.04", "xenial"),
    ("18.04", "bionic"),
    ("20.04", "focal"),
    ("22.04", "jammy"),
    ("22.10", "kinetic"),
    ("23.04", "lunar"),
    ("23.10", "mantic"),
    ("24.04", "noble"),
    ("24.10", "oracular"),
    ("25.04", "plucky"),
    ("25.10", "questing"),
    ("26.04", "resolute"),
];

/// Returns the series of an Ubuntu release such as `22.04`.
pub fn of_ubuntu(release: &str) -> Option<Series> {
    UBUNTU.iter().find(|(number, _)| *number == release).and_then(|(_, series)| series.parse().ok())
}

impl SeriesScore {
    /// Returns the rank of a series; of `None`, the multi-series rank.
    pub fn of(series: Option<&Series>) -> Self {
        let Some(series) = series else { return MULTI_SERIES };
        let place = |table: &[&str]| table.iter().position(|known| *known == series.as_str());
        if series.is_bundle() {
            BUNDLE
        } else if let Some(place) = place(LONG_TERM) {
            Self(FIRST_LONG_TERM + i32::try_from(place).unwrap_or(i32::MAX / 2))
        } else if let Some(place) = place(SHORT_TERM) {
            Self(1 + i32::try_from(place).unwrap_or(i32::MAX / 2))
        } else {
            UNRANKED
        }
    }
}

/// Says whether a URL path's segment is one of the known series, rather than a charm's name.
pub fn is_known(segment: &str) -> bool {
    [LONG_TERM, SHORT_TERM, OTHER].iter().any(|table| table.contains(&segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_rank_as_the_old_store_ranked_them() {
        let ranked = ["bundle", "centos7", "quantal", "impish", "lucid", "trusty", "focal", "noble"];
        let scores: Vec<_> =
            ranked.iter().map(|series| SeriesScore::of(Some(&series.parse().unwrap()))).collect();
        assert!(scores.is_sorted(), "{scores:?}");
        assert!(SeriesScore::of(None) > scores[scores.len() - 1]);
    }

    #[test]
    fn a_base_names_a_series_by_its_release() {
        assert_eq!(of_ubuntu("22.04").unwrap().as_str(), "jammy");
        assert_eq!(of_ubuntu("22.05"), None);
    }

    #[test]
    fn a_charm_name_is_not_a_series() {
        assert!(is_known("trusty") && is_known("bundle") && is_known("noble"));
        assert!(!is_known("wordpress"));
    }
}
