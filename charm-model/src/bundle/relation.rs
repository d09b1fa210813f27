//! Relations of a bundle: pairs of endpoints.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::finding::{Code, Finding, Report};
use crate::yaml::Node;
use crate::yaml::fields::{items, texts};

/// What is related: two endpoints, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BundleRelation(pub [Endpoint; 2]);

/// One end of a relation: `mysql:db`, or `mysql` where only one relation fits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Endpoint {
    /// The application.
    pub application: String,
    /// Which of its relations; `None` leaves the choice to Juju.
    pub relation: Option<String>,
}

impl BundleRelation {
    /// Returns the same relation whichever way round it was written.
    #[must_use]
    pub fn sorted(&self) -> Self {
        let [one, other] = &self.0;
        if one <= other { self.clone() } else { Self([other.clone(), one.clone()]) }
    }
}

impl fmt::Display for BundleRelation {
    /// Prints as Juju's verifier does: `["wordpress:db" "mysql:server"]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [one, other] = &self.0;
        write!(f, "[\"{one}\" \"{other}\"]")
    }
}

impl From<String> for Endpoint {
    fn from(text: String) -> Self {
        match text.split_once(':') {
            Some((application, relation)) => {
                Self { application: application.to_owned(), relation: Some(relation.to_owned()) }
            }
            None => Self { application: text, relation: None },
        }
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.to_string()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.relation {
            Some(relation) => write!(f, "{}:{relation}", self.application),
            None => f.write_str(&self.application),
        }
    }
}

/// Returns the relations with the lines that they begin on.
pub(super) fn read(node: &Node, report: &mut Report) -> Vec<(usize, BundleRelation)> {
    let items = items(node, "relations", report).iter();
    items.filter_map(|item| Some((item.line, read_one(item, report)?))).collect()
}

fn read_one(item: &Node, report: &mut Report) -> Option<BundleRelation> {
    let endpoints = texts(item, "relations", report);
    let n_endpoints = endpoints.len();
    let pair: Result<[String; 2], _> = endpoints.try_into();
    if let Ok(pair) = pair {
        return Some(BundleRelation(pair.map(Endpoint::from)));
    }
    let message = format!("a relation has two endpoints; here are {n_endpoints}");
    report.at(item.line, Finding::error(Code::BundleInvalid, message));
    None
}
