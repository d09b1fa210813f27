//! The journal: which publishes were begun on this machine and are not finished, since when, and until when the store
//! keeps what it has of them.
//!
//! The store alone decides what goes on: it finds the session of a plan that comes again, from whatever machine. What it
//! cannot say is when *this* author began by this machine's clock, and it says nothing at all while it is away. That is
//! what the journal is for, so whoever loses it, or damages it, is told less and sends not a byte more. One sealed file
//! per publish, named by its session, under `$XDG_STATE_HOME/charm-publish/unfinished/`.

use std::fs;
use std::path::{Path, PathBuf};

use charm_model::digest::Content;
use charm_model::reference::BaseId;
use charm_model::timestamp::Timestamp;
use etcetera::BaseStrategy as _;
use serde::{Deserialize, Serialize};

use crate::moment::{ago, minute};
use crate::sealed::{self, Format};

const FORMAT: Format = Format { version: "charm-publish unfinished 1", max_bytes: 64 << 10 };

/// The most publishes that are remembered; the oldest is forgotten first.
const MAX_PUBLISHES: usize = 64;

/// A publish that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Beginning {
    /// The charm or bundle.
    pub(crate) base: BaseId,
    /// The charm's directory.
    pub(crate) dir: PathBuf,
    /// The store's address, without a password.
    pub(crate) store: String,
    /// When it began; not known where it goes on and an earlier journal was lost.
    pub(crate) begun: Option<Timestamp>,
    /// Until when the store keeps what it has of it.
    pub(crate) kept_until: Timestamp,
}

impl Beginning {
    /// Says how long ago it began and how long it is kept.
    pub(crate) fn told(&self, now: Timestamp) -> String {
        format!("{}, kept until {}", began(self.begun, now), minute(self.kept_until))
    }
}

fn began(begun: Option<Timestamp>, now: Timestamp) -> String {
    match begun {
        Some(begun) => format!("begun {}", ago(now.since(begun))),
        None => "begun before".to_owned(),
    }
}

/// Where unfinished publishes are written down.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    dir: Option<PathBuf>,
}

impl Journal {
    /// Returns the user's journal. Where there is no place for it, nothing is remembered.
    pub(crate) fn of_user() -> Self {
        let base = etcetera::choose_base_strategy().ok();
        let state = base.and_then(|base| base.state_dir());
        Self { dir: state.map(|it| it.join("charm-publish/unfinished")) }
    }

    /// Returns what was written down of a session.
    pub(crate) fn find(&self, session: &str) -> Option<Beginning> {
        FORMAT.read(&self.file(session)?)
    }

    /// Writes down that a session was begun. A journal that cannot be written is no reason not to publish.
    pub(crate) fn add(&self, session: &str, begun: &Beginning) {
        let Some(file) = self.file(session) else { return };
        let _ = FORMAT.write(&file, begun);
        let _ = sealed::keep_newest(file.parent().unwrap_or(Path::new(".")), MAX_PUBLISHES);
    }

    /// Forgets a session: it is finished.
    pub(crate) fn remove(&self, session: &str) {
        let _ = self.file(session).map(fs::remove_file);
    }

    /// Returns what is not finished and still kept, the newest first; what is not kept any more is forgotten.
    pub(crate) fn unfinished(&self, now: Timestamp) -> Vec<Beginning> {
        let files = self.dir.iter().filter_map(|dir| fs::read_dir(dir).ok()).flatten().flatten();
        let mut found = Vec::new();
        for file in files {
            match FORMAT.read::<Beginning>(&file.path()) {
                Some(begun) if begun.kept_until > now => found.push(begun),
                Some(_) => drop(fs::remove_file(file.path())),
                // Of a newer version, damaged, or being written: not ours to remove, and bounded in number.
                None => {}
            }
        }
        found.sort_by(|a, b| b.kept_until.cmp(&a.kept_until).then_with(|| a.dir.cmp(&b.dir)));
        found
    }

    /// Returns a session's file. What a store calls its sessions may be no name for a file.
    fn file(&self, session: &str) -> Option<PathBuf> {
        let name = Content::of(session.as_bytes()).digests.blake3.to_hex();
        Some(self.dir.as_ref()?.join(name))
    }
}

/// A publish that goes on, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Resumed {
    /// When it began; not known where the journal is lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) begun: Option<Timestamp>,
    /// How many bytes the store has of what it asked for.
    pub(crate) arrived: u64,
    /// How many bytes it asked for.
    pub(crate) total: u64,
    /// Until when it keeps them.
    pub(crate) kept_until: Timestamp,
}

impl Resumed {
    /// Says it in a line.
    pub(crate) fn told(&self, now: Timestamp) -> String {
        let began = began(self.begun, now);
        let [arrived, total] = [self.arrived, self.total].map(terminal::size);
        let until = minute(self.kept_until);
        format!("going on with the publish {began}; {arrived} of {total} are there; it is kept until {until}")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_404_482_037_000_000);
    const DAY: Duration = Duration::from_hours(24);

    struct Ground {
        dir: tempfile::TempDir,
        journal: Journal,
    }

    impl Ground {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let journal = Journal { dir: Some(dir.path().join("unfinished")) };
            Self { dir, journal }
        }

        fn file(&self, session: &str) -> PathBuf {
            self.journal.file(session).unwrap()
        }
    }

    fn begun(minutes: u64) -> Beginning {
        let begun =
            Timestamp::from_micros(NOW.as_micros() - 12 * 60_000_000).plus(Duration::from_mins(minutes));
        Beginning {
            base: BaseId { owner: "joe".parse().unwrap(), name: "mysql".parse().unwrap() },
            dir: "/home/joe/mysql".into(),
            store: "https://store.example/".to_owned(),
            begun: Some(begun),
            kept_until: begun.plus(3 * DAY),
        }
    }

    #[test]
    fn what_was_begun_is_known_until_it_is_finished() {
        let Ground { journal, dir: _dir } = Ground::new();
        assert_eq!((journal.find("s1"), journal.unfinished(NOW)), (None, vec![]));
        journal.add("s1", &begun(0));
        journal.add("s2", &begun(5));
        assert_eq!(journal.find("s1"), Some(begun(0)));
        assert_eq!(journal.unfinished(NOW), [begun(5), begun(0)]);
        journal.remove("s1");
        assert_eq!((journal.find("s1"), journal.unfinished(NOW)), (None, vec![begun(5)]));
    }

    #[test]
    fn what_the_store_does_not_keep_any_more_is_swept() {
        let ground = Ground::new();
        ground.journal.add("s1", &begun(0));
        assert_eq!(ground.journal.unfinished(begun(0).kept_until), []);
        assert!(!ground.file("s1").exists());
    }

    #[test]
    fn a_damaged_journal_says_nothing_and_is_written_anew() {
        let ground = Ground::new();
        ground.journal.add("s1", &begun(0));
        let whole = fs::read(ground.file("s1")).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(ground.file("s1"), damaged).unwrap();
            assert_eq!(
                (ground.journal.find("s1"), ground.journal.unfinished(NOW)),
                (None, vec![]),
                "byte {at}"
            );
        }
        ground.journal.add("s1", &begun(0));
        assert_eq!(ground.journal.find("s1"), Some(begun(0)));
    }

    #[test]
    fn a_journal_without_a_place_does_no_harm() {
        let ground = Ground::new();
        fs::write(ground.dir.path().join("unfinished"), "a file where the directory should be").unwrap();
        for journal in [&ground.journal, &Journal { dir: None }] {
            journal.add("s1", &begun(0));
            journal.remove("s1");
            assert_eq!((journal.find("s1"), journal.unfinished(NOW)), (None, vec![]));
        }
    }

    #[test]
    fn the_journal_stays_small() {
        let ground = Ground::new();
        for n in 0..MAX_PUBLISHES + 3 {
            ground.journal.add(&n.to_string(), &begun(0));
        }
        assert_eq!(ground.journal.unfinished(NOW).len(), MAX_PUBLISHES);
    }

    #[test]
    fn what_goes_on_says_since_when_how_far_and_how_long() {
        let resumed = Resumed {
            begun: begun(0).begun,
            arrived: 1_200_000_000,
            total: 2_000_000_000,
            kept_until: begun(0).kept_until,
        };
        insta::assert_snapshot!(resumed.told(NOW), @"going on with the publish begun 12 minutes ago; 1.2 GB of 2.0 GB are there; it is kept until 2014-07-07 13:41 UTC");
        insta::assert_snapshot!(Resumed { begun: None, ..resumed }.told(NOW), @"going on with the publish begun before; 1.2 GB of 2.0 GB are there; it is kept until 2014-07-07 13:41 UTC");
    }
}
