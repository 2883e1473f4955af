//! Forgetting old runs. Files, validators and cursors stay, whatever becomes of the rows of the runs behind them.

use rusqlite::TransactionBehavior;

use super::journal::Durability;
use super::{State, StateError};

impl State {
    /// Forget the runs that started before `before`, in ISO 8601, and what they used; how many that were. Of each
    /// extractor and window the last success and the last failure stay, and so does whatever is running.
    /// With `only_count` it is all taken back.
    pub fn prune(&mut self, before: &str, only_count: bool) -> Result<u64, StateError> {
        self.journal.set(&self.connection, Durability::Ordered)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let pruned = transaction.execute(
            "DELETE FROM extraction_runs
              WHERE started_at < ?1 AND status <> 'running' AND run_id NOT IN (
                  SELECT max(run_id) FROM extraction_runs LEFT JOIN run_windows USING (run_id)
                   GROUP BY extractor, coalesce(period, ''), status)",
            [before],
        )?;
        if only_count {
            transaction.rollback()?;
        } else {
            for table in ["run_budgets", "run_windows"] {
                let sql = format!("DELETE FROM {table} WHERE run_id NOT IN (SELECT run_id FROM extraction_runs)");
                transaction.execute(&sql, [])?;
            }
            transaction.commit()?;
        }
        self.journal.settle(&self.connection)?;
        Ok(pruned as u64)
    }
}
