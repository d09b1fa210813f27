//! What is put into the index: one entry for each base and series, as it stands in stable.

use charm_model::name::{Name, Series, UserName};
use charm_model::reference::{BaseId, Revision};
use charm_model::rights::{Acl, Principal, Right, Rights};
use charm_model::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// Charm or bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A charm.
    Charm,
    /// A bundle.
    Bundle,
}

impl Kind {
    /// Returns the kind's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Charm => "charm",
            Self::Bundle => "bundle",
        }
    }
}

/// Who may know of a base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// Whoever asks.
    Everybody,
    /// These, and the operator.
    Only(Vec<Principal>),
}

impl Audience {
    /// Returns those to whom the rights grant `metadata`.
    pub fn of(acl: &Acl) -> Self {
        let knows = |rights: Rights| rights.has(Right::Metadata);
        if knows(acl.matrix.everybody) {
            return Self::Everybody;
        }
        let maintainers = knows(acl.matrix.maintainers).then_some(&acl.maintainers);
        let installers = knows(acl.matrix.installers).then_some(&acl.installers);
        Self::Only(maintainers.into_iter().chain(installers).flatten().cloned().collect())
    }
}

/// What search knows of a base in one series.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug, Clone)]
pub struct Entry {
    /// Whose it is and what it is called.
    pub base: BaseId,
    /// The series that it is listed under.
    pub series: Series,
    /// The revision that stable points to there.
    pub revision: Revision,
    /// Charm or bundle.
    pub kind: Kind,
    /// Every series that this revision is for.
    pub supported: Vec<Series>,
    /// Whether one revision serves several series, so that its reference needs none.
    pub is_multi_series: bool,
    /// Whether it is the first of the entries with its revision: v5 lists a revision once.
    pub is_lead: bool,
    /// Whether its series is the one that the base's name alone would mean.
    pub is_preferred: bool,
    /// Whether a reference without an owner means the base.
    pub is_promulgated: bool,
    /// What it is called for people; empty if it is just its name.
    pub title: String,
    /// One line on what it does.
    pub summary: String,
    /// The longer text.
    pub description: String,
    /// The README, as it stands.
    pub readme: String,
    /// Tags and categories.
    pub tags: Vec<String>,
    /// The interfaces that it serves.
    pub provides: Vec<String>,
    /// The interfaces that it uses.
    pub requires: Vec<String>,
    /// The names of its configuration options.
    pub options: Vec<String>,
    /// The architectures that it has resources for; none if it runs wherever its series does.
    pub architectures: Vec<String>,
    /// The applications of a bundle, and the charms that they are of.
    pub applications: Vec<String>,
    /// How often it was fetched.
    pub downloads: u64,
    /// How many revisions the base has had.
    pub revisions: u32,
    /// When its revision was published.
    pub published_at: Timestamp,
}

/// What is kept of an entry, to show it without asking anybody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Card {
    pub(crate) owner: UserName,
    pub(crate) name: Name,
    pub(crate) series: Series,
    pub(crate) revision: Revision,
    pub(crate) kind: Kind,
    pub(crate) supported: Vec<Series>,
    pub(crate) multi: bool,
    pub(crate) promulgated: bool,
    pub(crate) summary: String,
    pub(crate) description: String,
    pub(crate) readme: String,
    pub(crate) tags: Vec<String>,
    pub(crate) downloads: u64,
}

/// How much of a text is kept to cut snippets from, in bytes.
const MAX_KEPT_BYTES: usize = 2_000;

impl Card {
    pub(crate) fn of(entry: &Entry) -> Self {
        Self {
            owner: entry.base.owner.clone(),
            name: entry.base.name.clone(),
            series: entry.series.clone(),
            revision: entry.revision,
            kind: entry.kind,
            supported: entry.supported.clone(),
            multi: entry.is_multi_series,
            promulgated: entry.is_promulgated,
            summary: cut(&entry.summary, MAX_KEPT_BYTES).to_owned(),
            description: cut(&entry.description, MAX_KEPT_BYTES).to_owned(),
            readme: cut(&entry.readme, MAX_KEPT_BYTES).to_owned(),
            tags: entry.tags.clone(),
            downloads: entry.downloads,
        }
    }
}

/// Returns the beginning of a text, at most so many bytes and not through a character.
pub(crate) fn cut(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}
