//! What a token is good for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::{Channel, Name, StreamName, UserName};
use crate::reference::{BaseId, ReferenceError};
use crate::rights::{Right, Rights, RightsError};

/// What a token is good for. A token without restrictions does what its user may.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Scope(Vec<ScopeRule>);

/// The most rules of a scope: every request by its token looks at all of them.
const MAX_RULES: usize = 50;

impl Scope {
    /// The scope of a token that does whatever its user may.
    pub const UNRESTRICTED: Self = Self(Vec::new());

    /// Reads rules of the form `[~owner/name[.stream]:]right[+right]…[@channel]`.
    ///
    /// Owner and name may end in `*`, which stands for any rest. A rule with a stream is for deploying that stream's
    /// resources, one with a channel is for publishing, and for releasing to that channel alone; `@none` is no channel.
    pub fn parse(rules: &[String]) -> Result<Self, RightsError> {
        if rules.len() > MAX_RULES {
            return Err(RightsError::Scope(format!("has {} rules; {MAX_RULES} are the most", rules.len())));
        }
        rules.iter().map(|rule| rule.parse()).collect::<Result<_, _>>().map(Self)
    }

    /// Returns the owners and names of the bases that the token is good for. None at all, if it is good for all.
    pub fn patterns(&self) -> impl Iterator<Item = (&Pattern, &Pattern)> {
        self.0.iter().map(|rule| (&rule.owner, &rule.name))
    }

    /// Says whether the token does whatever its user may. Only such a token makes tokens or members of groups:
    /// whoever finds a narrow one could otherwise make a wide one of it.
    pub const fn is_unrestricted(&self) -> bool {
        self.0.is_empty()
    }

    /// Says whether the token may be used for that.
    ///
    /// A right implies `metadata`: a token that may publish a base may know that it exists.
    pub fn covers(&self, base: &BaseId, right: Right) -> bool {
        self.any(base, |rule| rule.rights.has(right) || right == Right::Metadata)
    }

    /// Says whether the token may be used for the bytes of a stream's resources.
    pub fn covers_stream(&self, base: &BaseId, stream: &StreamName) -> bool {
        let is_for = |rule: &ScopeRule| rule.stream.as_ref().is_none_or(|only| only == stream);
        self.any(base, |rule| rule.rights.has(Right::Deploy) && is_for(rule))
    }

    /// Says whether the token may be used to move that channel's pointers.
    pub fn covers_release(&self, base: &BaseId, channel: Channel) -> bool {
        let is_for = |rule: &ScopeRule| match rule.releases {
            Releases::Anywhere => true,
            Releases::Nowhere => false,
            Releases::To(only) => only == channel,
        };
        self.any(base, |rule| rule.rights.has(Right::Publish) && is_for(rule))
    }

    /// Says whether the token may be used for what is bound to no channel: rights, withdrawals.
    pub fn covers_governing(&self, base: &BaseId) -> bool {
        self.any(base, |rule| rule.rights.has(Right::Publish) && rule.releases == Releases::Anywhere)
    }

    fn any(&self, base: &BaseId, is_for: impl Fn(&ScopeRule) -> bool) -> bool {
        self.is_unrestricted() || self.0.iter().any(|rule| rule.names(base) && is_for(rule))
    }
}

/// One restriction of a token: rights on the bases of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ScopeRule {
    owner: Pattern,
    name: Pattern,
    stream: Option<StreamName>,
    rights: Rights,
    releases: Releases,
}

/// Where a rule that is for publishing may release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Releases {
    /// To every channel; such a rule governs the base as well.
    Anywhere,
    /// To no channel: it publishes, and that is all.
    Nowhere,
    /// To one channel.
    To(Channel),
}

impl Releases {
    /// How a rule says that it releases nowhere.
    const NONE: &str = "none";

    fn parse(text: &str) -> Result<Self, RightsError> {
        if text == Self::NONE { Ok(Self::Nowhere) } else { Ok(Self::To(text.parse()?)) }
    }
}

impl ScopeRule {
    fn names(&self, base: &BaseId) -> bool {
        self.owner.matches(base.owner.as_str()) && self.name.matches(base.name.as_str())
    }

    /// A stream is asked about when its bytes are opened, a channel when its pointers move. A rule that bound another
    /// right to one of them would promise what nothing keeps.
    fn check(&self) -> Result<(), RightsError> {
        let has_other = |right| Right::ALL.into_iter().any(|it| it != right && self.rights.has(it));
        let refused = |what: &str| Err(RightsError::Scope(format!("{self}: {what}")));
        let is_bound = self.releases != Releases::Anywhere;
        match (&self.stream, is_bound) {
            (Some(_), true) => refused("names a stream and a channel: write two rules"),
            (Some(_), false) if has_other(Right::Deploy) => {
                refused("a rule with a stream is for `deploy` alone")
            }
            (None, true) if has_other(Right::Publish) => {
                refused("a rule with a channel is for `publish` alone")
            }
            _ => Ok(()),
        }
    }
}

impl FromStr for ScopeRule {
    type Err = RightsError;

    fn from_str(text: &str) -> Result<Self, RightsError> {
        let (bases, rights) = text.split_once(':').unwrap_or(("~*/*", text));
        let (rights, releases) = match rights.split_once('@') {
            Some((rights, channel)) => (rights, Releases::parse(channel)?),
            None => (rights, Releases::Anywhere),
        };
        let rights: Vec<Right> = rights.split('+').map(str::parse).collect::<Result<_, _>>()?;
        let (owner, name) = bases
            .strip_prefix('~')
            .and_then(|rest| rest.split_once('/'))
            .ok_or_else(|| ReferenceError::NotABase(bases.to_owned()))?;
        let (name, stream) = match name.split_once('.') {
            Some((name, stream)) => (name, Some(stream.parse()?)),
            None => (name, None),
        };
        let rule = Self {
            owner: Pattern::parse::<UserName>(owner)?,
            name: Pattern::parse::<Name>(name)?,
            stream,
            rights: rights.into(),
            releases,
        };
        rule.check().map(|()| rule)
    }
}

impl fmt::Display for ScopeRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "~{}/{}", self.owner, self.name)?;
        if let Some(stream) = &self.stream {
            write!(f, ".{stream}")?;
        }
        let rights: Vec<_> = Vec::from(self.rights).into_iter().map(Right::as_str).collect();
        write!(f, ":{}", rights.join("+"))?;
        match self.releases {
            Releases::Anywhere => Ok(()),
            Releases::Nowhere => write!(f, "@{}", Releases::NONE),
            Releases::To(channel) => write!(f, "@{channel}"),
        }
    }
}

/// A name, or the beginning of names: `mysql`, `mysql-*`, `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// This name.
    Exactly(String),
    /// Every name that begins so; every name, if it is empty.
    BeginsWith(String),
}

impl Pattern {
    fn parse<T: FromStr<Err = crate::name::NameError>>(text: &str) -> Result<Self, RightsError> {
        let Some(beginning) = text.strip_suffix('*') else {
            text.parse::<T>()?;
            return Ok(Self::Exactly(text.to_owned()));
        };
        // Whatever it is the beginning of is a name; `x` stands for the rest.
        if !beginning.is_empty() {
            format!("{beginning}x").parse::<T>()?;
        }
        Ok(Self::BeginsWith(beginning.to_owned()))
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exactly(text) => name == text,
            Self::BeginsWith(text) => name.starts_with(text.as_str()),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(text) => f.write_str(text),
            Self::BeginsWith(text) => write!(f, "{text}*"),
        }
    }
}

impl From<Scope> for Vec<String> {
    fn from(scope: Scope) -> Self {
        scope.0.iter().map(ToString::to_string).collect()
    }
}

impl TryFrom<Vec<String>> for Scope {
    type Error = RightsError;

    fn try_from(rules: Vec<String>) -> Result<Self, RightsError> {
        Self::parse(&rules)
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn scope(rule: &str) -> Scope {
        Scope::parse(&[rule.to_owned()]).unwrap()
    }

    #[test_case("~alice/*:deploy")]
    #[test_case("~*/*:metadata+publish")]
    #[test_case("~team-*/mysql-*:content+deploy")]
    #[test_case("~alice/mysql.paid:deploy")]
    #[test_case("~alice/mysql:publish@edge")]
    #[test_case("~alice/mysql:publish@none")]
    fn a_scope_reads_back_from_its_text(rule: &str) {
        assert_eq!(Vec::from(scope(rule)), [rule]);
    }

    #[test_case("~alice:deploy"; "no base")]
    #[test_case("fly"; "no right")]
    #[test_case("~alice/my*sql:deploy"; "a star in the middle")]
    #[test_case("~a/*x:deploy"; "a star in front")]
    #[test_case("~alice/mysql.paid:deploy+content"; "a stream for more than deploying")]
    #[test_case("~alice/mysql.paid:publish"; "a stream for publishing")]
    #[test_case("~alice/mysql:deploy@edge"; "a channel for deploying")]
    #[test_case("~alice/mysql.paid:publish@edge"; "a stream and a channel")]
    #[test_case("publish@nowhere"; "an unknown channel")]
    #[test_case(""; "nothing")]
    fn refuses(rule: &str) {
        assert!(Scope::parse(&[rule.to_owned()]).is_err());
    }

    #[test]
    fn the_beginning_of_a_name_is_not_the_name() {
        let scope = scope("~alice/mysql-*:deploy");
        let covers = |base: &str| scope.covers(&base.parse().unwrap(), Right::Deploy);
        assert!(covers("~alice/mysql-router") && !covers("~alice/mysql") && !covers("~bob/mysql-router"));
    }

    #[test]
    fn a_channel_binds_releases_and_keeps_the_rest_out() {
        let (scope, base) = (scope("~alice/mysql:publish@edge"), "~alice/mysql".parse().unwrap());
        assert!(scope.covers(&base, Right::Publish) && scope.covers_release(&base, Channel::Edge));
        assert!(!scope.covers_release(&base, Channel::Stable) && !scope.covers_governing(&base));
        assert!(!scope.covers(&base, Right::Deploy));
    }

    #[test]
    fn no_channel_is_for_publishing_alone() {
        let (scope, base) = (scope("~alice/mysql:publish@none"), "~alice/mysql".parse().unwrap());
        assert!(scope.covers(&base, Right::Publish) && !scope.covers_governing(&base));
        assert!(!scope.covers_release(&base, Channel::Edge) && !scope.covers_release(&base, Channel::Stable));
    }
}
