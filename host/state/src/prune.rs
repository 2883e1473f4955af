//! Forgetting old runs, logs and changes. Files, validators and cursors stay, whatever becomes of the rows of the runs behind them.

use rusqlite::{Connection, TransactionBehavior};

use super::journal::Durability;
use super::{State, StateError, current};

/// Before which moments, in ISO 8601, what is forgotten; nothing where none is given.
#[derive(Debug, Clone, Copy, Default)]
pub struct Old<'a> {
    /// Runs that started before, and what is kept of them.
    pub runs: Option<&'a str>,
    /// Logs of runs that started before.
    pub logs: Option<&'a str>,
    /// What resources stood for, if they stand for something else now.
    pub changes: Option<&'a str>,
}

/// How much was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Runs.
    pub runs: u64,
    /// Logs, beside those of the runs.
    pub logs: u64,
    /// Rows of changes.
    pub changes: u64,
}

impl State {
    /// Forget what is old; how much that was. With `only_count` it is all taken back.
    pub fn prune(&mut self, old: &Old<'_>, only_count: bool) -> Result<Forgotten, StateError> {
        self.journal.set(&self.connection, Durability::Ordered)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut forgotten = Forgotten::default();
        if let Some(before) = old.runs {
            forgotten.runs = runs(&transaction, before)? as u64;
        }
        if let Some(before) = old.logs {
            let sql = "DELETE FROM run_logs WHERE run_id IN (SELECT run_id FROM extraction_runs WHERE started_at < ?1)";
            forgotten.logs = transaction.execute(sql, [before])? as u64;
        }
        if let Some(before) = old.changes {
            forgotten.changes = current::forget_changes(&transaction, before)? as u64;
        }
        if only_count {
            transaction.rollback()?;
        } else {
            transaction.commit()?;
        }
        self.journal.settle(&self.connection)?;
        Ok(forgotten)
    }
}

/// Forget runs, and what is kept of them. Of each extractor and window the last success and the last failure stay, and so
/// does whatever is running.
fn runs(connection: &Connection, before: &str) -> Result<usize, StateError> {
    let pruned = connection.execute(
        "DELETE FROM extraction_runs
              WHERE started_at < ?1 AND status <> 'running' AND run_id NOT IN (
                  SELECT max(run_id) FROM extraction_runs LEFT JOIN run_windows USING (run_id)
                   GROUP BY extractor, coalesce(period, ''), status)",
        [before],
    )?;
    for table in ["run_budgets", "run_windows", "run_details", "run_logs"] {
        let sql = format!("DELETE FROM {table} WHERE run_id NOT IN (SELECT run_id FROM extraction_runs)");
        connection.execute(&sql, [])?;
    }
    Ok(pruned)
}
