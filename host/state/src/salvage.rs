//! What can still be read of a damaged database, row by row until the first that cannot.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Params, Row, Statement, TransactionBehavior, params};

use super::connection::connect;
use super::journal::Durability;
use super::rows::{run_row, text};
use super::{RUNS, State, StateError};
use rules::findings::is_listed;
use rules::name::{Quarantined, check_name};

/// Cursors, and the columns of each.
const CURSORS: &str = "SELECT extractor, period, value, run_id FROM cursors ORDER BY extractor, period";

/// Changes, and the columns of each.
const CHANGES: &str = "SELECT source, resource, extractor, change, path, run_id, changed_at FROM resource_changes
                        ORDER BY source, resource, extractor, change, path";

/// Values, and the columns of each.
const VALUES: &str = "SELECT extractor, period, key, value, run_id FROM cursor_values ORDER BY extractor, period, key";

/// What is in quarantine: its table, and the columns of that.
const QUARANTINED: (&str, &str) =
    ("quarantined", "path, source, sha256, size, stored_size, day, etag, url, code, reason, extractor, run_id, times");

/// What was erased: its table, and the columns of that.
const ERASED: (&str, &str) = ("erased", "path, source, sha256, size, stored_size, url, run_id, reason, erased_at");

impl State {
    /// Put what can be read of the damaged database at `path` into this new one; how many runs that was.
    pub fn take_over(&mut self, path: &Path) -> Result<usize, StateError> {
        let Ok(damaged) = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY) else { return Ok(0) };
        self.journal.set(&self.connection, Durability::Now)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let runs = runs(&damaged, &transaction)?;
        for (table, column) in
            [("run_budgets", "budgets"), ("run_windows", "period"), ("run_details", "details"), ("run_logs", "log")]
        {
            beside(&damaged, &transaction, table, column)?;
        }
        cursors(&damaged, &transaction)?;
        values(&damaged, &transaction)?;
        changes(&damaged, &transaction)?;
        by_path(&damaged, &transaction, QUARANTINED, |path| Quarantined::parse(path).is_some())?;
        by_path(&damaged, &transaction, ERASED, is_listed)?;
        transaction.commit()?;
        Ok(runs)
    }
}

/// Copy what a query gives, as long as its rows come in order and can be read; how many of them were taken. What cannot
/// be read ends it, and is no failure; one of writing is.
fn copy<K: Ord>(
    damaged: &Connection,
    query: &str,
    mut take: impl FnMut(&Row<'_>) -> Result<(K, usize), Failed>,
) -> Result<usize, StateError> {
    let Ok(mut statement) = damaged.prepare(query) else { return Ok(0) };
    let Ok(mut rows) = statement.query([]) else { return Ok(0) };
    let (mut last, mut count) = (None, 0);
    while let Ok(Some(row)) = rows.next() {
        let (key, taken) = match take(row) {
            Ok(taken) => taken,
            Err(Failed::Reading) => break,
            Err(Failed::Writing(error)) => return Err(error),
        };
        count += taken;
        // A table may be made so that it has no end.
        if last.is_some_and(|last| last >= key) {
            break;
        }
        last = Some(key);
    }
    Ok(count)
}

enum Failed {
    Reading,
    Writing(StateError),
}

/// An error of the damaged database.
fn reading<E>(_: E) -> Failed {
    Failed::Reading
}

fn write(statement: &mut Statement<'_>, row: impl Params) -> Result<usize, Failed> {
    statement.execute(row).map_err(|error| Failed::Writing(error.into()))
}

fn runs(damaged: &Connection, new: &Connection) -> Result<usize, StateError> {
    let mut insert = new.prepare(
        "INSERT OR IGNORE INTO extraction_runs (run_id, extractor, started_at, finished_at, status, files_written,
                files_skipped, bytes_written, cursor_value, error_message)
         VALUES (?1, ?2, ?3, ?4, ?5, coalesce(?6, 0), coalesce(?7, 0), coalesce(?8, 0), ?9, ?10)",
    )?;
    copy(damaged, &format!("{RUNS} ORDER BY run_id"), |row| {
        let run = run_row(row).map_err(reading)?;
        let row = params![
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
        ];
        Ok((run.run_id, write(&mut insert, row)?))
    })
}

/// What is kept of a run in a table beside that of the runs.
fn beside(damaged: &Connection, new: &Connection, table: &str, column: &str) -> Result<usize, StateError> {
    let mut insert = new.prepare(&format!(
        "INSERT OR IGNORE INTO {table} (run_id, {column})
         SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM extraction_runs WHERE run_id = ?1)"
    ))?;
    copy(damaged, &format!("SELECT run_id, {column} FROM {table} ORDER BY run_id"), |row| {
        let run_id: i64 = row.get(0).map_err(reading)?;
        Ok((run_id, write(&mut insert, params![run_id, text(row, 1).map_err(reading)?.unwrap_or_default()])?))
    })
}

fn cursors(damaged: &Connection, new: &Connection) -> Result<usize, StateError> {
    let sql = "INSERT OR IGNORE INTO cursors (extractor, period, value, run_id) VALUES (?1, ?2, ?3, ?4)";
    let mut insert = new.prepare(sql)?;
    copy(damaged, CURSORS, |row| {
        let (extractor, period): (String, String) = (row.get(0).map_err(reading)?, row.get(1).map_err(reading)?);
        let (value, run_id): (String, i64) = (row.get(2).map_err(reading)?, row.get(3).map_err(reading)?);
        let taken = match check_name(&extractor) {
            Ok(()) => write(&mut insert, params![extractor, period, value, run_id])?,
            Err(_) => 0,
        };
        Ok(((extractor, period), taken))
    })
}

fn values(damaged: &Connection, new: &Connection) -> Result<usize, StateError> {
    let sql = "INSERT OR IGNORE INTO cursor_values (extractor, period, key, value, run_id) VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut insert = new.prepare(sql)?;
    copy(damaged, VALUES, |row| {
        let (extractor, period): (String, String) = (row.get(0).map_err(reading)?, row.get(1).map_err(reading)?);
        let (key, value): (String, String) = (row.get(2).map_err(reading)?, row.get(3).map_err(reading)?);
        let run_id: i64 = row.get(4).map_err(reading)?;
        let taken = match check_name(&extractor) {
            Ok(()) => write(&mut insert, params![extractor, period, key, value, run_id])?,
            Err(_) => 0,
        };
        Ok(((extractor, period, key), taken))
    })
}

fn changes(damaged: &Connection, new: &Connection) -> Result<usize, StateError> {
    let sql = "INSERT OR IGNORE INTO resource_changes (source, resource, extractor, change, path, run_id, changed_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut insert = new.prepare(sql)?;
    copy(damaged, CHANGES, |row| {
        let text = |at| row.get::<_, String>(at).map_err(reading);
        let (source, resource, extractor, path, at) = (text(0)?, text(1)?, text(2)?, text(4)?, text(6)?);
        let (change, run_id): (i64, i64) = (row.get(3).map_err(reading)?, row.get(5).map_err(reading)?);
        let taken = match check_name(&source) {
            Ok(()) => write(&mut insert, params![source, resource, extractor, change, path, run_id, at])?,
            Err(_) => 0,
        };
        Ok(((source, resource, extractor, change, path), taken))
    })
}

/// Copy a table whose first column is a path of the kind that `is_ours` tells.
fn by_path(
    damaged: &Connection,
    new: &Connection,
    (table, columns): (&str, &str),
    is_ours: impl Fn(&str) -> bool,
) -> Result<usize, StateError> {
    let count = columns.split(',').count();
    let places = (1..=count).map(|at| format!("?{at}")).collect::<Vec<_>>().join(", ");
    let mut insert = new.prepare(&format!("INSERT OR IGNORE INTO {table} ({columns}) VALUES ({places})"))?;
    copy(damaged, &format!("SELECT {columns} FROM {table} ORDER BY path"), |row| {
        let path: String = row.get(0).map_err(reading)?;
        let values = (0..count).map(|at| row.get(at)).collect::<Result<Vec<rusqlite::types::Value>, _>>();
        // What else is in them is looked at as in any other row.
        let taken = match is_ours(&path) {
            true => match insert.execute(rusqlite::params_from_iter(values.map_err(reading)?)) {
                Ok(taken) => taken,
                // A column holds nothing where there has to be something.
                Err(rusqlite::Error::SqliteFailure(error, _))
                    if error.code == rusqlite::ErrorCode::ConstraintViolation =>
                {
                    0
                }
                Err(error) => return Err(Failed::Writing(error.into())),
            },
            false => 0,
        };
        Ok((path, taken))
    })
}
