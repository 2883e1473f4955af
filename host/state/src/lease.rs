//! The lease: who may write the next version of a state that is an object of an object store, and until when.

use rusqlite::{OptionalExtension as _, params};

use super::{State, StateError};

/// A lease, as the state that it is about carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who has it: a random name of one run.
    pub holder: String,
    /// How often it was taken.
    pub token: i64,
    /// How often its holder wrote the state.
    pub sequence: i64,
    /// For how many seconds after the state was written it holds; 0 where it was given back.
    pub seconds: u32,
}

impl State {
    /// The lease; `None` where nobody ever took it.
    pub fn lease(&self) -> Result<Option<Lease>, StateError> {
        let sql = "SELECT holder, token, sequence, seconds FROM lease LIMIT 1";
        let lease = self.connection.query_row(sql, [], |row| {
            Ok(Lease { holder: row.get(0)?, token: row.get(1)?, sequence: row.get(2)?, seconds: row.get(3)? })
        });
        Ok(lease.optional()?)
    }

    /// Put a lease in the place of the one before.
    pub fn set_lease(&mut self, lease: &Lease) -> Result<(), StateError> {
        let transaction = self.connection.transaction()?;
        transaction.execute("DELETE FROM lease", [])?;
        let sql = "INSERT INTO lease (holder, token, sequence, seconds) VALUES (?1, ?2, ?3, ?4)";
        let Lease { holder, token, sequence, seconds } = lease;
        transaction.execute(sql, params![holder, token, sequence, seconds])?;
        Ok(transaction.commit()?)
    }

    /// Take back the row of a run that does not begin after all.
    pub fn withdraw(&mut self, run_id: i64) -> Result<(), StateError> {
        let transaction = self.connection.transaction()?;
        transaction.execute("DELETE FROM extraction_runs WHERE run_id = ?1", [run_id])?;
        transaction.execute("DELETE FROM run_windows WHERE run_id = ?1", [run_id])?;
        Ok(transaction.commit()?)
    }

    /// How a run ended, and when; `None` where it has no row, or goes on.
    pub fn ended(&self, run_id: i64) -> Result<Option<(String, String)>, StateError> {
        let sql = "SELECT status, finished_at FROM extraction_runs WHERE run_id = ?1 AND finished_at IS NOT NULL";
        Ok(self.connection.query_row(sql, [run_id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }
}
