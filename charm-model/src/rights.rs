//! Who may do what: three classes, four rights, a matrix between them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::name::{Channel, NameError, StreamName, UserName};
use crate::reference::{BaseId, ReferenceError};
pub use crate::scope::{Pattern, Scope};

/// What may be done with a base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// Know that it exists: resolve, meta endpoints, search, lists, feeds.
    Metadata,
    /// Browse the archive and its files, list the files of resources.
    Content,
    /// Download archive and resources as a whole, to run them.
    Deploy,
    /// Make revisions, release, change rights, withdraw.
    Publish,
}

impl Right {
    /// Every right, in order.
    pub const ALL: [Self; 4] = [Self::Metadata, Self::Content, Self::Deploy, Self::Publish];

    /// Returns the right's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Content => "content",
            Self::Deploy => "deploy",
            Self::Publish => "publish",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Metadata => 4,
            Self::Content => 2,
            Self::Deploy => 1,
            Self::Publish => 8,
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not a right, a principal, a scope or a preset.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RightsError {
    /// Not one of the four.
    #[error("right `{0}` is not known: it is one of metadata, content, deploy and publish")]
    Right(String),
    /// Not one of the presets.
    #[error("preset `{0}` is not known: it is one of public, under-test, gated, closed and commercial")]
    Preset(String),
    /// Neither `name` nor `@group`.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A scope's base is neither `~owner/name` nor a pattern of it.
    #[error(transparent)]
    Base(#[from] ReferenceError),
    /// A rule of a scope that nothing would keep.
    #[error("scope {0}")]
    Scope(String),
}

impl FromStr for Right {
    type Err = RightsError;

    fn from_str(text: &str) -> Result<Self, RightsError> {
        let known = Self::ALL.into_iter().find(|right| right.as_str() == text);
        known.ok_or_else(|| RightsError::Right(text.to_owned()))
    }
}

/// A set of rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Right>", into = "Vec<Right>")]
pub struct Rights(u8);

impl Rights {
    /// No right.
    pub const NONE: Self = Self(0);
    /// Every right.
    pub const ALL: Self = Self(0b1111);

    /// Returns the set of the given rights.
    pub const fn of(rights: &[Right]) -> Self {
        let (mut bits, mut i) = (0, 0);
        while i < rights.len() {
            bits |= rights[i].bit();
            i += 1;
        }
        Self(bits)
    }

    /// Says whether the right is in the set.
    pub const fn has(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }

    /// Returns the rights of both sets together.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the set as four bits: publish 8, metadata 4, content 2, deploy 1.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Returns the set of those four bits; higher bits are dropped.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & Self::ALL.0)
    }
}

impl From<Rights> for Vec<Right> {
    fn from(rights: Rights) -> Self {
        Right::ALL.into_iter().filter(|right| rights.has(*right)).collect()
    }
}

impl From<Vec<Right>> for Rights {
    fn from(rights: Vec<Right>) -> Self {
        Self::of(&rights)
    }
}

/// A user, or a group of users: `alice`, `@ibm-customers`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Principal {
    /// One user.
    User(UserName),
    /// Every member of the group.
    Group(UserName),
}

impl FromStr for Principal {
    type Err = RightsError;

    fn from_str(text: &str) -> Result<Self, RightsError> {
        match text.strip_prefix('@') {
            Some(group) => Ok(Self::Group(group.parse()?)),
            None => Ok(Self::User(text.parse()?)),
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "{name}"),
            Self::Group(name) => write!(f, "@{name}"),
        }
    }
}

impl TryFrom<String> for Principal {
    type Error = RightsError;

    fn try_from(text: String) -> Result<Self, RightsError> {
        text.parse()
    }
}

impl From<Principal> for String {
    fn from(principal: Principal) -> Self {
        principal.to_string()
    }
}

/// Users and groups.
pub type Principals = BTreeSet<Principal>;

/// The rights of each class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matrix {
    /// Of those who maintain the base.
    pub maintainers: Rights,
    /// Of those who may install it.
    pub installers: Rights,
    /// Of everybody, logged in or not.
    pub everybody: Rights,
}

/// The matrices that have names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Everybody may see, browse and deploy it (0755).
    Public,
    /// Only maintainers and installers know that it exists (0750).
    UnderTest,
    /// Everybody knows that it exists, installers may have it (0754).
    Gated,
    /// Installers may run it and not browse it; nobody else knows (0710).
    Closed,
    /// Everybody may run it, nobody but maintainers may browse it (0711).
    Commercial,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Self; 5] = [Self::Public, Self::UnderTest, Self::Gated, Self::Closed, Self::Commercial];

    /// Returns the preset's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::UnderTest => "under-test",
            Self::Gated => "gated",
            Self::Closed => "closed",
            Self::Commercial => "commercial",
        }
    }

    /// Returns the rights of each class.
    pub const fn matrix(self) -> Matrix {
        const READ: Rights = Rights::of(&[Right::Metadata, Right::Content, Right::Deploy]);
        const RUN: Rights = Rights::of(&[Right::Metadata, Right::Deploy]);
        const KNOW: Rights = Rights::of(&[Right::Metadata]);
        let (installers, everybody) = match self {
            Self::Public => (READ, READ),
            Self::UnderTest => (READ, Rights::NONE),
            Self::Gated => (READ, KNOW),
            Self::Closed => (RUN, Rights::NONE),
            Self::Commercial => (RUN, RUN),
        };
        Matrix { maintainers: Rights::ALL, installers, everybody }
    }
}

impl FromStr for Preset {
    type Err = RightsError;

    fn from_str(text: &str) -> Result<Self, RightsError> {
        let known = Self::ALL.into_iter().find(|preset| preset.as_str() == text);
        known.ok_or_else(|| RightsError::Preset(text.to_owned()))
    }
}

/// Who may do what with a base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acl {
    /// Who maintains the base.
    pub maintainers: Principals,
    /// Who may install it.
    pub installers: Principals,
    /// The rights of each class.
    pub matrix: Matrix,
    /// Streams whose `deploy` is narrowed to these, and to maintainers: the paid stream.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub streams: BTreeMap<StreamName, Principals>,
}

impl Acl {
    /// Returns the rights of a new base: under test, with its publisher as maintainer.
    pub fn new_base(publisher: &UserName) -> Self {
        Self {
            maintainers: [Principal::User(publisher.clone())].into(),
            installers: Principals::new(),
            matrix: Preset::UnderTest.matrix(),
            streams: BTreeMap::new(),
        }
    }

    /// Returns what the caller may do with the base as a whole, its token's scope apart.
    fn rights_of(&self, caller: &Caller) -> Rights {
        let mut rights = self.matrix.everybody;
        if caller.is_among(&self.installers) {
            rights = rights.or(self.matrix.installers);
        }
        if caller.is_among(&self.maintainers) {
            rights = rights.or(self.matrix.maintainers);
        }
        rights
    }

    /// Says whether the caller may do that with the base; `deploy` of a stream is [`Self::allows_stream`].
    ///
    /// Without `metadata` an entity does not exist, so no other right is worth anything without it.
    pub fn allows(&self, caller: &Caller, base: &BaseId, right: Right) -> bool {
        let covers = |scope: &Scope| scope.covers(base, right);
        match right {
            Right::Publish => self.allows_change(caller, covers),
            Right::Metadata | Right::Content | Right::Deploy => {
                allows_within(caller, covers, |caller| self.holds(caller, right))
            }
        }
    }

    /// Says whether the caller may have the bytes of a stream's resources, to run them.
    pub fn allows_stream(&self, caller: &Caller, base: &BaseId, stream: &StreamName) -> bool {
        let holds = |caller: &Caller| self.holds(caller, Right::Deploy) && self.admits(caller, stream);
        allows_within(caller, |scope| scope.covers_stream(base, stream), holds)
    }

    /// Says whether the caller may move that channel's pointers.
    pub fn allows_release(&self, caller: &Caller, base: &BaseId, channel: Channel) -> bool {
        self.allows_change(caller, |scope| scope.covers_release(base, channel))
    }

    /// Says whether the caller may change what is bound to no channel: rights, withdrawals.
    pub fn allows_governing(&self, caller: &Caller, base: &BaseId) -> bool {
        self.allows_change(caller, |scope| scope.covers_governing(base))
    }

    /// A change is somebody's, whatever everybody may: without a token there is none that a narrow one could be less than.
    fn allows_change(&self, caller: &Caller, covers: impl Fn(&Scope) -> bool) -> bool {
        match caller {
            Caller::Admin => true,
            Caller::Anonymous => self.holds(caller, Right::Publish),
            Caller::User(identity) => covers(&identity.scope) && self.holds(caller, Right::Publish),
        }
    }

    /// Returns everybody whom the rights name.
    pub fn principals(&self) -> impl Iterator<Item = &Principal> {
        self.maintainers.iter().chain(&self.installers).chain(self.streams.values().flatten())
    }

    fn holds(&self, caller: &Caller, right: Right) -> bool {
        let rights = self.rights_of(caller);
        rights.has(Right::Metadata) && rights.has(right)
    }

    fn admits(&self, caller: &Caller, stream: &StreamName) -> bool {
        let Some(admitted) = self.streams.get(stream) else { return true };
        caller.is_among(admitted) || caller.is_among(&self.maintainers)
    }
}

/// A narrow token never has less than no token, and never more than its user.
fn allows_within(caller: &Caller, covers: impl Fn(&Scope) -> bool, holds: impl Fn(&Caller) -> bool) -> bool {
    match caller {
        Caller::Admin => true,
        Caller::Anonymous => holds(caller),
        Caller::User(identity) => holds(&Caller::Anonymous) || covers(&identity.scope) && holds(caller),
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Nobody that is known.
    Anonymous,
    /// A user, or a robot that acts for one.
    User(Identity),
    /// The operator, who may do everything.
    Admin,
}

/// A user who is known, and what the token at hand is good for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The user's name.
    pub name: UserName,
    /// The groups that the user is a member of.
    pub groups: BTreeSet<UserName>,
    /// What the token is good for; never more than the user may.
    pub scope: Scope,
    /// The token's identifier; none where a password was given.
    pub token: Option<String>,
}

impl Caller {
    /// Returns the user's name; the operator's is `admin`.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Anonymous => None,
            Self::User(identity) => Some(identity.name.as_str()),
            Self::Admin => Some("admin"),
        }
    }

    /// Returns the identifier of the token by which the caller asks, if it is one.
    pub fn token(&self) -> Option<&str> {
        match self {
            Self::User(identity) => identity.token.as_deref(),
            Self::Anonymous | Self::Admin => None,
        }
    }

    /// Says whether the caller is one of these users, or a member of one of these groups.
    pub fn is_among(&self, principals: &Principals) -> bool {
        let Self::User(identity) = self else { return false };
        principals.iter().any(|principal| match principal {
            Principal::User(name) => *name == identity.name,
            Principal::Group(group) => identity.groups.contains(group),
        })
    }

    /// Says whether the caller may make new bases of that owner: the owner, or a member of the group of that name.
    pub fn may_create(&self, base: &BaseId) -> bool {
        match self {
            Self::Anonymous => false,
            Self::Admin => true,
            Self::User(identity) => {
                let is_owner = identity.name == base.owner || identity.groups.contains(&base.owner);
                is_owner && identity.scope.covers(base, Right::Publish)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn user(name: &str, groups: &[&str], scope: &[&str]) -> Caller {
        Caller::User(Identity {
            name: name.parse().unwrap(),
            groups: groups.iter().map(|group| group.parse().unwrap()).collect(),
            scope: Scope::parse(&scope.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap(),
            token: None,
        })
    }

    fn acl(preset: Preset) -> Acl {
        Acl {
            maintainers: ["alice".parse().unwrap()].into(),
            installers: ["@customers".parse().unwrap()].into(),
            matrix: preset.matrix(),
            streams: [("paid".parse().unwrap(), ["bob".parse().unwrap()].into())].into(),
        }
    }

    /// Prints the rights as the transcripts do: `MCDP`, a dash for each that lacks.
    fn shown(preset: Preset, caller: &Caller) -> String {
        let base = "~alice/mysql".parse().unwrap();
        let letter = |right: Right| match right {
            Right::Metadata => 'M',
            Right::Content => 'C',
            Right::Deploy => 'D',
            Right::Publish => 'P',
        };
        let show = |right| if acl(preset).allows(caller, &base, right) { letter(right) } else { '-' };
        Right::ALL.into_iter().map(show).collect()
    }

    #[test_case(Preset::Public => ["MCDP", "MCD-", "MCD-", "MCD-"])]
    #[test_case(Preset::UnderTest => ["MCDP", "MCD-", "----", "----"])]
    #[test_case(Preset::Gated => ["MCDP", "MCD-", "M---", "M---"])]
    #[test_case(Preset::Closed => ["MCDP", "M-D-", "----", "----"])]
    #[test_case(Preset::Commercial => ["MCDP", "M-D-", "M-D-", "M-D-"])]
    fn a_preset_grants(preset: Preset) -> [String; 4] {
        let callers = [
            user("alice", &[], &[]),
            user("carol", &["customers"], &[]),
            user("eve", &[], &[]),
            Caller::Anonymous,
        ];
        callers.map(|caller| shown(preset, &caller))
    }

    #[test_case("~alice/mysql:metadata" => (false, false, false); "a token that only knows")]
    #[test_case("~alice/mysql:publish@edge" => (true, false, false); "a token for another channel")]
    #[test_case("~alice/mysql:publish" => (true, true, true); "a token for the base")]
    fn where_everybody_publishes_a_token_changes(rule: &str) -> (bool, bool, bool) {
        let mut acl = acl(Preset::Public);
        acl.matrix.everybody = Rights::ALL;
        let (base, caller) = ("~alice/mysql".parse().unwrap(), user("eve", &[], &[rule]));
        (
            acl.allows(&caller, &base, Right::Publish),
            acl.allows_release(&caller, &base, Channel::Stable),
            acl.allows_governing(&caller, &base),
        )
    }

    #[test_case(&user("alice", &[], &[]) => true; "a maintainer")]
    #[test_case(&user("bob", &[], &[]) => true; "one who is admitted")]
    #[test_case(&user("carol", &["customers"], &[]) => false; "an installer who is not admitted")]
    #[test_case(&Caller::Anonymous => false; "nobody")]
    #[test_case(&Caller::Admin => true; "the operator")]
    fn a_narrowed_stream_is_for(caller: &Caller) -> bool {
        acl(Preset::Public).allows_stream(caller, &"~alice/mysql".parse().unwrap(), &"paid".parse().unwrap())
    }

    #[test_case(&["publish"] => "M--P"; "a right on every base")]
    #[test_case(&["~alice/mysql:content+deploy"] => "MCD-"; "rights on this base")]
    #[test_case(&["~alice/*:deploy"] => "M-D-"; "rights on the bases of an owner")]
    #[test_case(&["~alice/other:publish"] => "----"; "rights on another base")]
    fn a_scope_narrows(scope: &[&str]) -> String {
        shown(Preset::UnderTest, &user("alice", &[], scope))
    }

    #[test]
    fn a_narrow_token_keeps_what_everybody_may() {
        let token = user("alice", &[], &["~alice/other:publish"]);
        assert_eq!(shown(Preset::Public, &token), "MCD-");
    }

    #[test_case(&[], "paid" => true; "all that one may")]
    #[test_case(&["~alice/mysql.paid:deploy"], "paid" => true; "this stream")]
    #[test_case(&["~alice/mysql.gold:deploy"], "paid" => false; "another stream")]
    #[test_case(&["~alice/other:deploy"], "paid" => false; "another base")]
    #[test_case(&["~alice/mysql:content"], "paid" => false; "another right")]
    #[test_case(&["~alice/other:deploy"], "free" => true; "a stream that is everybody's")]
    fn a_token_opens_a_narrowed_stream_only_within_its_scope(scope: &[&str], stream: &str) -> bool {
        let base = "~alice/mysql".parse().unwrap();
        acl(Preset::Public).allows_stream(&user("bob", &[], scope), &base, &stream.parse().unwrap())
    }
}
