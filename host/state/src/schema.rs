//! The tables: the one that the original defined, and the host's own beside it.
//!
//! `host_schema` counts the host's migrations; each is one step of one transaction, and never edited once released.
//! A database without that table, empty or made by the original, is version 0.

use rusqlite::{Connection, TransactionBehavior};

use super::StateError;

/// `extraction_runs` has these ten columns and no others: users query it, and the original may have made it.
const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE IF NOT EXISTS extraction_runs (
    run_id        INTEGER PRIMARY KEY AUTOINCREMENT,
    extractor     TEXT    NOT NULL,
    started_at    TEXT    NOT NULL,
    finished_at   TEXT,
    status        TEXT    NOT NULL DEFAULT 'running',
    files_written INTEGER NOT NULL DEFAULT 0,
    files_skipped INTEGER NOT NULL DEFAULT 0,
    bytes_written INTEGER NOT NULL DEFAULT 0,
    cursor_value  TEXT,
    error_message TEXT
);

-- Files of a source. Where one was found and not read yet, sha256 is NULL and fingerprint is what its name tells.
CREATE TABLE landed_files (
    path        TEXT PRIMARY KEY,
    source      TEXT NOT NULL,
    sha256      BLOB,
    fingerprint TEXT,
    size        INTEGER,
    stored_size INTEGER NOT NULL,
    url         TEXT,
    run_id      INTEGER
) WITHOUT ROWID;
CREATE INDEX landed_files_by_digest ON landed_files (source, sha256);
CREATE INDEX landed_files_unread ON landed_files (source, fingerprint) WHERE sha256 IS NULL;

-- Sources whose directory was listed once, so that landed_files knows all of it.
CREATE TABLE indexed_sources (
    source TEXT PRIMARY KEY,
    run_id INTEGER
) WITHOUT ROWID;

-- Which extractors append to a source.
CREATE TABLE source_users (
    source    TEXT NOT NULL,
    extractor TEXT NOT NULL,
    PRIMARY KEY (source, extractor)
) WITHOUT ROWID;

-- The validators that came with a resource last, the URL that sent them, and the file that they stand for.
CREATE TABLE validators (
    source        TEXT NOT NULL,
    resource      TEXT NOT NULL,
    url           TEXT NOT NULL,
    etag          BLOB,
    last_modified BLOB,
    path          TEXT NOT NULL,
    PRIMARY KEY (source, resource)
) WITHOUT ROWID;

-- Every entity tag that a resource ever had from a URL, and the file that it stands for.
CREATE TABLE resource_tags (
    source   TEXT NOT NULL,
    resource TEXT NOT NULL,
    url      TEXT NOT NULL,
    etag     BLOB NOT NULL,
    path     TEXT NOT NULL,
    PRIMARY KEY (source, resource, url, etag)
) WITHOUT ROWID;

-- Durable cursors; period is '' for the newest data, else the backfill window.
CREATE TABLE cursors (
    extractor TEXT NOT NULL,
    period    TEXT NOT NULL,
    value     TEXT NOT NULL,
    run_id    INTEGER NOT NULL,
    PRIMARY KEY (extractor, period)
) WITHOUT ROWID;

INSERT INTO cursors (extractor, period, value, run_id)
    SELECT extractor, '', cursor_value, max(run_id) FROM extraction_runs
     WHERE status = 'success' AND cursor_value IS NOT NULL GROUP BY extractor;
",
    "
-- What was used of each budget and what was allowed: a JSON object by the budget's name.
CREATE TABLE run_budgets (
    run_id  INTEGER PRIMARY KEY,
    budgets TEXT NOT NULL
);
",
    "
-- A 200 is recognised by the newest tag alone, which `validators` has.
DROP TABLE resource_tags;

-- Where a redirect led to the URL that sent them, its query is not kept: it may be a signature.
UPDATE validators SET url = substr(url, 1, instr(url, '?') - 1)
 WHERE instr(url, '?') > 0 AND resource <> url AND substr(resource, 1, length(url) + 1) <> url || '#';

-- Whose runs are dead is asked at every start, and does not depend on how many ended.
CREATE INDEX extraction_runs_running ON extraction_runs (extractor) WHERE status = 'running';

-- The window of a run that was a backfill; the others have no row.
CREATE TABLE run_windows (
    run_id INTEGER PRIMARY KEY,
    period TEXT NOT NULL
);
",
];

const COLUMNS: [&str; 10] = [
    "run_id",
    "extractor",
    "started_at",
    "finished_at",
    "status",
    "files_written",
    "files_skipped",
    "bytes_written",
    "cursor_value",
    "error_message",
];

/// The version of a database.
fn version(connection: &Connection) -> Result<usize, StateError> {
    if !has_table(connection, "host_schema")? {
        return Ok(0);
    }
    let version: i64 = connection.query_row("SELECT max(version) FROM host_schema", [], |row| row.get(0))?;
    match usize::try_from(version) {
        Ok(version) if version <= MIGRATIONS.len() => Ok(version),
        _ => Err(StateError::Newer(version)),
    }
}

/// Whether there is a table of that name.
pub(super) fn has_table(connection: &Connection, name: &str) -> Result<bool, StateError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1)";
    Ok(connection.query_row(sql, [name], |row| row.get(0))?)
}

/// Check that this is a database that the host may write into, before anything in it changes.
pub(super) fn check(connection: &Connection) -> Result<(), StateError> {
    version(connection)?;
    check_columns(connection)
}

/// Bring the tables up to date, all or nothing.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StateError> {
    if version(connection)? == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster; what counts is what this transaction sees.
    for migration in &MIGRATIONS[version(&transaction)?..] {
        transaction.execute_batch(migration)?;
    }
    transaction.execute_batch("CREATE TABLE IF NOT EXISTS host_schema (version INTEGER NOT NULL)")?;
    transaction.execute("DELETE FROM host_schema", [])?;
    transaction.execute("INSERT INTO host_schema (version) VALUES (?1)", [MIGRATIONS.len() as i64])?;
    Ok(transaction.commit()?)
}

/// Check that a table of that name, where there is one, is the one that users query.
fn check_columns(connection: &Connection) -> Result<(), StateError> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info('extraction_runs')")?;
    let found = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    if found.is_empty() {
        return Ok(());
    }
    match COLUMNS.iter().find(|column| !found.iter().any(|name| name == *column)) {
        Some(missing) => Err(StateError::Foreign(format!("its table `extraction_runs` has no column `{missing}`"))),
        None => Ok(()),
    }
}
