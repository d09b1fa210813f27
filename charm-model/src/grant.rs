//! Giving one user or group more, or less, than it had.
//!
//! Rights are those of classes. To be granted a right is to join the class that has it; what else the class has comes
//! with it, so whoever grants is told what came of it ([`Acl::rights_in`]).

use thiserror::Error;

use crate::name::StreamName;
use crate::rights::{Acl, Principal, Right, Rights};

/// Why a grant cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GrantError {
    /// No class but that of maintainers has the right.
    #[error("installers do not have `{0}` here: choose a preset in which they do, or grant `publish`")]
    NoClass(Right),
    /// A stream narrows `deploy` and nothing else.
    #[error("a stream narrows `deploy` alone, not `{0}`")]
    NotOfAStream(Right),
    /// No right is named.
    #[error("no right is named: say which")]
    Nothing,
}

impl Acl {
    /// Makes a user or group a member of the class that has these rights: of the maintainers for `publish`, else of the
    /// installers. With a stream, admits it to that stream, which is narrowed from then on.
    pub fn grant(
        &mut self,
        who: &Principal,
        rights: Rights,
        stream: Option<&StreamName>,
    ) -> Result<(), GrantError> {
        check(rights, stream)?;
        if let Some(stream) = stream {
            self.streams.entry(stream.clone()).or_default().insert(who.clone());
        } else if rights.has(Right::Publish) {
            self.maintainers.insert(who.clone());
        } else if let Some(lacking) =
            Right::ALL.into_iter().find(|it| rights.has(*it) && !self.installers_have(*it))
        {
            return Err(GrantError::NoClass(lacking));
        } else {
            self.installers.insert(who.clone());
        }
        Ok(())
    }

    /// Takes a user or group out of every class that has one of these rights; with a stream, out of that stream's list.
    ///
    /// A stream whose list becomes empty stays narrowed: taking somebody out never lets anybody in.
    pub fn revoke(
        &mut self,
        who: &Principal,
        rights: Rights,
        stream: Option<&StreamName>,
    ) -> Result<(), GrantError> {
        check(rights, stream)?;
        if let Some(stream) = stream {
            if let Some(admitted) = self.streams.get_mut(stream) {
                admitted.remove(who);
            }
            return Ok(());
        }
        let has_one = |class: Rights| Right::ALL.into_iter().any(|it| rights.has(it) && class.has(it));
        if has_one(self.matrix.maintainers) {
            self.maintainers.remove(who);
        }
        if has_one(self.matrix.installers) {
            self.installers.remove(who);
        }
        if rights.has(Right::Deploy) {
            for admitted in self.streams.values_mut() {
                admitted.remove(who);
            }
        }
        Ok(())
    }

    /// Returns the rights that a user or group has by standing in these lists, with those of everybody. What a user has
    /// by being a member of a group that stands there is not looked at.
    pub fn rights_in(&self, who: &Principal) -> Rights {
        let mut rights = self.matrix.everybody;
        if self.installers.contains(who) {
            rights = rights.or(self.matrix.installers);
        }
        if self.maintainers.contains(who) {
            rights = rights.or(self.matrix.maintainers);
        }
        // Without `metadata`, no other right is worth anything.
        if rights.has(Right::Metadata) { rights } else { Rights::NONE }
    }

    fn installers_have(&self, right: Right) -> bool {
        self.matrix.installers.has(right)
    }
}

fn check(rights: Rights, stream: Option<&StreamName>) -> Result<(), GrantError> {
    if rights == Rights::NONE {
        return Err(GrantError::Nothing);
    }
    let other = Right::ALL.into_iter().find(|it| *it != Right::Deploy && rights.has(*it));
    match (stream, other) {
        (Some(_), Some(right)) => Err(GrantError::NotOfAStream(right)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;
    use crate::rights::Preset;

    fn acl(preset: Preset) -> Acl {
        Acl { matrix: preset.matrix(), ..Acl::new_base(&"alice".parse().unwrap()) }
    }

    fn bob() -> Principal {
        "bob".parse().unwrap()
    }

    #[test_case(Preset::UnderTest, &[Right::Deploy] => Ok(Rights::of(&[Right::Metadata, Right::Content, Right::Deploy])))]
    #[test_case(Preset::Closed, &[Right::Deploy] => Ok(Rights::of(&[Right::Metadata, Right::Deploy])))]
    #[test_case(Preset::Closed, &[Right::Content] => Err(GrantError::NoClass(Right::Content)))]
    #[test_case(Preset::Closed, &[Right::Publish] => Ok(Rights::ALL))]
    #[test_case(Preset::Closed, &[] => Err(GrantError::Nothing))]
    fn a_grant_comes_to(preset: Preset, rights: &[Right]) -> Result<Rights, GrantError> {
        let mut acl = acl(preset);
        acl.grant(&bob(), Rights::of(rights), None)?;
        Ok(acl.rights_in(&bob()))
    }

    #[test]
    fn what_was_granted_is_revoked() {
        let mut acl = acl(Preset::UnderTest);
        let before = acl.clone();
        for right in [Right::Deploy, Right::Publish] {
            acl.grant(&bob(), Rights::of(&[right]), None).unwrap();
            acl.revoke(&bob(), Rights::of(&[right]), None).unwrap();
            assert_eq!(acl, before);
        }
    }

    #[test]
    fn a_stream_that_nobody_is_left_in_stays_narrowed() {
        let (mut acl, paid) = (acl(Preset::Public), "paid".parse().unwrap());
        acl.grant(&bob(), Rights::of(&[Right::Deploy]), Some(&paid)).unwrap();
        acl.revoke(&bob(), Rights::of(&[Right::Deploy]), None).unwrap();
        assert_eq!(acl.streams[&paid], [].into());
    }
}
