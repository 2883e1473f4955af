//! What checking and repairing need of the state: everything that is recorded, and writing it anew.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use super::journal::Durability;
use super::rows::{file_row, run_row};
use super::{FileRow, RunRow, State, StateError};

/// Most problems of a database that are listed.
const MAX_PROBLEMS: usize = 20;

/// What a repair found out, to be written in one transaction.
#[derive(Debug, Default)]
pub struct Rebuilt {
    /// Files that were read, with their sources.
    pub files: Vec<(String, FileRow)>,
    /// Paths that are recorded and hold nothing to count on.
    pub gone: Vec<String>,
    /// Paths whose files hold something else than was recorded, so that no validator stands for them.
    pub altered: Vec<String>,
    /// Sources of which all files are known now.
    pub sources: Vec<String>,
}

/// What could still be read of a damaged database.
#[derive(Debug, Default)]
pub struct Salvage {
    /// Rows of `extraction_runs`.
    pub runs: Vec<RunRow>,
    /// Cursors: extractor, period, value, run.
    pub cursors: Vec<(String, String, String, i64)>,
}

impl State {
    /// What SQLite finds wrong with the database; nothing where it is sound.
    pub fn problems(&self) -> Result<Vec<String>, StateError> {
        let mut statement = self.connection.prepare("SELECT integrity_check FROM pragma_integrity_check")?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?.take(MAX_PROBLEMS);
        let problems = rows.collect::<Result<Vec<_>, _>>()?;
        Ok(if problems == ["ok"] { Vec::new() } else { problems })
    }

    /// All recorded files, by path; none where the host never used this database.
    pub fn all_files(&self) -> Result<BTreeMap<String, FileRow>, StateError> {
        if !super::schema::has_table(&self.connection, "landed_files")? {
            return Ok(BTreeMap::new());
        }
        let mut statement = self.connection.prepare("SELECT path, sha256, size, stored_size FROM landed_files")?;
        let rows = statement.query_map([], |row| file_row(row, 0))?;
        Ok(rows.map(|row| row.map(|file| (file.path.clone(), file))).collect::<Result<_, _>>()?)
    }

    /// The runs that say that they are running: number and extractor.
    pub fn running(&self) -> Result<Vec<(i64, String)>, StateError> {
        let sql = "SELECT run_id, extractor FROM extraction_runs WHERE status = 'running' ORDER BY run_id";
        let mut statement = self.connection.prepare(sql)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Write what a repair found out, and end the runs that nobody runs. The caller keeps all runs away meanwhile.
    pub fn rebuild(&mut self, rebuilt: &Rebuilt, now: &str) -> Result<usize, StateError> {
        self.journal.set(&self.connection, Durability::Ordered)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for path in &rebuilt.gone {
            transaction.execute("DELETE FROM landed_files WHERE path = ?1", [path])?;
        }
        for path in rebuilt.gone.iter().chain(&rebuilt.altered) {
            transaction.execute("DELETE FROM validators WHERE path = ?1", [path])?;
        }
        for (source, file) in &rebuilt.files {
            let sha256 = file.sha256.map(|digest| digest.0);
            let sql = "INSERT INTO landed_files (path, source, sha256, size, stored_size) VALUES (?1, ?2, ?3, ?4, ?5)
                       ON CONFLICT (path) DO UPDATE SET sha256 = excluded.sha256, size = excluded.size,
                           stored_size = excluded.stored_size, fingerprint = NULL";
            transaction.prepare_cached(sql)?.execute(params![
                file.path,
                source,
                sha256,
                file.size,
                file.stored_size
            ])?;
        }
        for source in &rebuilt.sources {
            transaction.execute("INSERT OR IGNORE INTO indexed_sources (source) VALUES (?1)", [source])?;
        }
        let dead = transaction.execute(
            "UPDATE extraction_runs SET status = 'failed', finished_at = ?1,
                    error_message = 'the run was killed, or the machine stopped, before it ended'
              WHERE status = 'running'",
            [now],
        )?;
        transaction.commit()?;
        self.journal.settle(&self.connection)?;
        Ok(dead)
    }

    /// Put salvaged rows into a new database.
    pub fn take_over(&mut self, salvage: &Salvage) -> Result<(), StateError> {
        self.journal.set(&self.connection, Durability::Now)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for run in &salvage.runs {
            transaction.execute(
                "INSERT OR IGNORE INTO extraction_runs (run_id, extractor, started_at, finished_at, status, files_written,
                        files_skipped, bytes_written, cursor_value, error_message)
                 VALUES (?1, ?2, ?3, ?4, ?5, coalesce(?6, 0), coalesce(?7, 0), coalesce(?8, 0), ?9, ?10)",
                params![
                    run.run_id,
                    run.extractor,
                    run.started_at,
                    run.finished_at,
                    run.status,
                    run.files_written,
                    run.files_skipped,
                    run.bytes_written,
                    run.cursor_value,
                    run.error_message
                ],
            )?;
            if let Some(budgets) = &run.budgets {
                let sql = "INSERT OR IGNORE INTO run_budgets (run_id, budgets) VALUES (?1, ?2)";
                transaction.execute(sql, params![run.run_id, budgets.to_string()])?;
            }
        }
        for (extractor, period, value, run_id) in &salvage.cursors {
            let sql = "INSERT OR IGNORE INTO cursors (extractor, period, value, run_id) VALUES (?1, ?2, ?3, ?4)";
            transaction.execute(sql, params![extractor, period, value, run_id])?;
        }
        Ok(transaction.commit()?)
    }
}

/// Read what can still be read of a damaged database, row by row until the first that cannot.
pub fn salvage(path: &Path) -> Salvage {
    let mut salvage = Salvage::default();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NOFOLLOW | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let Ok(connection) = Connection::open_with_flags(path, flags) else { return salvage };
    // A database without budgets, or in which they cannot be read, still has runs.
    for runs in [super::RUNS_AND_BUDGETS, super::RUNS] {
        if let Ok(mut statement) = connection.prepare(&format!("{runs} ORDER BY run_id"))
            && let Ok(rows) = statement.query_map([], run_row)
        {
            let rows: Vec<RunRow> = rows.map_while(Result::ok).collect();
            if rows.len() > salvage.runs.len() {
                salvage.runs = rows;
            }
        }
    }
    if let Ok(mut statement) = connection.prepare("SELECT extractor, period, value, run_id FROM cursors")
        && let Ok(rows) = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
    {
        salvage.cursors.extend(rows.map_while(Result::ok));
    }
    salvage
}
