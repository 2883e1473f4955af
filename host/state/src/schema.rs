//! The tables: the one that the original defined, and the host's own beside it.
//!
//! `host_schema` counts the host's migrations; each is one step of one transaction, and never edited once released.
//! A database without that table, empty or made by the original, is version 0.

mod migrations;

use rusqlite::types::Value;
use rusqlite::{Connection, TransactionBehavior};

use rules::text;

use super::StateError;
use migrations::MIGRATIONS;

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
const OWN: [&str; 19] = [
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
    "lease",
];

/// The tables whose rows another database may get: all but what is about the database itself, and what is no more.
pub(super) fn movable() -> impl Iterator<Item = &'static str> {
    let own = OWN.into_iter().filter(|table| !["host_schema", "lease", "resource_tags"].contains(table));
    own.chain([RUNS])
}

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
