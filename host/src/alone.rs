//! A landing zone that was used and in which no run goes on, for what somebody decides about files in it: a directory, or
//! the states of an object store one by one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use state::{State, StateError};
use zone::{LandingError, Lock, Zone};

use crate::error::{Error, Kind};
use crate::landing::{Landing, Place};
use crate::patience::Patience;
use crate::remote::Remote;
use crate::upkeep;
use crate::view::Seen;

/// What to do about a decision that was cut short: whatever it did, the rest can be done.
const AGAIN: &str = "say the same again, once that is mended";

/// A landing zone for decisions.
pub(crate) struct Alone {
    zone: Zone,
    records: Records,
}

/// What is recorded, and who else is kept from changing it.
enum Records {
    /// In a directory no run goes on meanwhile.
    Directory { state: State, _lock: Lock },
    /// In a store each state is changed while no run has it.
    Store { landing: Landing, seen: Seen, remote: Arc<Remote>, patience: Patience },
}

impl Alone {
    /// Open it, once no run goes on; `wait` is how long to wait for that, `None` without end. In a store that is waited for
    /// with each change.
    pub(crate) fn open(landing: &Landing, wait: Option<Duration>) -> Result<Self, Error> {
        match landing {
            Landing::Directory(path) => Self::directory(path, wait),
            Landing::Store(place) => Self::store(place, landing, wait),
        }
    }

    fn directory(path: &Path, wait: Option<Duration>) -> Result<Self, Error> {
        let root = upkeep::open(path)?;
        let database = root.database();
        let failed = |error: StateError| Error::database(&error, &database);
        if State::open_to_read(&database).map_err(failed)?.is_none() {
            return Err(unused(path.display()));
        }
        let lock = upkeep::alone(&root, path, wait)?;
        let state = State::open(&database).map_err(failed)?;
        Ok(Self { zone: Zone::new(Arc::new(root)), records: Records::Directory { state, _lock: lock } })
    }

    fn store(place: &Place, landing: &Landing, wait: Option<Duration>) -> Result<Self, Error> {
        let seen = Seen::of(landing)?.ok_or_else(|| unused(landing))?;
        let remote = Arc::new(Remote::open(place)?);
        let (landing, patience) = (landing.clone(), Patience::begin(wait));
        Ok(Self { zone: remote.zone(), records: Records::Store { landing, seen, remote, patience } })
    }

    /// Its files.
    pub(crate) fn zone(&self) -> &Zone {
        &self.zone
    }

    /// What is recorded; in a store what all states knew when they were looked at, together.
    pub(crate) fn state(&self) -> &State {
        match &self.records {
            Records::Directory { state, .. } => state,
            Records::Store { seen, .. } => seen,
        }
    }

    /// In a store, wait until no run has a state that knows of a source, and look at what is recorded by then; in a
    /// directory none goes on anyway.
    pub(crate) fn wait_for(&mut self, source: &str) -> Result<(), Error> {
        if let Records::Store { remote, patience, .. } = &self.records {
            remote.unheld(source, patience)?;
        }
        self.look_again()
    }

    /// In a store, look at all states once more.
    pub(crate) fn look_again(&mut self) -> Result<(), Error> {
        if let Records::Store { landing, seen, .. } = &mut self.records {
            *seen = Seen::of(landing)?.ok_or_else(|| unused(&*landing))?;
        }
        Ok(())
    }

    /// Change what is recorded of a source: in a store in each state of the extractors that met it.
    pub(crate) fn change(
        &mut self,
        source: &str,
        change: impl Fn(&mut State) -> Result<(), StateError>,
    ) -> Result<(), Error> {
        match &mut self.records {
            Records::Directory { state, .. } => change(state).map_err(upset),
            Records::Store { remote, patience, .. } => {
                remote.amend_all_of(source, patience, change).map_err(|error| error.hint(AGAIN))
            }
        }
    }

    /// The same once more for states that were not there, or had not met the source, when a change was made. A directory has
    /// none.
    pub(crate) fn change_late(
        &mut self,
        source: &str,
        change: impl Fn(&mut State) -> Result<(), StateError>,
    ) -> Result<(), Error> {
        match &self.records {
            Records::Directory { .. } => Ok(()),
            Records::Store { .. } => self.change(source, change),
        }
    }

    /// Give it back as it was: the state of a directory in one file.
    pub(crate) fn close(self) -> Result<(), Error> {
        match self.records {
            Records::Directory { state, .. } => state.settle().map_err(upset),
            Records::Store { .. } => Ok(()),
        }
    }
}

fn unused(landing: impl std::fmt::Display) -> Error {
    Error::usage(format!("there are no runs in {landing} yet"))
}

/// A state that could not be read or changed.
pub(crate) fn upset(error: StateError) -> Error {
    Error::new(Kind::Failed, error).hint(AGAIN)
}

/// A file that could not be.
pub(crate) fn unsettled(error: LandingError) -> Error {
    Error::new(Kind::Failed, error).hint(AGAIN)
}
