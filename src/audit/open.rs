//! Lines that wait for the disk together.

use std::fs::File;

use rustix::fs::{FlockOperation, flock};

use super::{AuditError, Event, Log};
use crate::world::World;

/// The log, held open by whoever adds lines and waits for the disk later, for several of them at once.
///
/// A disk that fails says so once, to whoever had the file open when it did: Linux counts that for each
/// open file. So lines are added to the file that is synced, and it stays open in between.
#[derive(Debug)]
pub struct OpenLog {
    log: Log,
    file: File,
}

impl OpenLog {
    /// Opens the log, and makes it where there is none.
    ///
    /// # Errors
    /// [`AuditError::NotWritable`].
    pub fn of(log: &Log) -> Result<Self, AuditError> {
        Ok(Self {
            log: log.clone(),
            file: log.open()?,
        })
    }

    /// Adds a line, which is on the disk when [`Self::sync`] has succeeded.
    ///
    /// # Errors
    /// [`AuditError::NotWritable`]: the caller must then not open anything.
    pub fn add(&self, world: &World, event: &Event<'_>) -> Result<(), AuditError> {
        let added = self.log.append(world, &self.file, event);
        // Nobody who adds a line waits for the disk of somebody else.
        let freed = flock(&self.file, FlockOperation::Unlock);
        added?;
        freed.map_err(|errno| self.log.not_written(errno.into()))
    }

    /// Waits until all lines that were added before are on the disk.
    ///
    /// # Errors
    /// [`AuditError::NotWritable`]: they may be there or not.
    pub fn sync(&self) -> Result<(), AuditError> {
        let synced = self.file.sync_data();
        synced.map_err(|error| self.log.not_written(error))
    }
}
