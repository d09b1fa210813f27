//! What tells that a file changed, without reading it.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Two writes within one tick of a file system's clock leave the same times; the coarsest tick in use is FAT's 2 s.
const TICK: Duration = Duration::from_secs(2);

/// What the system says of a file besides its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    size: u64,
    /// When the bytes changed, in seconds and nanoseconds. Anybody can put it back.
    modified: (i64, i64),
    /// When anything changed. Nobody can put it back without setting the machine's clock.
    changed: (i64, i64),
    inode: u64,
    device: u64,
}

impl Stamp {
    /// Returns the stamp of a file; of what it points to, where it is a link.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        path.metadata().map(|it| Self::from(&it))
    }

    /// Says whether whatever changes the file from that moment on will change its stamp too.
    pub(crate) fn is_settled(&self, at: SystemTime) -> bool {
        let is_older = |time| moment(time).is_some_and(|it| it + TICK < at);
        is_older(self.modified) && is_older(self.changed)
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self {
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            device: metadata.dev(),
        }
    }
}

/// Returns a moment; none before 1970, where no file of a charm was ever changed.
fn moment((seconds, nanos): (i64, i64)) -> Option<SystemTime> {
    let since = Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanos).ok()?);
    UNIX_EPOCH.checked_add(since)
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn stamp(modified: i64, changed: i64) -> Stamp {
        Stamp { size: 0, modified: (modified, 0), changed: (changed, 0), inode: 0, device: 0 }
    }

    #[test_case(10, 10 => true; "both long ago")]
    #[test_case(99, 10 => false; "bytes just now")]
    #[test_case(10, 98 => false; "two seconds ago is not more than two")]
    #[test_case(10, 200 => false; "a clock that is ahead")]
    #[test_case(-1, 10 => false; "a time that is none")]
    fn a_file_is_settled_at_second_100(modified: i64, changed: i64) -> bool {
        stamp(modified, changed).is_settled(UNIX_EPOCH + Duration::from_secs(100))
    }
}
