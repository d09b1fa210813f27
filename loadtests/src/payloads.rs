//! Series of files that people ship, version after version: `payloads.toml`.
//!
//! They are fetched by name from where they are published, once, and kept; beside each lies the tar of what is in it.

mod fetch;
mod unpack;

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde::Deserialize;

const LIST: &str = include_str!("../payloads.toml");

/// A series as it is declared.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    name: String,
    what: String,
    registry: Registry,
    form: Form,
    versions: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    series: Vec<Declared>,
}

/// Where a series is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Registry {
    Npm,
    Pypi,
    Debian,
}

/// What a file is, and so how to look inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Form {
    TarGz,
    Zip,
    Deb,
}

/// A series that is here.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// What kind of content it has.
    pub(crate) what: String,
    /// The oldest first; at least two.
    pub(crate) versions: Vec<Version>,
}

/// A version, in both ways to store it.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) number: String,
    /// As it is shipped.
    pub(crate) shipped: PathBuf,
    /// The tar of its content.
    pub(crate) unpacked: PathBuf,
}

/// Takes the name of a series for a flag.
pub(crate) fn name(text: &str) -> Result<String> {
    let names: Vec<String> = declared()?.into_iter().map(|it| it.name).collect();
    ensure!(names.iter().any(|it| it == text), "the series are {}", names.join(", "));
    Ok(text.to_owned())
}

/// Returns the series of these names, or all; what is not in the directory yet is fetched. A version that is not to be
/// had is passed over, and said so.
pub(crate) fn collect(dir: &Path, names: &[String]) -> Result<Vec<Series>> {
    let wanted = |it: &Declared| names.is_empty() || names.contains(&it.name);
    let all = declared()?.into_iter().filter(wanted).map(|it| it.collect(dir)).collect::<Result<Vec<_>>>()?;
    let series: Vec<Series> = all.into_iter().filter(|it| it.versions.len() >= 2).collect();
    ensure!(!series.is_empty(), "of no series are there two versions; is the network there?");
    Ok(series)
}

fn declared() -> Result<Vec<Declared>> {
    Ok(toml::from_str::<List>(LIST)?.series)
}

impl Declared {
    fn collect(self, dir: &Path) -> Result<Series> {
        let mut versions = Vec::new();
        for version in &self.versions {
            match self.fetched(version, dir) {
                Ok(shipped) => {
                    let unpacked = unpack::unpacked(self.form, &shipped, dir)?;
                    versions.push(Version { number: version.clone(), shipped, unpacked });
                }
                Err(error) => anstream::eprintln!("passed over: {} {version}: {error:#}", self.name),
            }
        }
        Ok(Series { name: self.name, what: self.what, versions })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_has_a_step_and_a_name_of_its_own() {
        let all = declared().unwrap();
        assert!(all.iter().all(|it| it.versions.len() >= 2), "{all:?}");
        let distinct: std::collections::BTreeSet<_> = all.iter().map(|it| &it.name).collect();
        assert_eq!(distinct.len(), all.len());
    }
}
