//! The state of a zone that is copied: one database of a directory, or one object for each extractor and scope.

use std::sync::Arc;

use super::End;
use crate::error::{Error, Kind};
use crate::landing::Landing;
use crate::remote::Remote;
use rules::domain::Scope;
use rules::name::check_name;
use rules::text;
use state::{State, StateError};

/// Copy a state to the other end, of which all files are there; how many states that are.
pub(super) fn copy(state: &State, to: &Landing, end: &End) -> Result<u64, Error> {
    let failed =
        |error: std::io::Error| Error::new(Kind::Failed, format!("cannot make a temporary directory: {error}"));
    let beside = tempfile::tempdir().map_err(failed)?;
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
        let narrow = beside.path().join("narrow.sqlite");
        drop(std::fs::remove_file(&narrow));
        State::open_copy(&whole, None)?.export(&narrow)?;
        let mut part = State::open_copy(&narrow, None)?;
        part.keep_only(&extractor, &period)?;
        count += u64::from(give(remote, &extractor, &scope, &part, to)?);
    }
    Ok(count)
}

/// Give the other place a state that it does not have; whether it was given.
fn give(remote: &Arc<Remote>, extractor: &str, scope: &Scope, part: &State, to: &Landing) -> Result<bool, Error> {
    let path = remote.spool().path().join("given.sqlite");
    drop(std::fs::remove_file(&path));
    part.export(&path)?;
    if remote.give_state(extractor, scope, &path)? {
        return Ok(true);
    }
    // It was copied before, or there are runs of its own.
    let theirs = remote.spool().path().join("theirs.sqlite");
    remote.copy_state_to(extractor, scope, &theirs)?;
    if part.is_in(&theirs)? { Ok(false) } else { Err(contradiction(to, &format!("runs of {}", text::line(extractor)))) }
}

fn contradiction(to: &Landing, what: &str) -> Error {
    Error::new(Kind::Failed, format!("{to} has {what} of its own, which the copied ones do not belong to"))
        .hint("copy into a place that nobody ran in; all files are there, and nothing of it was replaced")
}
