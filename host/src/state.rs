//! The state database: runs, landed files, validators, cursors. The only SQLite code.
//!
//! It must not know the landing zone's files, nor the network: `run` tells it what happened.

mod schema;

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, TransactionBehavior, params};

use crate::domain::{Digest, Resource, Window};

/// How long a statement waits for another process's transaction; each lasts milliseconds.
const BUSY: Duration = Duration::from_secs(30);

/// Why the state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file is no database, or a damaged one.
    #[error("the state database is damaged: {0}")]
    Corrupt(rusqlite::Error),
    /// A later version of the host made it.
    #[error("the state database has schema version {0}, which a newer host made")]
    Newer(i64),
    /// Another program made it.
    #[error("the state database was made by something else: {0}")]
    Foreign(String),
    /// Anything else that SQLite reports.
    #[error("the state database: {0}")]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for StateError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match error.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => Self::Corrupt(error),
            _ => Self::Sqlite(error),
        }
    }
}

/// One row of `extraction_runs`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[allow(missing_docs, reason = "the columns of the table")]
pub struct RunRow {
    pub run_id: i64,
    pub extractor: String,
    pub started_at: String,
    pub finished_at: Option<String>,
    pub status: String,
    pub files_written: Option<i64>,
    pub files_skipped: Option<i64>,
    pub bytes_written: Option<i64>,
    pub cursor_value: Option<String>,
    pub error_message: Option<String>,
}

/// A file of the landing zone, as recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    /// Below the landing directory.
    pub path: String,
    /// Of the content; `None` where the file was found and not read yet.
    pub sha256: Option<Digest>,
    /// Bytes before compression, where known.
    pub size: Option<u64>,
    /// Bytes of the file.
    pub stored_size: u64,
}

/// The validators that came with a resource last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validators {
    /// The `ETag` field's raw bytes.
    pub etag: Option<Vec<u8>>,
    /// The `Last-Modified` field's raw bytes.
    pub last_modified: Option<Vec<u8>>,
    /// The file that they stand for.
    pub file: FileRow,
}

/// A fact that a run found, to be written with the next transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A file of a source: written, or read for the first time.
    File {
        /// Its source.
        source: String,
        /// What it is.
        file: FileRow,
        /// Where its content came from.
        url: Option<String>,
    },
    /// A source's directory was listed.
    Indexed {
        /// Which one.
        source: String,
        /// All its files.
        files: Vec<FileRow>,
    },
    /// What a resource's validators stand for.
    Seen {
        /// The source that it landed in.
        source: String,
        /// Which one.
        resource: Resource,
        /// The `ETag` field's raw bytes.
        etag: Option<Vec<u8>>,
        /// The `Last-Modified` field's raw bytes.
        last_modified: Option<Vec<u8>>,
        /// The file's path.
        path: String,
    },
}

/// A run's counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// New files.
    pub files_written: u64,
    /// Contents that were there already.
    pub files_skipped: u64,
    /// Compressed bytes of the new files.
    pub bytes_written: u64,
}

/// Whose cursor it is: an extractor's for the newest data, or for one backfill window.
#[derive(Debug, Clone)]
pub struct CursorKey {
    extractor: String,
    period: String,
}

impl CursorKey {
    /// The cursor of that extractor and window.
    pub fn new(extractor: &str, backfill: Option<Window>) -> Self {
        Self { extractor: extractor.to_owned(), period: backfill.map(|window| window.to_string()).unwrap_or_default() }
    }
}

/// An open state database.
pub struct State {
    connection: Connection,
}

impl State {
    /// Open or make the database at `path`, whose directory must hold no symbolic link.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let mut connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(BUSY)?;
        leave_wal(&connection)?;
        // EXTRA also syncs the directory after the journal is deleted, without which a power cut could undo a commit.
        connection.pragma_update(None, "synchronous", "extra")?;
        schema::migrate(&mut connection)?;
        Ok(Self { connection })
    }

    /// Open the database at `path` for reading; `None` where there is none.
    pub fn open_to_read(path: &Path) -> Result<Option<Self>, StateError> {
        if !path.exists() {
            return Ok(None);
        }
        // Read-write where that is allowed, since reading a database in WAL mode needs its side files.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        Ok(Some(Self { connection }))
    }

    /// Start a run of `extractor`, whose lock the caller holds: rows still `running` are therefore dead and become
    /// `failed`. The new run's number, and how many were dead.
    pub fn begin(&mut self, extractor: &str, now: &str) -> Result<(i64, usize), StateError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let dead = transaction.execute(
            "UPDATE extraction_runs SET status = 'failed', finished_at = ?2,
                    error_message = 'the run ended without a word: its process was killed, or the machine stopped'
              WHERE extractor = ?1 AND status = 'running'",
            [extractor, now],
        )?;
        if dead > 0 {
            // A dead run may have given files their names without recording them.
            transaction.execute("DELETE FROM indexed_sources", [])?;
        }
        transaction.execute(
            "INSERT INTO extraction_runs (extractor, started_at, status) VALUES (?1, ?2, 'running')",
            [extractor, now],
        )?;
        let run_id = transaction.last_insert_rowid();
        transaction.commit()?;
        Ok((run_id, dead))
    }

    /// The last durable cursor.
    pub fn cursor(&self, key: &CursorKey) -> Result<Option<String>, StateError> {
        let sql = "SELECT value FROM cursors WHERE extractor = ?1 AND period = ?2";
        Ok(self.connection.query_row(sql, [&key.extractor, &key.period], |row| row.get(0)).optional()?)
    }

    /// Whether the database knows all files of a source.
    pub fn is_indexed(&self, source: &str) -> Result<bool, StateError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM indexed_sources WHERE source = ?1)";
        Ok(self.connection.prepare_cached(sql)?.query_row([source], |row| row.get(0))?)
    }

    /// The files of a source that hold this content.
    pub fn with_digest(&self, source: &str, digest: &Digest) -> Result<Vec<FileRow>, StateError> {
        let sql = "SELECT path, sha256, size, stored_size FROM landed_files WHERE source = ?1 AND sha256 = ?2";
        self.files(sql, params![source, digest.0])
    }

    /// The files of a source whose content was not read yet.
    pub fn unread(&self, source: &str) -> Result<Vec<FileRow>, StateError> {
        let sql = "SELECT path, sha256, size, stored_size FROM landed_files WHERE source = ?1 AND sha256 IS NULL";
        self.files(sql, params![source])
    }

    /// The paths of all known files of a source.
    pub fn paths(&self, source: &str) -> Result<HashSet<String>, StateError> {
        let mut statement = self.connection.prepare("SELECT path FROM landed_files WHERE source = ?1")?;
        let paths = statement.query_map([source], |row| row.get(0))?;
        Ok(paths.collect::<Result<_, _>>()?)
    }

    fn files(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<Vec<FileRow>, StateError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(parameters, |row| file_row(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The validators that a resource came with last.
    pub fn validators(&self, source: &str, resource: &Resource) -> Result<Option<Validators>, StateError> {
        let sql = "SELECT v.etag, v.last_modified, f.path, f.sha256, f.size, f.stored_size
                     FROM validators v JOIN landed_files f ON f.path = v.path
                    WHERE v.source = ?1 AND v.resource = ?2";
        let found = self.connection.prepare_cached(sql)?.query_row([source, &resource.0], |row| {
            Ok(Validators { etag: row.get(0)?, last_modified: row.get(1)?, file: file_row(row, 2)? })
        });
        Ok(found.optional()?)
    }

    /// The file that a tag stands for, for that resource only.
    pub fn with_tag(&self, source: &str, resource: &Resource, etag: &[u8]) -> Result<Option<FileRow>, StateError> {
        let sql = "SELECT f.path, f.sha256, f.size, f.stored_size
                     FROM resource_tags t JOIN landed_files f ON f.path = t.path
                    WHERE t.source = ?1 AND t.resource = ?2 AND t.etag = ?3";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row(params![source, resource.0, etag], |row| file_row(row, 0)).optional()?)
    }

    /// Write down, in one transaction: facts whose files are durable, the counters so far, the cursor that they allow.
    pub fn checkpoint(
        &mut self,
        run_id: i64,
        facts: &[Fact],
        counters: Counters,
        (key, cursor): (&CursorKey, &str),
    ) -> Result<(), StateError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        record(&transaction, run_id, facts, counters)?;
        transaction.execute(
            "INSERT OR REPLACE INTO cursors (extractor, period, value, run_id) VALUES (?1, ?2, ?3, ?4)",
            params![key.extractor, key.period, cursor, run_id],
        )?;
        transaction
            .execute("UPDATE extraction_runs SET cursor_value = ?2 WHERE run_id = ?1", params![run_id, cursor])?;
        Ok(transaction.commit()?)
    }

    /// End a run, in the same transaction as its last facts: `failed` with a reason, or `success` without one. The
    /// sources to `forget` are no longer taken as fully known.
    pub fn finish(
        &mut self,
        run_id: i64,
        facts: &[Fact],
        counters: Counters,
        now: &str,
        failure: Option<&str>,
        forget: &[&str],
    ) -> Result<(), StateError> {
        let status = if failure.is_some() { "failed" } else { "success" };
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        record(&transaction, run_id, facts, counters)?;
        for source in forget {
            transaction.execute("DELETE FROM indexed_sources WHERE source = ?1", [source])?;
        }
        transaction.execute(
            "UPDATE extraction_runs SET status = ?2, finished_at = ?3, error_message = ?4 WHERE run_id = ?1",
            params![run_id, status, now, failure],
        )?;
        Ok(transaction.commit()?)
    }

    /// The newest runs first, at most `limit`.
    pub fn runs(&self, limit: u32) -> Result<Vec<RunRow>, StateError> {
        let sql = "SELECT run_id, extractor, started_at, finished_at, status, files_written, files_skipped,
                          bytes_written, cursor_value, error_message
                     FROM extraction_runs ORDER BY run_id DESC LIMIT ?1";
        let mut statement = self.connection.prepare(sql)?;
        let rows = statement.query_map([limit], |row| {
            Ok(RunRow {
                run_id: row.get(0)?,
                extractor: row.get(1)?,
                started_at: row.get(2)?,
                finished_at: row.get(3)?,
                status: row.get(4)?,
                files_written: row.get(5)?,
                files_skipped: row.get(6)?,
                bytes_written: row.get(7)?,
                cursor_value: row.get(8)?,
                error_message: row.get(9)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Have the database be one file at rest. One that somebody else holds open in WAL mode stays so; both are safe.
fn leave_wal(connection: &Connection) -> Result<(), StateError> {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    if mode != "wal" {
        return Ok(());
    }
    connection.busy_timeout(Duration::ZERO)?;
    let left = connection.pragma_update_and_check(None, "journal_mode", "delete", |row| row.get::<_, String>(0));
    connection.busy_timeout(BUSY)?;
    match left {
        Err(error) if !matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked)) => Err(error.into()),
        _ => Ok(()),
    }
}

fn file_row(row: &Row<'_>, at: usize) -> rusqlite::Result<FileRow> {
    let sha256: Option<[u8; 32]> = row.get(at + 1)?;
    Ok(FileRow {
        path: row.get(at)?,
        sha256: sha256.map(Digest),
        size: row.get(at + 2)?,
        stored_size: row.get(at + 3)?,
    })
}

fn record(connection: &Connection, run_id: i64, facts: &[Fact], counters: Counters) -> Result<(), StateError> {
    for fact in facts {
        record_fact(connection, run_id, fact)?;
    }
    connection.execute(
        "UPDATE extraction_runs SET files_written = ?2, files_skipped = ?3, bytes_written = ?4 WHERE run_id = ?1",
        params![run_id, counters.files_written, counters.files_skipped, counters.bytes_written],
    )?;
    Ok(())
}

fn record_fact(connection: &Connection, run_id: i64, fact: &Fact) -> Result<(), StateError> {
    match fact {
        Fact::File { source, file, url } => {
            // A file that was found and then read keeps its origin unknown.
            connection
                .prepare_cached(
                    "INSERT INTO landed_files (path, source, sha256, size, stored_size, url, run_id)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                     ON CONFLICT (path) DO UPDATE
                     SET sha256 = excluded.sha256, size = excluded.size, stored_size = excluded.stored_size,
                         url = coalesce(url, excluded.url)",
                )?
                .execute(params![
                    file.path,
                    source,
                    file.sha256.map(|digest| digest.0),
                    file.size,
                    file.stored_size,
                    url,
                    run_id
                ])?;
        }
        Fact::Indexed { source, files } => {
            let mut insert = connection.prepare_cached(
                "INSERT OR IGNORE INTO landed_files (path, source, sha256, size, stored_size) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for file in files {
                let sha256 = file.sha256.map(|digest| digest.0);
                insert.execute(params![file.path, source, sha256, file.size, file.stored_size])?;
            }
            connection.execute(
                "INSERT OR IGNORE INTO indexed_sources (source, run_id) VALUES (?1, ?2)",
                params![source, run_id],
            )?;
        }
        Fact::Seen { source, resource, etag, last_modified, path } => {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO validators (source, resource, etag, last_modified, path)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![source, resource.0, etag, last_modified, path])?;
            if let Some(etag) = etag {
                connection
                    .prepare_cached(
                        "INSERT OR REPLACE INTO resource_tags (source, resource, etag, path) VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute(params![source, resource.0, etag, path])?;
            }
        }
    }
    Ok(())
}
