//! Placements: where a unit goes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Where a unit goes: `[container:](application[/unit]|machine|new)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Placement {
    /// The kind of container that is made for it there, such as `lxd`; `None` means none.
    pub container: Option<String>,
    /// The machine that it is put on.
    pub target: PlacementTarget,
}

/// The machine that a unit is put on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlacementTarget {
    /// A machine of its own.
    New,
    /// A machine of the bundle, by its number.
    Machine(u32),
    /// Where a unit of another application is.
    Unit {
        /// The application.
        application: String,
        /// Which of its units; `None` means one after the other.
        unit: Option<u32>,
    },
}

/// Why a text is not a placement. Worded as Juju's verifier has it, which v4 clients know.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid placement syntax \"{0}\"")]
pub struct PlacementError(String);

impl FromStr for Placement {
    type Err = PlacementError;

    fn from_str(text: &str) -> Result<Self, PlacementError> {
        let refuse = || PlacementError(text.to_owned());
        let (container, target) = match text.split_once(':') {
            Some((container, target)) if is_word(container) => (Some(container.to_owned()), target),
            Some(_) => return Err(refuse()),
            None => (None, text),
        };
        Ok(Self { container, target: target_of(target).ok_or_else(refuse)? })
    }
}

fn target_of(text: &str) -> Option<PlacementTarget> {
    if text == "new" {
        return Some(PlacementTarget::New);
    }
    if let Some(machine) = number(text) {
        return Some(PlacementTarget::Machine(machine));
    }
    let (application, unit) = match text.split_once('/') {
        Some((application, unit)) => (application, Some(number(unit)?)),
        None => (text, None),
    };
    is_word(application).then(|| PlacementTarget::Unit { application: application.to_owned(), unit })
}

fn number(text: &str) -> Option<u32> {
    // `parse` alone would take `+1`.
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|it: char| it.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(container) = &self.container {
            write!(f, "{container}:")?;
        }
        match &self.target {
            PlacementTarget::New => f.write_str("new"),
            PlacementTarget::Machine(number) => write!(f, "{number}"),
            PlacementTarget::Unit { application, unit: None } => f.write_str(application),
            PlacementTarget::Unit { application, unit: Some(unit) } => write!(f, "{application}/{unit}"),
        }
    }
}

impl TryFrom<String> for Placement {
    type Error = PlacementError;

    fn try_from(text: String) -> Result<Self, PlacementError> {
        text.parse()
    }
}

impl From<Placement> for String {
    fn from(placement: Placement) -> Self {
        placement.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use test_case::test_case;

    use super::*;

    #[test_case("new")]
    #[test_case("0")]
    #[test_case("lxd:new")]
    #[test_case("lxd:3")]
    #[test_case("mysql")]
    #[test_case("mysql/2")]
    #[test_case("kvm:nova-compute/0")]
    fn a_placement_round_trips_through_its_text(text: &str) {
        assert_eq!(text.parse::<Placement>().map(|it| it.to_string()), Ok(text.to_owned()));
    }

    #[test_case(""; "nothing")]
    #[test_case("lxd:"; "a container nowhere")]
    #[test_case(":1"; "no container")]
    #[test_case("mysql/"; "no unit")]
    #[test_case("mysql=0"; "juju-deployer's form")]
    #[test_case("a:b:c"; "two containers")]
    #[test_case("4294967296"; "a number beyond every machine")]
    fn refuses_a_placement(text: &str) {
        assert!(text.parse::<Placement>().is_err());
    }

    proptest! {
        #[test]
        fn what_is_read_prints_as_a_placement_that_reads_the_same(text in "([a-z]{1,3}:)?[a-z0-9/-]{0,6}") {
            if let Ok(placement) = text.parse::<Placement>() {
                prop_assert_eq!(placement.to_string().parse(), Ok(placement));
            }
        }
    }
}
