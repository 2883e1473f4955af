//! A state that moves: written into a file as a whole, told apart by extractor and scope, and put together again.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::params;

use super::{State, StateError};

/// What belongs to runs, by their numbers.
const OF_RUNS: [&str; 4] = ["run_budgets", "run_windows", "run_details", "run_logs"];
/// What belongs to an extractor and a scope.
const OF_SCOPES: [&str; 2] = ["cursors", "cursor_values"];
/// What belongs to an extractor, and to its newest data where there are several scopes.
const OF_EXTRACTORS: [&str; 5] = ["notices", "quarantined", "derivations", "derived_files", "source_users"];
/// What belongs to a source.
const OF_SOURCES: [&str; 5] = ["landed_files", "indexed_sources", "validators", "resource_changes", "erased"];

impl State {
    /// Write everything into a new database at `path`: one file, of which nobody else writes.
    pub fn export(&self, path: &Path) -> Result<(), StateError> {
        self.connection.execute("VACUUM INTO ?1", [path.display().to_string()]).map(drop).map_err(StateError::from)
    }

    /// Whose state this is, together: each extractor and the text of each scope that it ran for.
    pub fn claims(&self) -> Result<Vec<(String, String)>, StateError> {
        let sql = "SELECT extractor, coalesce(period, '') FROM extraction_runs LEFT JOIN run_windows USING (run_id)
                   UNION SELECT extractor, period FROM cursors
                   UNION SELECT extractor, period FROM cursor_values ORDER BY 1, 2";
        let mut statement = self.connection.prepare(sql)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The sources that extractors append to.
    pub fn appended_to(&self) -> Result<BTreeSet<String>, StateError> {
        let mut statement = self.connection.prepare("SELECT source FROM source_users")?;
        let sources = statement.query_map([], |row| row.get(0))?;
        Ok(sources.collect::<Result<_, _>>()?)
    }

    /// Forget everything but what an extractor's runs for one scope know.
    pub fn keep_only(&mut self, extractor: &str, period: &str) -> Result<(), StateError> {
        let transaction = self.connection.transaction()?;
        transaction.execute(
            "DELETE FROM extraction_runs WHERE extractor <> ?1
                OR coalesce((SELECT period FROM run_windows w WHERE w.run_id = extraction_runs.run_id), '') <> ?2",
            params![extractor, period],
        )?;
        for table in OF_RUNS {
            let sql = format!("DELETE FROM {table} WHERE run_id NOT IN (SELECT run_id FROM extraction_runs)");
            transaction.execute(&sql, [])?;
        }
        for table in OF_SCOPES {
            let sql = format!("DELETE FROM {table} WHERE extractor <> ?1 OR period <> ?2");
            transaction.execute(&sql, params![extractor, period])?;
        }
        for table in OF_EXTRACTORS {
            transaction.execute(&format!("DELETE FROM {table} WHERE extractor <> ?1"), [extractor])?;
        }
        if !period.is_empty() {
            transaction.execute("DELETE FROM notices", [])?;
            transaction.execute("DELETE FROM quarantined", [])?;
        }
        for table in OF_SOURCES {
            let sql = format!("DELETE FROM {table} WHERE source NOT IN (SELECT source FROM source_users)");
            transaction.execute(&sql, [])?;
        }
        transaction.commit()?;
        Ok(self.connection.execute_batch("VACUUM")?)
    }

    /// Whether a run of another state has the number of one of these, and is another.
    pub fn contradicts(&self, path: &Path) -> Result<bool, StateError> {
        self.connection.execute("ATTACH DATABASE ?1 AS other", [path.display().to_string()])?;
        let sql = "SELECT EXISTS (SELECT 1 FROM main.extraction_runs m JOIN other.extraction_runs o USING (run_id)
                                   WHERE m.extractor <> o.extractor OR m.started_at <> o.started_at)";
        let found = self.connection.query_row(sql, [], |row| row.get(0));
        self.connection.execute("DETACH DATABASE other", [])?;
        Ok(found?)
    }

    /// Whether every run of this state is one of another as well.
    pub fn is_in(&self, path: &Path) -> Result<bool, StateError> {
        self.connection.execute("ATTACH DATABASE ?1 AS other", [path.display().to_string()])?;
        let sql = "SELECT NOT EXISTS (SELECT 1 FROM main.extraction_runs m WHERE NOT EXISTS
                          (SELECT 1 FROM other.extraction_runs o WHERE o.run_id = m.run_id
                              AND o.extractor = m.extractor AND o.started_at = m.started_at))";
        let found = self.connection.query_row(sql, [], |row| row.get(0));
        self.connection.execute("DETACH DATABASE other", [])?;
        Ok(found?)
    }
}
