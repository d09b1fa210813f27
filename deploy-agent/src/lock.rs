//! One charm-deploy at a time.

use std::fs::File;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::durable;
use crate::error::DeployError;
use crate::unit::Unit;

/// The right to change a unit. The kernel takes it back from a process that dies.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the right to change a unit, whose directory is made if need be.
    pub(crate) fn to_change(unit: &Unit) -> Result<Self, DeployError> {
        durable::create_dir_all(&unit.private())?;
        let path = unit.lock_file();
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        Self::take(file.map_err(DeployError::io(&path))?, unit, FlockOperation::NonBlockingLockExclusive)
    }

    /// Keeps others from changing a unit that is being read. Needs no right to write there.
    pub(crate) fn to_read(unit: &Unit) -> Result<Self, DeployError> {
        let path = unit.lock_file();
        let file = match File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(DeployError::NotInstalled(unit.dir().to_owned()));
            }
            file => file.map_err(DeployError::io(&path))?,
        };
        Self::take(file, unit, FlockOperation::NonBlockingLockShared)
    }

    fn take(file: File, unit: &Unit, operation: FlockOperation) -> Result<Self, DeployError> {
        match flock(&file, operation) {
            Ok(()) => Ok(Self { _file: file }),
            Err(Errno::WOULDBLOCK) => Err(DeployError::Busy(unit.dir().to_owned())),
            Err(error) => Err(DeployError::io(&unit.lock_file())(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_changes_a_unit_and_none_reads_it_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let unit = Unit::new(dir.path());
        assert!(matches!(Lock::to_read(&unit), Err(DeployError::NotInstalled(_))));
        let changing = Lock::to_change(&unit).unwrap();
        assert!(matches!(Lock::to_change(&unit), Err(DeployError::Busy(_))));
        assert!(matches!(Lock::to_read(&unit), Err(DeployError::Busy(_))));
        drop(changing);
        let _reading = Lock::to_read(&unit).unwrap();
        assert!(Lock::to_read(&unit).is_ok());
    }
}
