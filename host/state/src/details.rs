//! What is kept of a run beside its row: what ran, what it was granted, what was said.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::rows::text;
use super::{KEPT_BUDGETS, State, StateError, schema};

/// Of so many runs, the newest of all extractors together, the log is kept.
const KEPT_LOGS: i64 = 2000;

/// What is kept of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// The window of a backfill.
    pub window: Option<String>,
    /// What ran, what it was granted, and how it ended.
    pub details: Option<serde_json::Value>,
    /// What was said.
    pub log: Option<String>,
}

impl State {
    /// What is kept of a run; nothing of one that the host did not run, or that is long ago.
    pub fn details(&self, run_id: i64) -> Result<Details, StateError> {
        let one = |table: &str, column: &str| -> Result<Option<String>, StateError> {
            if !schema::has_table(&self.connection, table)? {
                return Ok(None);
            }
            let sql = format!("SELECT {column} FROM {table} WHERE run_id = ?1");
            let found = self.connection.query_row(&sql, [run_id], |row| text(row, 0)).optional()?;
            Ok(found.flatten())
        };
        let details = one("run_details", "details")?;
        Ok(Details {
            window: one("run_windows", "period")?,
            details: details.and_then(|details| serde_json::from_str(&details).ok()),
            log: one("run_logs", "log")?,
        })
    }
}

/// Keep the details of a run that ends, and forget those of long ago.
pub(super) fn keep(connection: &Connection, run_id: i64, details: &str, log: Option<&str>) -> Result<(), StateError> {
    let sql = "INSERT OR REPLACE INTO run_details (run_id, details) VALUES (?1, ?2)";
    connection.execute(sql, params![run_id, details])?;
    connection.execute("DELETE FROM run_details WHERE run_id <= ?1", [run_id - KEPT_BUDGETS])?;
    if let Some(log) = log {
        connection.execute("INSERT OR REPLACE INTO run_logs (run_id, log) VALUES (?1, ?2)", params![run_id, log])?;
    }
    connection.execute("DELETE FROM run_logs WHERE run_id <= ?1", [run_id - KEPT_LOGS])?;
    Ok(())
}
