//! A dry run: it reads the landing directory and its state as they are, and writes into a temporary directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use zone::{DATABASE, Root, Zone};

use crate::config::Plan;
use crate::error::{Error, Kind};
use crate::landing::{Landing, Place};
use crate::patience::{PAUSE, hint, patiently};
use crate::preview;
use crate::remote::Remote;
use crate::report::{Preview, Receipts};
use rules::redact::Redactor;

/// Most files that are shown.
const MAX_SHOWN: usize = 100;

/// Where a dry run writes, and what it reads.
pub(super) struct Rehearsal {
    directory: TempDir,
    base: Base,
}

/// What lies under it, to be read.
enum Base {
    Nothing,
    Directory(Arc<Root>),
    Store(Arc<Remote>),
}

impl Rehearsal {
    /// A directory for it, with a copy of the state as it is now.
    pub(super) fn prepare(plan: &Plan) -> Result<Self, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::new(Kind::Failed, error);
        let directory = tempfile::Builder::new().prefix("host-dry-run-").tempdir().map_err(|error| {
            failed(&format!("cannot make a temporary directory: {error}")).hint("TMPDIR says where it goes")
        })?;
        let landing = match &plan.landing {
            Landing::Directory(landing) => landing,
            Landing::Store(place) => return Self::over_store(directory, place, plan),
        };
        let base = Root::open_to_read(landing).map_err(|error| failed(&error))?;
        let for_tests = base.as_ref().map_or(Ok(false), Root::is_for_tests).map_err(|error| failed(&error))?;
        if for_tests && !plan.trial.is_one() {
            return Err(super::locking::for_tests(plan));
        }
        if plan.trial.is_one() {
            let own = Root::open(directory.path()).and_then(|root| root.mark_for_tests());
            own.map_err(|error| failed(&error))?;
        }
        // A test reads no data.
        let base = base.filter(|_| for_tests == plan.trial.is_one());
        if let Some(base) = &base {
            let lock = alone(base, plan)?;
            for side in ["", "-wal", "-journal"] {
                let name = format!("{DATABASE}{side}");
                copy(base, &name, &directory.path().join(&name))
                    .map_err(|reason| failed(&format!("cannot copy the state for a dry run: {reason}")))?;
            }
            drop(lock);
        }
        Ok(Self { directory, base: base.map_or(Base::Nothing, |base| Base::Directory(Arc::new(base))) })
    }

    /// The same over an object store: the state is what it was when it was written last.
    fn over_store(directory: TempDir, place: &Place, plan: &Plan) -> Result<Self, Error> {
        let remote = Remote::open(place)?;
        if plan.trial.is_one() {
            return Ok(Self { directory, base: Base::Nothing });
        }
        let own = Root::open(directory.path()).map_err(|error| Error::new(Kind::Failed, error))?;
        remote.copy_state(&plan.name, &plan.scope, &own)?;
        Ok(Self { directory, base: Base::Store(Arc::new(remote)) })
    }

    /// The database whose copy it uses, where that is one of a directory.
    pub(super) fn database(&self) -> Option<PathBuf> {
        if let Base::Directory(root) = &self.base { Some(root.database()) } else { None }
    }

    /// The zone that it reads, where there is one.
    pub(super) fn base(&self) -> Option<Zone> {
        match &self.base {
            Base::Nothing => None,
            Base::Directory(root) => Some(Zone::new(Arc::clone(root))),
            Base::Store(remote) => Some(remote.zone()),
        }
    }

    /// Where it writes.
    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The first lines of what would land.
    pub(super) fn previews(&self, receipts: &Receipts, redactor: &Redactor) -> Vec<Preview> {
        let Ok(root) = Root::open(self.directory.path()) else { return Vec::new() };
        let zone = Zone::new(Arc::new(root));
        let mut previews: Vec<Preview> = receipts.first(MAX_SHOWN);
        for preview in previews.iter_mut().filter(|preview| preview.outcome == "written") {
            preview.lines = match preview::raw_lines(&zone, &preview.path) {
                Some(lines) => lines.iter().map(|line| redactor.line(line)).collect(),
                None => vec!["(no text)".to_owned()],
            };
        }
        previews
    }
}

/// The zone's lock alone, so that the state is at rest; `None` where no run was ever there. Nothing is made for it.
fn alone(base: &Root, plan: &Plan) -> Result<Option<zone::Lock>, Error> {
    patiently(plan.wait, PAUSE, || {
        let lock = base.lock_zone_if_there().map_err(|error| Error::new(Kind::Failed, error))?;
        Ok(match lock {
            Some(None) => {
                let landing = &plan.landing;
                let message = format!("a run or a repair goes on in {landing}, and a dry run needs its state at rest");
                Err(Error::new(Kind::Locked, message).hint(hint(plan.wait)))
            }
            there => Ok(there.flatten()),
        })
    })
}

/// Copy one of the database's files, where it is there.
fn copy(base: &Root, name: &str, to: &Path) -> Result<(), String> {
    let Some(mut from) = base.file(name).map_err(|error| error.to_string())? else { return Ok(()) };
    let mut to = fs::File::create_new(to).map_err(|error| error.to_string())?;
    std::io::copy(&mut from, &mut to).map(drop).map_err(|error| error.to_string())
}
