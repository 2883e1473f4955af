//! A landing zone in an object store: its objects, and a directory of this machine for what is on its way.
//!
//! `FORMAT.md` has the protocol, in the chapter on object stores.

mod amending;
mod conditions;
mod gathering;
mod held;
mod taking;

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use objects::{Content, Head, Objects, ObjectsError};
use rules::domain::Window;
use state::{State, StateError};
use tempfile::TempDir;
use zone::{DATABASE, DiskError, Root, Zone};

use crate::error::{Error, Kind};
use crate::landing::{Place, unreachable};

pub(crate) use held::Held;
pub(crate) use taking::Wanted;

/// Below what the states of all extractors are.
const STATES: &str = ".state";
/// How the names of states end.
const ENDING: &str = ".sqlite.gz";
/// A state beyond so many packed bytes is told of: each run sends it three times.
const LARGE: u64 = 64 << 20;

/// What to do about a state that is damaged.
const REPAIR: &str = "`host repair` builds another from what has landed";

/// Why a state did not come or go.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoteError {
    /// The store did not do as it was asked.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    /// The database in it cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// What is there cannot be used.
    #[error("cannot use the state {object} in the object store: {error}")]
    Unusable { object: String, error: StateError },
    /// The directory for what is on its way cannot be used.
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("cannot keep the state meanwhile: {0}")]
    Spool(#[source] io::Error),
    /// What is there is no whole state.
    #[error("the state {0} in the object store is damaged")]
    Damaged(String),
    /// Somebody else has the state now.
    #[error(
        "another run took over the lease of this one, which did not renew it in time, so that its end does not count"
    )]
    Fenced,
}

impl From<RemoteError> for Error {
    fn from(error: RemoteError) -> Self {
        match error {
            RemoteError::Objects(error) => unreachable(&error),
            RemoteError::Damaged(_) => Self::new(Kind::Failed, error).hint(REPAIR),
            RemoteError::State(ref state) | RemoteError::Unusable { error: ref state, .. } => {
                let hint = match state {
                    StateError::Newer(_) => Some("run the host that made it, or a later one"),
                    StateError::Foreign(_) => Some("move it away, or name another place with `--landing`"),
                    state => state.is_damage().then_some(REPAIR),
                };
                hint.into_iter().fold(Self::new(Kind::Failed, error), Self::hint)
            }
            error => Self::new(Kind::Failed, error),
        }
    }
}

/// A place in an object store that is in use.
pub(crate) struct Remote {
    objects: Arc<Objects>,
    spool: Arc<Root>,
    lease: Duration,
    _directory: TempDir,
}

impl Remote {
    /// Get ready to use it.
    pub(crate) fn open(place: &Place) -> Result<Self, Error> {
        let objects = place.objects()?;
        let cannot = |error: &dyn std::fmt::Display| {
            Error::new(Kind::Failed, format!("cannot make a temporary directory: {error}"))
                .hint("TMPDIR says where it goes")
        };
        let directory = tempfile::Builder::new().prefix("host-spool-").tempdir().map_err(|error| cannot(&error))?;
        let spool = Root::open(directory.path()).map_err(|error| cannot(&error))?;
        Ok(Self { objects, spool: Arc::new(spool), lease: place.lease, _directory: directory })
    }

    /// Where files and the state are meanwhile.
    pub(crate) fn spool(&self) -> &Arc<Root> {
        &self.spool
    }

    /// Its landing zone.
    pub(crate) fn zone(&self) -> Zone {
        Zone::stored(Arc::clone(&self.objects), Arc::clone(&self.spool))
    }

    /// For how long a lease holds.
    pub(crate) fn lease(&self) -> Duration {
        self.lease
    }

    fn database(&self) -> PathBuf {
        self.spool.database()
    }

    /// Bring a state into the spool, in the place of the one before; `None` where there is none.
    fn fetch(&self, object: &str) -> Result<Option<Head>, RemoteError> {
        let Some((head, reader)) = self.objects.get(object)? else { return Ok(None) };
        let mut output = BufWriter::new(self.spool.fresh(DATABASE)?);
        let whole = zone::unpack(reader, |piece| output.write_all(piece)).map_err(RemoteError::Spool)?;
        output.flush().map_err(RemoteError::Spool)?;
        if whole.is_none() {
            return Err(RemoteError::Damaged(object.to_owned()));
        }
        Ok(Some(head))
    }

    /// The state that was brought last, by the name of its object.
    fn opened(&self, object: &str, next_run: Option<i64>) -> Result<State, RemoteError> {
        State::open_copy(&self.database(), next_run)
            .map_err(|error| RemoteError::Unusable { object: object.to_owned(), error })
    }

    /// Copy a state into another directory, where there is one.
    pub(crate) fn copy_state(&self, extractor: &str, window: Option<Window>, to: &Root) -> Result<(), RemoteError> {
        if self.fetch(&object_of(extractor, window))?.is_some()
            && let Some(mut database) = self.spool.file(DATABASE)?
        {
            io::copy(&mut database, &mut to.fresh(DATABASE)?).map_err(RemoteError::Spool)?;
        }
        Ok(())
    }

    /// The state in the spool, as it is sent.
    fn packed(&self) -> Result<Content, RemoteError> {
        let database = self.spool.file(DATABASE)?.ok_or_else(|| RemoteError::Spool(io::ErrorKind::NotFound.into()))?;
        let mut packed = self.spool.scratch()?;
        zone::pack(database, &mut packed).map_err(RemoteError::Spool)?;
        let file: &File = packed.reader();
        Content::of_file(file).map_err(RemoteError::Spool)
    }
}

/// The object that holds the state of an extractor, or of one of its windows.
fn object_of(extractor: &str, window: Option<Window>) -> String {
    match window {
        None => format!("{STATES}/{extractor}{ENDING}"),
        Some(window) => format!("{STATES}/{extractor}/{window}{ENDING}"),
    }
}

/// The window that an object below an extractor's states is about.
fn window_of(object: &str) -> Option<Window> {
    object.rsplit('/').next()?.strip_suffix(ENDING)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_extractor_and_window_has_an_object_of_its_own() {
        let window: Window = "2025-01-01..2025-02-01".parse().expect("a window");
        assert_eq!(object_of("padel", None), ".state/padel.sqlite.gz");
        assert_eq!(object_of("padel", Some(window)), ".state/padel/2025-01-01..2025-02-01.sqlite.gz");
        assert_eq!(
            window_of(&object_of("padel", Some(window))).map(|window| window.to_string()),
            Some(window.to_string())
        );
        assert!(window_of(&object_of("padel", None)).is_none());
    }
}
