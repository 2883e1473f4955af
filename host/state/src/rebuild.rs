//! Making the state say what a repair found out, in one transaction.

use rusqlite::{Connection, TransactionBehavior, params};

use super::journal::Durability;
use super::{FileRow, State, StateError, Table};

/// One thing that a repair found out.
#[derive(Debug)]
pub enum Mend {
    /// Nothing can count on what this table has under this path, given as its bytes.
    Forget(Table, Vec<u8>),
    /// A file in quarantine that was read.
    Quarantined {
        /// The source that it did not enter.
        source: String,
        /// What it is.
        file: FileRow,
    },
    /// A file that was read.
    File {
        /// The first part of its path.
        source: String,
        /// What it is.
        file: FileRow,
        /// Whether it held something else when it was recorded, so that no validator stands for it.
        altered: bool,
    },
    /// A source of which all files are known now.
    Source(String),
}

/// Validators that stand for nothing, and rows that no host wrote, as far as they were not found one by one.
const UNFOUNDED: [&str; 13] = [
    "DELETE FROM landed_files WHERE path >= x''",
    "DELETE FROM quarantined WHERE path >= x''",
    "DELETE FROM erased
      WHERE path >= x'' OR typeof(source) <> 'text' OR typeof(reason) <> 'text' OR typeof(erased_at) <> 'text'
         OR typeof(url) NOT IN ('text', 'null') OR typeof(run_id) NOT IN ('integer', 'null')",
    "DELETE FROM validators
      WHERE path IN (SELECT path FROM unfounded)
         OR typeof(source) <> 'text' OR typeof(resource) <> 'text' OR typeof(url) <> 'text' OR typeof(path) <> 'text'
         OR typeof(etag) NOT IN ('blob', 'null') OR typeof(last_modified) NOT IN ('blob', 'null')",
    "DELETE FROM cursors
      WHERE typeof(extractor) <> 'text' OR typeof(period) <> 'text' OR typeof(value) <> 'text'
         OR typeof(run_id) <> 'integer'",
    "DELETE FROM indexed_sources WHERE typeof(source) <> 'text'",
    "DELETE FROM source_users WHERE typeof(source) <> 'text' OR typeof(extractor) <> 'text'",
    "DELETE FROM cursor_values
      WHERE typeof(extractor) <> 'text' OR typeof(period) <> 'text' OR typeof(key) <> 'text'
         OR typeof(value) <> 'text' OR typeof(run_id) <> 'integer'",
    "DELETE FROM derivations
      WHERE typeof(source) <> 'text' OR typeof(extractor) <> 'text' OR typeof(resource) <> 'text'
         OR typeof(url) <> 'text' OR typeof(etag) NOT IN ('blob', 'null')
         OR typeof(last_modified) NOT IN ('blob', 'null') OR typeof(maker) <> 'blob' OR length(maker) <> 32
         OR (source, extractor, resource) IN
            (SELECT source, extractor, resource FROM derived_files WHERE path IN (SELECT path FROM unfounded))",
    "DELETE FROM derived_files
      WHERE (source, extractor, resource) NOT IN (SELECT source, extractor, resource FROM derivations)",
    "DELETE FROM resource_changes
      WHERE path IN (SELECT path FROM unfounded)
         OR typeof(source) <> 'text' OR typeof(resource) <> 'text' OR typeof(extractor) <> 'text'
         OR typeof(change) <> 'integer' OR typeof(path) <> 'text' OR typeof(run_id) <> 'integer'
         OR typeof(changed_at) <> 'text'",
    "DELETE FROM run_logs WHERE typeof(log) <> 'text'",
    "DELETE FROM notices
      WHERE typeof(extractor) <> 'text' OR typeof(event) <> 'text' OR typeof(target) <> 'text'
         OR typeof(told_at) <> 'text' OR typeof(run_id) <> 'integer' OR typeof(error) NOT IN ('text', 'null')",
];

impl State {
    /// Write what a repair found out, until `next` gives nothing more, and end the runs that nobody runs; how many those
    /// were. The caller keeps all runs away meanwhile.
    pub fn rebuild<E: From<StateError>>(
        &mut self,
        mut next: impl FnMut() -> Result<Option<Mend>, E>,
        now: &str,
    ) -> Result<usize, E> {
        self.journal.set(&self.connection, Durability::Ordered)?;
        // Validators have no index by path, so they are gone through once and not for each path.
        let sql = "CREATE TEMP TABLE unfounded (path TEXT PRIMARY KEY) WITHOUT ROWID";
        self.connection.execute_batch(sql).map_err(StateError::from)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = transaction.map_err(StateError::from)?;
        while let Some(mend) = next()? {
            apply(&transaction, &mend)?;
        }
        let dead = settle(&transaction, now)?;
        transaction.commit().map_err(StateError::from)?;
        self.connection.execute_batch("DROP TABLE unfounded").map_err(StateError::from)?;
        self.journal.settle(&self.connection)?;
        Ok(dead)
    }
}

fn apply(connection: &Connection, mend: &Mend) -> Result<(), StateError> {
    let unfounded = "INSERT OR IGNORE INTO unfounded (path) VALUES (CAST(?1 AS TEXT))";
    match mend {
        Mend::Forget(table @ (Table::Quarantined | Table::Erased), path) => {
            let sql = format!("DELETE FROM {} WHERE path = CAST(?1 AS TEXT)", table.name());
            connection.prepare_cached(&sql)?.execute([path])?;
        }
        Mend::Quarantined { source, file } => {
            let sha256 = file.sha256.map(|digest| digest.0);
            let sql = "INSERT INTO quarantined
                              (path, source, sha256, size, stored_size, day, code, reason, extractor, times)
                       VALUES (?1, ?2, ?3, ?4, ?5, '', 'unknown', 'a repair found it, and nobody knows why it is here',
                               '', 0)
                       ON CONFLICT (path) DO UPDATE SET source = excluded.source, sha256 = excluded.sha256,
                           size = excluded.size, stored_size = excluded.stored_size";
            let row = params![file.path, source, sha256, file.size, file.stored_size];
            connection.prepare_cached(sql)?.execute(row)?;
        }
        Mend::Forget(Table::Landed, path) => {
            let sql = "DELETE FROM landed_files WHERE path = CAST(?1 AS TEXT)";
            connection.prepare_cached(sql)?.execute([path])?;
            connection.prepare_cached(unfounded)?.execute([path])?;
        }
        Mend::File { source, file, altered } => {
            let sha256 = file.sha256.map(|digest| digest.0);
            let sql = "INSERT INTO landed_files (path, source, sha256, size, stored_size) VALUES (?1, ?2, ?3, ?4, ?5)
                       ON CONFLICT (path) DO UPDATE SET source = excluded.source, sha256 = excluded.sha256,
                           size = excluded.size, stored_size = excluded.stored_size, fingerprint = NULL";
            let row = params![file.path, source, sha256, file.size, file.stored_size];
            connection.prepare_cached(sql)?.execute(row)?;
            if *altered {
                connection.prepare_cached(unfounded)?.execute([file.path.as_bytes()])?;
            }
        }
        Mend::Source(source) => {
            let sql = "INSERT OR IGNORE INTO indexed_sources (source) VALUES (?1)";
            connection.prepare_cached(sql)?.execute([source])?;
        }
    }
    Ok(())
}

/// What concerns no single file; how many runs were dead.
fn settle(connection: &Connection, now: &str) -> Result<usize, StateError> {
    for unfounded in UNFOUNDED {
        connection.execute(unfounded, [])?;
    }
    Ok(connection.execute(
        "UPDATE extraction_runs SET status = 'failed', finished_at = ?1,
                error_message = 'the run was killed, or the machine stopped, before it ended'
          WHERE status = 'running'",
        [now],
    )?)
}
