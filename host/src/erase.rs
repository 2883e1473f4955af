//! Taking away the bytes of files that landed, where a law or a contract wants that: what they were and why stays recorded.
//!
//! Each step may be the last one: it is recorded before it is done, and saying the same again, or a repair, finishes it.

use std::time::Duration;

use crate::alone::{Alone, unsettled, upset};
use crate::error::{Error, Kind};
use crate::landing::Landing;
use clock::Moment;
use rules::domain::Digest;
use rules::findings::{is_listed, source};
use rules::name::QUARANTINE;
use rules::text;
use state::{ErasedRow, FileRow, State};
use zone::{Entry, Removed, Zone};

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

/// The file of that path below a landing zone. In a store one extractor may have landed what others know to be erased:
/// `lifting` asks for the second.
pub(crate) fn find(
    (landing, zone): (&Landing, &Zone),
    state: &State,
    path: &str,
    lifting: bool,
) -> Result<Target, Error> {
    let shown = text::line(path);
    if path.strip_prefix(QUARANTINE).is_some_and(|rest| rest.starts_with('/')) {
        return Err(Error::usage(format!("{shown} is in quarantine, and has not landed"))
            .hint(format!("`host quarantine drop {shown}` removes it")));
    }
    if is_listed(path) {
        let erased = state.erased(path).map_err(upset)?.map(Target::Erased);
        let file = state.landed(path).map_err(upset)?.filter(|_| !lifting || erased.is_none());
        if let Some(file) = file {
            return landed(zone, file, &shown);
        }
        if let Some(erased) = erased {
            return Ok(erased);
        }
    }
    Err(unrecorded(landing, &shown))
}

fn unrecorded(landing: &Landing, shown: &str) -> Error {
    Error::usage(format!("no file {shown} is recorded in {landing}"))
        .hint("`host files` lists them; what nobody recorded is not the host's to remove")
}

fn landed(zone: &Zone, file: FileRow, shown: &str) -> Result<Target, Error> {
    let failed =
        |message| Error::new(Kind::Failed, message).hint("`host verify --read-data` shows what is wrong with it");
    if zone.entry(&file.path).map_err(unsettled)? == Entry::Other {
        return Err(failed(format!("{shown} is no regular file, and the host leaves it alone")));
    }
    if let Some(digest) = file.sha256 {
        return Ok(Target::Landed(file, digest));
    }
    // It was found and never read, and without a digest its content could not be kept away.
    match zone.identify(&file.path).map_err(unsettled)? {
        Some((digest, size)) => Ok(Target::Landed(FileRow { size: Some(size), ..file }, digest)),
        None => Err(failed(format!("{shown} is not whole gzip, so nobody knows the content to keep away"))),
    }
}

/// A landing zone whose files are erased, while no run goes on in it.
pub(crate) struct Eraser {
    landing: Landing,
    alone: Alone,
}

impl Eraser {
    /// Open one; `wait` is how long to wait for runs, `None` without end.
    pub(crate) fn open(landing: &Landing, wait: Option<Duration>) -> Result<Self, Error> {
        Ok(Self { landing: landing.clone(), alone: Alone::open(landing, wait)? })
    }

    /// Give it back as it was.
    pub(crate) fn close(self) -> Result<(), Error> {
        self.alone.close()
    }

    /// The file of that path.
    pub(crate) fn find(&self, path: &str, lifting: bool) -> Result<Target, Error> {
        find((&self.landing, self.alone.zone()), self.alone.state(), path, lifting)
    }

    /// Erase a file, for that reason if none is recorded yet.
    pub(crate) fn erase(&mut self, target: Target, reason: &str) -> Result<Erased, Error> {
        let row = match target {
            Target::Erased(row) => row,
            Target::Landed(file, sha256) => {
                self.alone.wait_for(source(&file.path).unwrap_or_default())?;
                let state = self.alone.state();
                let row = state.erasure(&file, sha256, reason, &Moment::now().iso8601()).map_err(upset)?;
                // Where that was begun before, its reason and time stay.
                let before = state.erased(&file.path).map_err(upset)?.filter(|before| before.sha256 == sha256);
                match (row, before) {
                    (Some(row), Some(ErasedRow { reason, erased_at, .. })) => ErasedRow { reason, erased_at, ..row },
                    (Some(row), None) => row,
                    (None, Some(before)) => before,
                    (None, None) => return Err(unrecorded(&self.landing, &text::line(&file.path))),
                }
            }
        };
        let path = &row.file.path;
        self.alone.change(&row.source, |state| state.erase(&row))?;
        let removed = self.alone.zone().erase(path).map_err(unsettled)?;
        // A removal that was not synced may come back, also that of an earlier time.
        self.alone.zone().sync().map_err(unsettled)?;
        self.alone.change_late(&row.source, |state| state.erase(&row))?;
        self.alone.look_again()?;
        let (elsewhere, elsewhere_count) =
            self.alone.state().elsewhere(&row.sha256, path, MAX_ELSEWHERE).map_err(upset)?;
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
        self.alone.wait_for(&row.source)?;
        // Without its row, what is left of a file that was to be erased would count as one that nobody recorded.
        let is_anothers = self.alone.state().landed(path).map_err(upset)?.is_some();
        if !is_anothers && matches!(self.alone.zone().entry(path).map_err(unsettled)?, Entry::File(_)) {
            let shown = text::line(path);
            return Err(Error::new(Kind::Failed, format!("{shown} is still there, since its erasure was cut short"))
                .hint(format!("`host erase {shown} --reason REASON` finishes that")));
        }
        self.alone.change(&row.source, |state| state.lift(path))
    }
}
