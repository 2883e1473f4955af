//! The state of a zone that is copied: one database of a directory, or one object for each extractor and scope.

use std::path::Path;

use super::End;
use crate::error::{Error, Kind};
use crate::landing::Landing;
use crate::remote::Remote;
use rules::domain::Scope;
use rules::name::check_name;
use rules::text;
use state::{State, StateError};
use tempfile::TempDir;

/// Copy a state to the other end, of which all files are there; how many states that are.
pub(super) fn copy(state: &State, to: &Landing, end: &End) -> Result<u64, Error> {
    let beside = temporary()?;
    let whole = beside.path().join("whole.sqlite");
    state.export(&whole)?;
    // Brings it up to the tables of this host.
    drop(State::open_copy(&whole, None)?);
    let Some(remote) = &end.remote else {
        let database = end.directory().join(zone::DATABASE);
        let unusable = |error: StateError| Error::database(&error, &database);
        let mut own = State::open(&database).map_err(unusable)?;
        if own.contradicts(&whole).map_err(unusable)? {
            return Err(contradiction(to, "runs"));
        }
        own.merge(&whole).map_err(unusable)?;
        own.settle().map_err(unusable)?;
        return Ok(1);
    };
    let mut count = 0;
    for (extractor, period) in State::open_copy(&whole, None)?.claims()? {
        let scope: Scope = match period.parse() {
            Ok(scope) if check_name(&extractor).is_ok() => scope,
            // No host runs under such a name, so that nobody would look for it.
            _ => continue,
        };
        let own = temporary()?;
        let narrow = own.path().join("narrow.sqlite");
        State::open_copy(&whole, None)?.export(&narrow)?;
        let mut part = State::open_copy(&narrow, None)?;
        part.keep_only(&extractor, &period)?;
        count += u64::from(give(remote, (&extractor, &scope), &part, own.path(), to)?);
    }
    Ok(count)
}

/// Give the other place a state that it does not have; whether it was given.
fn give(
    remote: &Remote,
    (extractor, scope): (&str, &Scope),
    part: &State,
    beside: &Path,
    to: &Landing,
) -> Result<bool, Error> {
    let path = beside.join("given.sqlite");
    part.export(&path)?;
    if remote.give_state(extractor, scope, &path)? {
        return Ok(true);
    }
    // It was copied before, or there are runs of its own.
    let theirs = beside.join("theirs.sqlite");
    remote.copy_state_to(extractor, scope, &theirs)?;
    if part.is_in(&theirs)? { Ok(false) } else { Err(contradiction(to, &format!("runs of {}", text::line(extractor)))) }
}

fn temporary() -> Result<TempDir, Error> {
    tempfile::tempdir().map_err(|error| Error::new(Kind::Failed, format!("cannot make a temporary directory: {error}")))
}

fn contradiction(to: &Landing, what: &str) -> Error {
    Error::new(Kind::Failed, format!("{to} has {what} of its own, which the copied ones do not belong to"))
        .hint("copy into a place that nobody ran in; all files are there, and nothing of it was replaced")
}
