//! Where contents land: a directory of this machine, or a place in an object store.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fetch::Authorities;
use objects::{Address, Objects, Settings};

use crate::error::{Error, Kind};

/// A landing zone, as it is named.
#[derive(Debug, Clone)]
pub enum Landing {
    /// A directory of this machine.
    Directory(PathBuf),
    /// A place in an object store.
    Store(Arc<Place>),
}

/// A place in an object store, and how it is reached.
#[derive(Debug, Clone)]
pub struct Place {
    /// Where it is.
    pub address: Address,
    /// What the configuration says of the store.
    pub settings: Settings,
    /// Whom to trust beside the machine's roots.
    pub authorities: Authorities,
    /// For how long a run has its state after it wrote it last.
    pub lease: Duration,
}

impl Landing {
    /// The directory by its whole path, or the place, as somebody elsewhere finds it.
    pub fn whole(&self) -> String {
        match self {
            Self::Directory(path) => std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string(),
            Self::Store(place) => place.address.to_string(),
        }
    }

    /// Whether several machines may share it.
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Store(_))
    }

    /// The directory. A store is refused: `what` needs one of this machine.
    pub fn directory(&self, what: &str) -> Result<&Path, Error> {
        match self {
            Self::Directory(path) => Ok(path),
            Self::Store(place) => {
                Err(Error::usage(format!("{} is in an object store, and {what} is not for those", place.address))
                    .hint("name a directory of this machine with `--landing DIR`"))
            }
        }
    }
}

impl From<PathBuf> for Landing {
    fn from(path: PathBuf) -> Self {
        Self::Directory(path)
    }
}

impl fmt::Display for Landing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Store(place) => place.address.fmt(f),
        }
    }
}

impl Place {
    /// Get ready to reach it.
    pub(crate) fn objects(&self) -> Result<Arc<Objects>, Error> {
        let objects = Objects::open(&self.address, &self.settings, || fetch::tls_client(&self.authorities));
        objects.map(Arc::new).map_err(|error| unreachable(&error))
    }
}

/// A store that does not do as it is asked.
pub(crate) fn unreachable(error: &objects::ObjectsError) -> Error {
    let kind = if error.is_of_settings() { Kind::Usage } else { Kind::Failed };
    let said = Error::new(kind, error);
    error.hint().into_iter().fold(said, Error::hint)
}
