//! How a run begins: with the state opened, or taken from the object store, and a row in it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Moment};
use rules::domain::Scope;
use state::{CursorKey, State, StateError};
use zone::{Met, Root, Seen};

use super::ledger::Ledger;
use super::receipts::Receipts;
use super::site::Site;
use crate::config::Plan;
use crate::error::Error;
use crate::remote::{Remote, Wanted};

/// A run that has its row.
pub(super) struct Begun {
    pub(super) ledger: Ledger,
    pub(super) dead: usize,
    /// Whether it is the first run of a database that was not there.
    pub(super) first: bool,
    pub(super) cursor: Option<String>,
}

/// What a run needs to begin.
pub(super) struct Beginning {
    root: Arc<Root>,
    /// Where the database is, for whoever has to mend it.
    database: PathBuf,
    remote: Option<Arc<Remote>>,
    name: String,
    scope: Scope,
    wait: Option<Duration>,
    seeded: Option<String>,
    receipts: Receipts,
    clock: Clock,
    started: Moment,
}

impl Beginning {
    pub(super) fn of(plan: &Plan, site: &Site, receipts: Receipts, started: Moment) -> Self {
        Self {
            root: Arc::clone(&site.root),
            database: site.database(),
            remote: site.remote.clone(),
            name: plan.name.clone(),
            scope: plan.scope.clone(),
            wait: plan.wait,
            seeded: plan.trial.cursor.clone(),
            receipts,
            clock: plan.egress.clock.clone(),
            started,
        }
    }

    /// How long it may take beyond the time of the run: a lock is waited for before, a lease here.
    pub(super) fn waits(&self) -> Duration {
        if self.remote.is_some() { self.wait.unwrap_or(Duration::MAX) } else { Duration::ZERO }
    }

    pub(super) fn begin(self) -> Result<Begun, Error> {
        match self.remote.clone() {
            Some(remote) => self.in_store(&remote),
            None => {
                let database = self.database.clone();
                self.in_directory().map_err(|error| Error::database(&error, &database))
            }
        }
    }

    fn in_directory(self) -> Result<Begun, StateError> {
        let mut state = State::open(&self.root.database())?;
        let key = CursorKey::new(&self.name, &self.scope);
        // What cannot be found out goes on, for all that is known.
        let goes_on = |scope: &Scope| self.root.is_locked(&self.name, scope).unwrap_or(true);
        let (run_id, dead) = state.begin(&key, &self.started.iso8601(), goes_on)?;
        let first = state.is_new() && run_id == 1;
        let mut ledger = Ledger::new(state, None, run_id, key, self.receipts);
        if let Some(cursor) = self.seeded {
            ledger.seed(&cursor)?;
        }
        let cursor = ledger.earlier_cursor()?;
        Ok(Begun { ledger, dead, first, cursor })
    }

    fn in_store(self, remote: &Arc<Remote>) -> Result<Begun, Error> {
        let wanted = Wanted { extractor: self.name.clone(), scope: self.scope.clone(), wait: self.wait };
        let taken = remote.take(&wanted, &self.clock)?;
        let run_id = taken.held.run_id();
        let key = CursorKey::new(&self.name, &self.scope);
        let ledger = Ledger::new(taken.state, Some(taken.held), run_id, key, self.receipts);
        let cursor = ledger.earlier_cursor().map_err(|error| Error::database(&error, &self.root.database()))?;
        Ok(Begun { ledger, dead: taken.dead, first: false, cursor })
    }
}

/// What is said of runs that were found dead.
pub(super) fn marked(dead: usize) -> String {
    match dead {
        1 => "an earlier run was killed, or the machine stopped, before it ended; it is marked as failed".to_owned(),
        _ => format!("{dead} earlier runs were killed before they ended; they are marked as failed"),
    }
}

/// Whether something has landed. What cannot be seen is told when it is needed.
pub(super) fn holds_files(root: &Root) -> bool {
    let landed =
        |seen: Result<Seen, _>| seen.is_ok_and(|seen| matches!(seen.met, Met::File(_)) && seen.path[0] != b'.');
    root.walk().is_ok_and(|mut walk| walk.any(landed))
}
