//! A landing zone that is only looked at: a directory as it is, or the states of an object store put together.

use std::ops::Deref;
use std::sync::Arc;

use state::State;
use zone::{Lock, Root, Zone};

use crate::error::{Error, Kind};
use crate::landing::Landing;
use crate::remote::Remote;

/// A landing zone at one moment.
pub struct View {
    /// The directory, or one of this process's own with what was put together.
    root: Arc<Root>,
    remote: Option<Remote>,
    /// In the place of leases, so that one question finds out who is at work.
    leases: Vec<Lock>,
}

impl View {
    /// Look at a landing zone; `None` where there is no such directory. Nothing is made in it.
    pub fn open(landing: &Landing) -> Result<Option<Self>, Error> {
        let place = match landing {
            Landing::Directory(path) => {
                let root = Root::open_to_read(path).map_err(|error| Error::new(Kind::Failed, error))?;
                return Ok(root.map(|root| Self { root: Arc::new(root), remote: None, leases: Vec::new() }));
            }
            Landing::Store(place) => place,
        };
        let remote = Remote::open(place)?;
        let leases = remote.gather()?;
        Ok(Some(Self { root: Arc::clone(remote.spool()), remote: Some(remote), leases }))
    }

    /// The same of one that has to be there.
    pub fn of(landing: &Landing) -> Result<Self, Error> {
        Self::open(landing)?.ok_or_else(|| {
            let message = format!("there is no landing directory {landing}");
            Error::usage(message).hint("`--landing DIR` or LANDING_DIR says where it is")
        })
    }

    /// What is recorded; `None` where nothing has run yet.
    pub fn state(&self) -> Result<Option<State>, Error> {
        let database = self.root.database();
        State::open_to_read(&database).map_err(|error| Error::database(&error, &database))
    }

    /// Whether somebody has a lease on it.
    pub fn is_at_work(&self) -> bool {
        !self.leases.is_empty()
    }

    /// Who is at work in it.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Its files.
    pub fn zone(&self) -> Zone {
        match &self.remote {
            Some(remote) => remote.zone(),
            None => Zone::new(Arc::clone(&self.root)),
        }
    }
}

/// What is recorded in a landing zone, for as long as it is looked at.
pub struct Seen {
    state: State,
    _view: View,
}

impl Deref for Seen {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl Seen {
    /// What is recorded; `None` where nothing has run yet.
    pub fn of(landing: &Landing) -> Result<Option<Self>, Error> {
        let Some(view) = View::open(landing)? else { return Ok(None) };
        Ok(view.state()?.map(|state| Self { state, _view: view }))
    }
}
