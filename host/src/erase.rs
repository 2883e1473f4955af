//! Taking away the bytes of files that landed, where a law or a contract wants that: what they were and why stays recorded.
//!
//! Each step may be the last one: it is recorded before it is done, and saying the same again, or a repair, finishes it.

use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Kind};
use crate::upkeep::Alone;
use clock::Moment;
use rules::domain::Digest;
use rules::findings::is_listed;
use rules::name::QUARANTINE;
use rules::text;
use state::{ErasedRow, FileRow, State, StateError};
use zone::{Entry, LandingError, Removed, Root};

/// Most paths that are listed where a content is as well.
const MAX_ELSEWHERE: usize = 100;

/// A file that somebody wants erased.
pub(crate) enum Target {
    /// It is recorded as there, and its content has that digest.
    Landed(FileRow, Digest),
    /// It was erased, or that was begun.
    Erased(ErasedRow),
}

/// What became of one.
pub(crate) struct Erased {
    /// What is recorded of it from now on.
    pub(crate) row: ErasedRow,
    /// Whether there was a file to remove.
    pub(crate) removed: bool,
    /// Other names of that file, which still hold its bytes.
    pub(crate) other_names: u64,
    /// Files with the same content, as far as they are listed; they stay.
    pub(crate) elsewhere: Vec<String>,
    /// How many of those there are.
    pub(crate) elsewhere_count: u64,
}

/// The file of that path below the landing directory.
pub(crate) fn find(root: &Root, state: &State, path: &str) -> Result<Target, Error> {
    let shown = text::line(path);
    if path.strip_prefix(QUARANTINE).is_some_and(|rest| rest.starts_with('/')) {
        return Err(Error::usage(format!("{shown} is in quarantine, and has not landed"))
            .hint(format!("`host quarantine drop {shown}` removes it")));
    }
    if is_listed(path) {
        if let Some(file) = state.landed(path).map_err(upset)? {
            return landed(root, file, &shown);
        }
        if let Some(row) = state.erased(path).map_err(upset)? {
            return Ok(Target::Erased(row));
        }
    }
    Err(Error::usage(format!("no file {shown} is recorded in {}", root.path().display()))
        .hint("`host files` lists them; what nobody recorded is not the host's to remove"))
}

fn landed(root: &Root, file: FileRow, shown: &str) -> Result<Target, Error> {
    let failed =
        |message| Error::new(Kind::Failed, message).hint("`host verify --read-data` shows what is wrong with it");
    if root.entry(&file.path).map_err(|error| unsettled(error.into()))? == Entry::Other {
        return Err(failed(format!("{shown} is no regular file, and the host leaves it alone")));
    }
    if let Some(digest) = file.sha256 {
        return Ok(Target::Landed(file, digest));
    }
    // It was found and never read, and without a digest its content could not be kept away.
    match root.identify(&file.path).map_err(unsettled)? {
        Some((digest, size)) => Ok(Target::Landed(FileRow { size: Some(size), ..file }, digest)),
        None => Err(failed(format!("{shown} is not whole gzip, so nobody knows the content to keep away"))),
    }
}

/// Landing directories whose files are erased, while no run goes on in them.
pub(crate) struct Eraser(Alone);

impl Eraser {
    /// Open one; `wait` is how long to wait for runs, `None` without end.
    pub(crate) fn open(landing: &Path, wait: Option<Duration>) -> Result<Self, Error> {
        Alone::open(landing, wait).map(Self)
    }

    /// Give it back as it was.
    pub(crate) fn close(self) -> Result<(), Error> {
        self.0.close()
    }

    /// The file of that path.
    pub(crate) fn find(&self, path: &str) -> Result<Target, Error> {
        find(&self.0.root, &self.0.state, path)
    }

    /// Erase a file, for that reason if none is recorded yet.
    pub(crate) fn erase(&mut self, target: Target, reason: &str) -> Result<Erased, Error> {
        let row = match target {
            Target::Erased(row) => row,
            Target::Landed(file, sha256) => {
                let (reason, erased_at) = (reason.to_owned(), Moment::now().iso8601());
                self.0.state.erase(&file, &sha256, &reason, &erased_at).map_err(upset)?;
                ErasedRow { file, sha256, reason, erased_at }
            }
        };
        let path = &row.file.path;
        let removed = self.0.zone.erase(path).map_err(unsettled)?;
        // A removal that was not synced may come back, also that of an earlier time.
        self.0.zone.sync().map_err(unsettled)?;
        let (elsewhere, elsewhere_count) = self.0.state.elsewhere(&row.sha256, path, MAX_ELSEWHERE).map_err(upset)?;
        let other_names = if let Removed::File(others) = removed { others } else { 0 };
        Ok(Erased { removed: matches!(removed, Removed::File(_)), other_names, elsewhere, elsewhere_count, row })
    }

    /// Let the content of an erased file land again.
    pub(crate) fn lift(&mut self, target: Target) -> Result<(), Error> {
        let row = match target {
            Target::Erased(row) => row,
            Target::Landed(file, _) => {
                let shown = text::line(&file.path);
                return Err(
                    Error::usage(format!("{shown} was not erased")).hint("`host files --erased` lists what was")
                );
            }
        };
        let path = &row.file.path;
        // Without its row, what is left of a file that was to be erased would count as one that nobody recorded.
        if matches!(self.0.root.entry(path).map_err(|error| unsettled(error.into()))?, Entry::File(_)) {
            let shown = text::line(path);
            return Err(Error::new(Kind::Failed, format!("{shown} is still there, since its erasure was cut short"))
                .hint(format!("`host erase {shown} --reason REASON` finishes that")));
        }
        self.0.state.lift(path).map_err(upset)
    }
}

fn upset(error: StateError) -> Error {
    Error::new(Kind::Failed, error).hint("say the same again, once that is mended")
}

fn unsettled(error: LandingError) -> Error {
    Error::new(Kind::Failed, error).hint("say the same again, once that is mended")
}
