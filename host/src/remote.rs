//! A landing zone in an object store: its objects, and a directory of this machine for what is on its way.
//!
//! `FORMAT.md` has the protocol, in the chapter on object stores.

mod amending;
mod cached;
mod conditions;
mod gathering;
mod held;
#[cfg(test)]
mod simulation;
mod taking;

use std::fs::File;
use std::io::{self, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use objects::{Content, Head, Objects, ObjectsError, Put, Tag};
use rules::domain::{Digest, Part, Scope, Window};
use state::{State, StateError};
use tempfile::TempDir;
use zone::{DATABASE, DiskError, Root, STATES, Zone};

use crate::error::{Error, Kind};
use crate::landing::{Place, unreachable};

use cached::Cached;
pub(crate) use conditions::keeps as keeps_conditions;
pub(crate) use held::Held;
#[cfg(test)]
use taking::Taken;
pub(crate) use taking::Wanted;

/// What stands in the place of a window in the name of a part's state.
const NEWEST: &str = "newest";
/// What is between a window and a part in such a name.
const BETWEEN: char = '~';
/// Hexadecimal digits of a part in such a name.
const PART_DIGITS: usize = 32;
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
    /// Nothing tells this run from others.
    #[error("the system has no randomness: {0}")]
    Random(#[source] io::Error),
    /// What is there is no whole state.
    #[error("the state {0} in the object store is damaged")]
    Damaged(String),
    /// Somebody else has the state now.
    #[error(
        "another run took over the lease of this one, which did not renew it in time, so that its end does not count"
    )]
    Fenced,
}

impl RemoteError {
    /// Whether a new state would do better.
    fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) => true,
            Self::State(error) | Self::Unusable { error, .. } => error.is_damage(),
            _ => false,
        }
    }
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
    /// Where states are kept for the next run on this machine.
    cache: Option<PathBuf>,
    _directory: TempDir,
}

impl Remote {
    /// Get ready to use it.
    pub(crate) fn open(place: &Place) -> Result<Self, Error> {
        let cache = crate::config::cache(|name| std::env::var_os(name));
        Ok(Self { cache, ..Self::over(place.objects()?, place.lease)? })
    }

    /// The same of objects that are known, without what was kept of earlier runs.
    fn over(objects: Arc<Objects>, lease: Duration) -> Result<Self, Error> {
        let cannot = |error: &dyn std::fmt::Display| {
            Error::new(Kind::Failed, format!("cannot make a temporary directory: {error}"))
                .hint("TMPDIR says where it goes")
        };
        let directory = tempfile::Builder::new().prefix("host-spool-").tempdir().map_err(|error| cannot(&error))?;
        let spool = Root::open(directory.path()).map_err(|error| cannot(&error))?;
        Ok(Self { objects, spool: Arc::new(spool), lease, cache: None, _directory: directory })
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

    /// Bring the state that was sent from here last into the spool, if it can be used; which version it is.
    fn load(&self, cached: &Cached) -> Option<Tag> {
        let (tag, file) = cached.load()?;
        self.unpack(file).ok()?.then_some(tag)
    }

    /// Bring a state into the spool, in the place of the one before; `None` where there is none.
    fn fetch(&self, object: &str) -> Result<Option<Head>, RemoteError> {
        let Some((head, reader)) = self.objects.get(object)? else { return Ok(None) };
        if self.unpack(reader)? { Ok(Some(head)) } else { Err(RemoteError::Damaged(object.to_owned())) }
    }

    /// Put what was packed into the spool, in the place of the one before; whether it was whole.
    fn unpack(&self, packed: impl Read) -> Result<bool, RemoteError> {
        let mut output = BufWriter::new(self.spool.fresh(DATABASE)?);
        let whole = zone::unpack(packed, |piece| output.write_all(piece)).map_err(RemoteError::Spool)?;
        output.flush().map_err(RemoteError::Spool)?;
        Ok(whole.is_some())
    }

    /// The state that was brought last, by the name of its object.
    fn opened(&self, object: &str, next_run: Option<i64>) -> Result<State, RemoteError> {
        State::open_copy(&self.database(), next_run)
            .map_err(|error| RemoteError::Unusable { object: object.to_owned(), error })
    }

    /// Copy a state into another directory, where there is one.
    pub(crate) fn copy_state(&self, extractor: &str, scope: &Scope, to: &Root) -> Result<(), RemoteError> {
        if self.fetch(&object_of(extractor, scope))?.is_some()
            && let Some(mut database) = self.spool.file(DATABASE)?
        {
            io::copy(&mut database, &mut to.fresh(DATABASE)?).map_err(RemoteError::Spool)?;
        }
        Ok(())
    }

    /// Try that the store keeps its conditions, where nobody used it yet.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.states()?.is_empty() { conditions::check(&self.objects) } else { Ok(()) }
    }

    /// Give the place a state that it does not have, out of a database at `path`; whether it had none.
    pub(crate) fn give_state(&self, extractor: &str, scope: &Scope, path: &Path) -> Result<bool, RemoteError> {
        #[expect(clippy::disallowed_methods, reason = "a database of this process's own, in a temporary directory")]
        let database = File::open(path).map_err(RemoteError::Spool)?;
        let content = self.pack(database)?;
        Ok(matches!(self.objects.create(&object_of(extractor, scope), &content)?, Put::Done(_)))
    }

    /// Write a state into a new file, where there is one.
    pub(crate) fn copy_state_to(&self, extractor: &str, scope: &Scope, path: &Path) -> Result<(), RemoteError> {
        if self.fetch(&object_of(extractor, scope))?.is_some() {
            State::open_copy(&self.database(), None)?.export(path)?;
        }
        Ok(())
    }

    /// The state in the spool, as it is sent.
    fn packed(&self) -> Result<Content, RemoteError> {
        let database = self.spool.file(DATABASE)?.ok_or_else(|| RemoteError::Spool(io::ErrorKind::NotFound.into()))?;
        self.pack(database)
    }

    fn pack(&self, database: File) -> Result<Content, RemoteError> {
        let mut packed = self.spool.scratch()?;
        zone::pack(database, &mut packed).map_err(RemoteError::Spool)?;
        Content::of_file(packed.reader()).map_err(RemoteError::Spool)
    }
}

/// The object that holds the state of an extractor for the newest data of everything, or for another scope.
fn object_of(extractor: &str, scope: &Scope) -> String {
    let name = match (scope.window, &scope.part) {
        (None, None) => return format!("{STATES}{extractor}{ENDING}"),
        (Some(window), None) => window.to_string(),
        (None, Some(part)) => format!("{NEWEST}{BETWEEN}{}", hashed(part)),
        (Some(window), Some(part)) => format!("{window}{BETWEEN}{}", hashed(part)),
    };
    format!("{STATES}{extractor}/{name}{ENDING}")
}

/// A part may be any text, and the name of an object may not.
fn hashed(part: &Part) -> String {
    Digest::of([part.to_string().as_bytes()]).to_string()[..PART_DIGITS].to_owned()
}

/// The window that an object below an extractor's states is about, and the part as it is in its name; the outer `None` where
/// it is about none.
fn claim_of(object: &str) -> Option<(Option<Window>, Option<&str>)> {
    let name = object.rsplit('/').next()?.strip_suffix(ENDING)?;
    let (window, part) = name.split_once(BETWEEN).map_or((name, None), |(window, part)| (window, Some(part)));
    let of_a_part = |part: &str| part.len() == PART_DIGITS && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    if part.is_some_and(|part| !of_a_part(part)) {
        return None;
    }
    match window {
        NEWEST if part.is_some() => Some((None, part)),
        window => Some((Some(window.parse().ok()?), part)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_extractor_and_scope_has_an_object_of_its_own() {
        let object = |scope: &str| object_of("padel", &scope.parse().expect(scope));
        assert_eq!(object(""), ".state/padel.sqlite.gz");
        let window = "2025-01-01..2025-02-01";
        assert_eq!(object(window), ".state/padel/2025-01-01..2025-02-01.sqlite.gz");
        let claims = |scope: &str| claim_of(&object(scope)).map(|(window, part)| (window.is_some(), part.is_some()));
        assert_eq!(claims(window), Some((true, false)));
        assert_eq!(claims("region=a/b c"), Some((false, true)));
        assert_eq!(claims(&format!("{window} region=es")), Some((true, true)));
        assert_ne!(object("region=es"), object("region=pt"));
        for other in [".state/padel/x.sqlite.gz", ".state/padel/newest.sqlite.gz", ".state/padel/newest~x.sqlite.gz"] {
            assert_eq!(claim_of(other), None, "{other}");
        }
    }
}
