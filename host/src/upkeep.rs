//! What `verify` and `repair` have in common: the landing zone and the state side by side, whatever their size.
//!
//! It changes nothing. Nothing is held that grows with the zone: both sides come in the order of paths, and what has to
//! be sorted is sorted on the disk. The rules are in `rules::findings`; here the facts are brought together.

mod findings;
mod pairing;
mod reading;

use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Kind};
use crate::patience::{PAUSE, hint, patiently};
use state::StateError;
use zone::{DiskError, LandingError, Lock, Root};

pub use findings::{Findings, Found};
pub use pairing::{Fact, Records, Told, pair};
pub use reading::{Content, Queue, Queued};

/// About how many bytes of records are held in memory before they go to the disk.
pub const HELD: usize = 4 * 1024 * 1024;

/// Why upkeep came to no end.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    /// The state could not be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The landing zone could not.
    #[error(transparent)]
    Landing(#[from] LandingError),
    /// What is sorted on the disk could not.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl From<UpkeepError> for Error {
    fn from(error: UpkeepError) -> Self {
        Self::new(Kind::Failed, error)
    }
}

/// Refuse a landing directory that is not there.
pub fn has_to_be(landing: &Path) -> Result<(), Error> {
    if landing.is_dir() {
        return Ok(());
    }
    let message = format!("there is no landing directory {}", landing.display());
    Err(Error::usage(message).hint("`--landing DIR` or LANDING_DIR says where it is"))
}

/// Open a zone that exists.
pub fn open(landing: &Path) -> Result<Root, Error> {
    has_to_be(landing)?;
    Root::open(landing).map_err(|error| Error::new(Kind::Failed, error))
}

/// The zone's lock, which no run holds meanwhile.
pub fn alone(root: &Root, landing: &Path, wait: Option<Duration>) -> Result<Lock, Error> {
    patiently(wait, PAUSE, || {
        let lock = root.lock_zone(true).map_err(|error| Error::new(Kind::Failed, error))?;
        Ok(lock.ok_or_else(|| {
            let message = format!("a run or a repair is going on in {}", landing.display());
            Error::new(Kind::Locked, message).hint(format!("{}; `host runs` shows the runs", hint(wait)))
        }))
    })
}

/// The zone's lock, which runs may hold meanwhile and a repair may not; `hint` says what to do where one has it.
pub fn shared(root: &Root, landing: &Path, hint: &str) -> Result<Lock, Error> {
    let lock = root.lock_zone(false).map_err(|error| Error::new(Kind::Failed, error))?;
    lock.ok_or_else(|| Error::new(Kind::Locked, format!("{} is being repaired", landing.display())).hint(hint))
}
