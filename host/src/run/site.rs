//! Where a run lands: a directory with its locks, a place in an object store, or, for a dry run, nowhere.

use std::path::PathBuf;
use std::sync::Arc;

use zone::{Lock, Root, Zone};

use super::locking::locks;
use super::rehearsal::Rehearsal;
use crate::config::Plan;
use crate::error::{Error, Kind};
use crate::landing::Landing;
use crate::remote::Remote;

/// The place of one run.
pub(super) struct Site {
    /// The landing directory, or that of the run's own where files are until they are sent or shown.
    pub(super) root: Arc<Root>,
    /// The object store that it lands in.
    pub(super) remote: Option<Arc<Remote>>,
    pub(super) rehearsal: Option<Rehearsal>,
    _locks: Option<[Lock; 2]>,
}

impl Site {
    /// Find it in order, and nobody else at work in it.
    pub(super) fn prepare(plan: &Plan) -> Result<Self, Error> {
        if let (Landing::Store(place), false) = (&plan.landing, plan.trial.dry_run) {
            if plan.trial.is_one() {
                plan.landing.directory("a run with answers from elsewhere")?;
            }
            let remote = Arc::new(Remote::open(place)?);
            return Ok(Self { root: Arc::clone(remote.spool()), remote: Some(remote), rehearsal: None, _locks: None });
        }
        let rehearsal = plan.trial.dry_run.then(|| Rehearsal::prepare(plan)).transpose()?;
        let directory = match &rehearsal {
            Some(rehearsal) => rehearsal.path(),
            None => plan.landing.directory("this run")?,
        };
        let failed = |error: &dyn std::fmt::Display| Error::new(Kind::Failed, error);
        let root = Root::open(directory).map_err(|error| {
            failed(&error).hint("name another directory with `--landing DIR`, or make this one writable")
        })?;
        if let Some(kind) = root.network_file_system().map_err(|error| failed(&error))? {
            let message = format!("{} is on {kind}, where locks and SQLite cannot be relied on", plan.landing);
            return Err(
                failed(&message).hint("keep the landing directory on a disk of this machine, and copy it from there")
            );
        }
        let locks = locks(&root, plan)?;
        Ok(Self { root: Arc::new(root), remote: None, rehearsal, _locks: Some(locks) })
    }

    /// The database, as whoever has to mend it finds it.
    pub(super) fn database(&self) -> PathBuf {
        self.rehearsal.as_ref().and_then(Rehearsal::database).unwrap_or_else(|| self.root.database())
    }

    /// What is landed into.
    pub(super) fn zone(&self) -> Zone {
        match &self.remote {
            Some(remote) => remote.zone(),
            None => {
                let base = self.rehearsal.as_ref().and_then(Rehearsal::base);
                Zone::over(Arc::clone(&self.root), base)
            }
        }
    }
}
