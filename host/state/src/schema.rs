//! The tables: the one that the original defined, and the host's own beside it.
//!
//! `host_schema` counts the host's migrations; each is one step of one transaction, and never edited once released.
//! A database without that table, empty or made by the original, is version 0.

use rusqlite::types::Value;
use rusqlite::{Connection, TransactionBehavior};

use rules::text;

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
    "
-- What extractors keep beside a cursor, of the same extractor and period, written with it.
CREATE TABLE cursor_values (
    extractor TEXT NOT NULL,
    period    TEXT NOT NULL,
    key       TEXT NOT NULL,
    value     TEXT NOT NULL,
    run_id    INTEGER NOT NULL,
    PRIMARY KEY (extractor, period, key)
) WITHOUT ROWID;

-- Of which resource an extractor made files, the validators that it came with, and a digest of component and parameters.
CREATE TABLE derivations (
    source        TEXT NOT NULL,
    extractor     TEXT NOT NULL,
    resource      TEXT NOT NULL,
    url           TEXT NOT NULL,
    etag          BLOB,
    last_modified BLOB,
    maker         BLOB NOT NULL,
    PRIMARY KEY (source, extractor, resource)
) WITHOUT ROWID;

-- The files that were made of it.
CREATE TABLE derived_files (
    source    TEXT NOT NULL,
    extractor TEXT NOT NULL,
    resource  TEXT NOT NULL,
    path      TEXT NOT NULL,
    PRIMARY KEY (source, extractor, resource, path)
) WITHOUT ROWID;
",
    "
-- Every change of what a resource stands for: the files that hold it from then on. What an extractor made of it is apart
-- from what was mirrored, whose extractor is ''.
CREATE TABLE resource_changes (
    source     TEXT    NOT NULL,
    resource   TEXT    NOT NULL,
    extractor  TEXT    NOT NULL,
    change     INTEGER NOT NULL,
    path       TEXT    NOT NULL,
    run_id     INTEGER NOT NULL,
    changed_at TEXT    NOT NULL,
    PRIMARY KEY (source, resource, extractor, change, path)
) WITHOUT ROWID;
CREATE INDEX resource_changes_by_path ON resource_changes (path);

INSERT INTO resource_changes (source, resource, extractor, change, path, run_id, changed_at)
    SELECT v.source, v.resource, '', 1, v.path, coalesce(f.run_id, 0), coalesce(r.started_at, '')
      FROM validators v JOIN landed_files f ON f.path = v.path LEFT JOIN extraction_runs r ON r.run_id = f.run_id;
INSERT INTO resource_changes (source, resource, extractor, change, path, run_id, changed_at)
    SELECT d.source, d.resource, d.extractor, 1, d.path, coalesce(f.run_id, 0), coalesce(r.started_at, '')
      FROM derived_files d JOIN landed_files f ON f.path = d.path LEFT JOIN extraction_runs r ON r.run_id = f.run_id;

-- For readers, and never asked by the host: the files that hold what each resource stands for now, and those that
-- extractors made of nothing that can be asked for again.
CREATE VIEW IF NOT EXISTS current_files AS
    SELECT c.source, c.path, c.resource, c.changed_at AS since, c.run_id, lower(hex(f.sha256)) AS sha256, f.size, f.stored_size
      FROM resource_changes c JOIN landed_files f ON f.path = c.path
     WHERE c.change = (SELECT max(l.change) FROM resource_changes l
                        WHERE l.source = c.source AND l.resource = c.resource AND l.extractor = c.extractor)
    UNION ALL
    SELECT f.source, f.path, NULL, r.started_at, f.run_id, lower(hex(f.sha256)), f.size, f.stored_size
      FROM landed_files f LEFT JOIN extraction_runs r ON r.run_id = f.run_id
     WHERE f.run_id IS NOT NULL AND f.url IS NULL
       AND NOT EXISTS (SELECT 1 FROM resource_changes c WHERE c.path = f.path);

-- Which files a run landed.
CREATE INDEX landed_files_by_run ON landed_files (run_id);

-- What ran, what it was granted, and how it ended: a JSON object.
CREATE TABLE run_details (
    run_id  INTEGER PRIMARY KEY,
    details TEXT NOT NULL
);

-- What was said in a run, where something was.
CREATE TABLE run_logs (
    run_id INTEGER PRIMARY KEY,
    log    TEXT NOT NULL
);

-- The last time that somebody was told of something, and what became of that; run_id is 0 where no run was told of.
CREATE TABLE notices (
    extractor TEXT    NOT NULL,
    event     TEXT    NOT NULL,
    target    TEXT    NOT NULL,
    told_at   TEXT    NOT NULL,
    run_id    INTEGER NOT NULL,
    error     TEXT,
    PRIMARY KEY (extractor, event, target)
) WITHOUT ROWID;
",
    "
-- Contents that were not as expected, the run that met each last, and what would name it if it landed.
CREATE TABLE quarantined (
    path        TEXT PRIMARY KEY,
    source      TEXT NOT NULL,
    sha256      BLOB NOT NULL,
    size        INTEGER NOT NULL,
    stored_size INTEGER NOT NULL,
    day         TEXT NOT NULL,
    etag        BLOB,
    url         TEXT,
    code        TEXT NOT NULL,
    reason      TEXT NOT NULL,
    extractor   TEXT NOT NULL,
    run_id      INTEGER,
    times       INTEGER NOT NULL
) WITHOUT ROWID;
",
    "
-- Files that somebody had erased: what they were, and why. Their content does not land again in their source.
CREATE TABLE erased (
    path        TEXT PRIMARY KEY,
    source      TEXT NOT NULL,
    sha256      BLOB NOT NULL,
    size        INTEGER,
    stored_size INTEGER NOT NULL,
    url         TEXT,
    run_id      INTEGER,
    reason      TEXT NOT NULL,
    erased_at   TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX erased_by_digest ON erased (source, sha256);
",
];

/// What counts the migrations; made last.
const VERSION_TABLE: &str = "CREATE TABLE host_schema (version INTEGER NOT NULL)";

/// The table that users query.
const RUNS: &str = "extraction_runs";

/// An index of a table of the host's.
#[derive(Clone, Copy)]
pub(super) struct Index {
    /// The version of the database that it came with.
    pub(super) version: usize,
    pub(super) name: &'static str,
    pub(super) table: &'static str,
    /// What it holds: its columns, and the table's key.
    pub(super) columns: &'static str,
    /// The condition on the rows that it has.
    pub(super) rows: &'static str,
    /// A column that it does not hold.
    pub(super) beside: &'static str,
    /// Whether the same content of one source comes together in it.
    pub(super) has_contents: bool,
}

/// All indexes but those of the keys.
pub(super) const INDEXES: [Index; 6] = [
    Index {
        version: 1,
        name: "landed_files_by_digest",
        table: "landed_files",
        columns: "source, sha256, path",
        rows: "true",
        beside: "stored_size",
        has_contents: true,
    },
    Index {
        version: 1,
        name: "landed_files_unread",
        table: "landed_files",
        columns: "source, fingerprint, path",
        rows: "sha256 IS NULL",
        beside: "stored_size",
        has_contents: false,
    },
    Index {
        version: 3,
        name: "extraction_runs_running",
        table: "extraction_runs",
        columns: "extractor, run_id",
        rows: "status = 'running'",
        beside: "started_at",
        has_contents: false,
    },
    Index {
        version: 5,
        name: "resource_changes_by_path",
        table: "resource_changes",
        columns: "path, source, resource, extractor, change",
        rows: "true",
        beside: "changed_at",
        has_contents: false,
    },
    Index {
        version: 5,
        name: "landed_files_by_run",
        table: "landed_files",
        columns: "run_id, path",
        rows: "true",
        beside: "stored_size",
        has_contents: false,
    },
    Index {
        version: 7,
        name: "erased_by_digest",
        table: "erased",
        columns: "source, sha256, path",
        rows: "true",
        beside: "stored_size",
        has_contents: false,
    },
];

/// The tables that only the host makes, those of earlier versions included.
const OWN: [&str; 18] = [
    "host_schema",
    "landed_files",
    "indexed_sources",
    "source_users",
    "validators",
    "resource_tags",
    "cursors",
    "run_budgets",
    "run_windows",
    "cursor_values",
    "derivations",
    "derived_files",
    "resource_changes",
    "run_details",
    "run_logs",
    "notices",
    "quarantined",
    "erased",
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

fn foreign<T>(why: impl Into<String>) -> Result<T, StateError> {
    Err(StateError::Foreign(why.into()))
}

/// The version of a database.
fn version(connection: &Connection) -> Result<usize, StateError> {
    if !has_table(connection, "host_schema")? {
        return Ok(0);
    }
    let given = connection.query_row("SELECT max(version) FROM host_schema", [], |row| row.get(0))?;
    match given {
        Value::Integer(version @ 0..) => match usize::try_from(version) {
            Ok(version) if version <= MIGRATIONS.len() => Ok(version),
            _ => Err(StateError::Newer(version)),
        },
        _ => Err(StateError::Odd("its schema version is no number that a host gives".into())),
    }
}

/// Whether there is a table of that name.
pub(super) fn has_table(connection: &Connection, name: &str) -> Result<bool, StateError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1)";
    Ok(connection.query_row(sql, [name], |row| row.get(0))?)
}

/// Check that this is a database that the host may write into, before anything in it changes: what has a name of the
/// host's is what the host makes, so that no column computes something and no two rows have one key. The version of the
/// database.
pub(super) fn check(connection: &Connection) -> Result<usize, StateError> {
    // One lock for all that is read.
    let _snapshot = connection.unchecked_transaction()?;
    // First of all: what a later host made of its tables is not this one's to judge.
    if let Err(newer @ StateError::Newer(_)) = version(connection) {
        return Err(newer);
    }
    // The order of texts is that of their bytes in this encoding alone.
    let encoding: String = connection.query_row("PRAGMA encoding", [], |row| row.get(0))?;
    if encoding != "UTF-8" {
        return foreign(format!("its texts are {encoding}"));
    }
    let sql =
        "SELECT type, lower(name), lower(tbl_name), sql FROM sqlite_master WHERE type IN ('table', 'view', 'index')";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut missing = INDEXES.map(Some);
    while let Some(row) = rows.next()? {
        let (kind, name, table): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let sql: Option<String> = row.get(3)?;
        check_object(&kind, &name, &table, sql.as_deref())?;
        for index in &mut missing {
            index.take_if(|index| index.name == name);
        }
    }
    let version = version(connection)?;
    check_columns(connection)?;
    match missing.iter().flatten().find(|index| index.version <= version) {
        // Without it every look takes as long as there are rows.
        Some(index) => Err(StateError::damaged(format!("the index `{}` is missing", index.name))),
        None => Ok(version),
    }
}

fn check_object(kind: &str, name: &str, table: &str, sql: Option<&str>) -> Result<(), StateError> {
    let ours = |name: &str| OWN.contains(&name);
    let made_by_the_host = |sql: &str| sql == VERSION_TABLE || MIGRATIONS.iter().any(|made| made.contains(sql));
    match kind {
        "index" if !ours(table) && table != RUNS => Ok(()),
        "index" => match sql {
            Some(sql) if !made_by_the_host(sql) && !is_plain(sql) => {
                foreign(format!("the index `{}` of its table `{table}` computes something", text::quoted(name)))
            }
            _ => Ok(()),
        },
        "table" if ours(name) => match sql {
            Some(sql) if made_by_the_host(sql) => Ok(()),
            _ => foreign(format!("its table `{name}` is none that a host makes")),
        },
        "table" if name == RUNS => match sql {
            // Anything else is a table that a module of SQLite makes up.
            Some(sql) if sql.get(..13).is_some_and(|start| start.eq_ignore_ascii_case("CREATE TABLE ")) => Ok(()),
            _ => foreign(format!("its `{name}` is no table")),
        },
        "view" if ours(name) || name == RUNS => foreign(format!("its `{name}` is no table")),
        _ => Ok(()),
    }
}

/// Whether an index that a user made has nothing but columns.
fn is_plain(sql: &str) -> bool {
    sql.matches('(').count() == 1 && !sql.to_ascii_lowercase().contains("where")
}

/// Bring the tables up to date, all or nothing; the version that they have now.
pub(super) fn migrate(connection: &mut Connection) -> Result<usize, StateError> {
    if version(connection)? == MIGRATIONS.len() {
        return Ok(MIGRATIONS.len());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster; what counts is what this transaction sees.
    for migration in &MIGRATIONS[version(&transaction)?..] {
        transaction.execute_batch(migration)?;
    }
    if !has_table(&transaction, "host_schema")? {
        transaction.execute_batch(VERSION_TABLE)?;
    }
    transaction.execute("DELETE FROM host_schema", [])?;
    transaction.execute("INSERT INTO host_schema (version) VALUES (?1)", [MIGRATIONS.len() as i64])?;
    transaction.commit()?;
    Ok(MIGRATIONS.len())
}

/// Check that the table of runs, where there is one, is the one that users query.
fn check_columns(connection: &Connection) -> Result<(), StateError> {
    let sql = "SELECT lower(name), hidden, pk, upper(type) FROM pragma_table_xinfo('extraction_runs')";
    let mut statement = connection.prepare_cached(sql)?;
    let column = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    let found: Vec<(String, i64, i64, String)> = statement.query_map([], column)?.collect::<Result<_, _>>()?;
    if found.is_empty() {
        return Ok(());
    }
    if let Some((computed, ..)) = found.iter().find(|(_, hidden, ..)| *hidden != 0) {
        let shown = text::quoted(computed);
        return foreign(format!("the column `{shown}` of its table `extraction_runs` is computed"));
    }
    for column in COLUMNS {
        match found.iter().find(|(name, ..)| name == column) {
            None => return foreign(format!("its table `extraction_runs` has no column `{column}`")),
            Some((_, _, key, kind)) if column == "run_id" && (*key != 1 || kind != "INTEGER") => {
                return foreign("the column `run_id` of its table `extraction_runs` does not number the rows");
            }
            Some(_) => {}
        }
    }
    Ok(())
}
