//! Contents in quarantine: kept because they were not as expected, until somebody decides.

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use super::journal::Durability;
use super::rows::{number, text};
use super::{FileRow, State, StateError};
use rules::domain::Digest;
use rules::findings::is_listed;
use rules::name::Quarantined;

/// A content that a run put into quarantine, or found there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantinedFact {
    /// The file, below the landing directory.
    pub path: String,
    /// The source that it did not enter.
    pub source: String,
    /// Of the content.
    pub sha256: Digest,
    /// Bytes before compression.
    pub size: u64,
    /// Bytes of the file.
    pub stored_size: u64,
    /// The day that would name it, `YYYY-MM-DD`.
    pub day: String,
    /// The tag that would.
    pub etag: Option<Vec<u8>>,
    /// Where it came from.
    pub url: Option<String>,
    /// What is wrong with it, in a word that never changes.
    pub code: String,
    /// The same in a sentence.
    pub reason: String,
    /// Whose run it was.
    pub extractor: String,
}

/// A content in quarantine, as recorded. Anybody may have written the texts.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct QuarantinedRow {
    /// The file, below the landing directory; a path of the host's.
    pub path: String,
    /// The source that it did not enter.
    pub source: String,
    /// Of the content.
    pub sha256: Digest,
    /// Bytes before compression.
    pub size: i64,
    /// Bytes of the file.
    pub stored_size: i64,
    /// The day that would name it; empty where a repair found it.
    pub day: String,
    /// The tag that would name it.
    #[serde(skip)]
    pub etag: Option<Vec<u8>>,
    /// Where it came from last.
    pub url: Option<String>,
    /// What is wrong with it, in a word that never changes.
    pub code: String,
    /// The same in a sentence.
    pub reason: String,
    /// Whose run it was last.
    pub extractor: String,
    /// The last run that met it; none where a repair found it.
    pub run_id: Option<i64>,
    /// When that run started.
    pub met_at: Option<String>,
    /// How often it was met.
    pub times: i64,
}

/// Record a content in quarantine, or that it came again.
pub(super) fn record(connection: &Connection, run_id: i64, fact: &QuarantinedFact) -> Result<(), StateError> {
    let QuarantinedFact { path, source, sha256, size, stored_size, day, etag, url, code, reason, extractor } = fact;
    // Its day stays that on which it came first, as it does of what landed.
    let sql = "INSERT INTO quarantined (path, source, sha256, size, stored_size, day, etag, url, code, reason,
                                        extractor, run_id, times)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 1)
               ON CONFLICT (path) DO UPDATE
               SET source = excluded.source, sha256 = excluded.sha256, size = excluded.size,
                   stored_size = excluded.stored_size, day = iif(day = '', excluded.day, day), etag = excluded.etag,
                   url = excluded.url, code = excluded.code, reason = excluded.reason,
                   extractor = excluded.extractor, run_id = excluded.run_id, times = times + 1";
    connection.prepare_cached(sql)?.execute(params![
        path,
        source,
        sha256.0,
        size,
        stored_size,
        day,
        etag,
        url,
        code,
        reason,
        extractor,
        run_id
    ])?;
    Ok(())
}

impl State {
    /// The digest and the stored size of a content in quarantine.
    pub fn quarantined_digest(&self, path: &str) -> Result<Option<(Digest, u64)>, StateError> {
        let sql = "SELECT sha256, stored_size FROM quarantined WHERE path = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row([path], |row| Ok((Digest(row.get(0)?), row.get(1)?))).optional()?)
    }

    /// Show what is in quarantine, in the order of paths. Rows that no host wrote are left out; `host verify` names them.
    pub fn quarantined<E: From<StateError>>(
        &self,
        mut see: impl FnMut(QuarantinedRow) -> Result<(), E>,
    ) -> Result<(), E> {
        if !super::schema::has_table(&self.connection, "quarantined")? {
            return Ok(());
        }
        let sql = "SELECT q.path, q.sha256, q.size, q.stored_size, q.day, q.etag, q.url, q.code, q.reason,
                          q.extractor, q.run_id, r.started_at, q.times
                     FROM quarantined q LEFT JOIN extraction_runs r ON r.run_id = q.run_id
                    WHERE q.path < x'' ORDER BY q.path";
        let mut statement = self.connection.prepare(sql).map_err(StateError::from)?;
        let mut rows = statement.query([]).map_err(StateError::from)?;
        let mut last = String::new();
        while let Some(row) = rows.next().map_err(StateError::from)? {
            let Some(found) = read(row).map_err(StateError::from)? else { continue };
            // A table may be made so that it has no end.
            if found.path <= last {
                return Err(StateError::disordered("quarantined").into());
            }
            last.clone_from(&found.path);
            see(found)?;
        }
        Ok(())
    }

    /// Have the files of a source listed again by the next run: one is about to get its name there.
    pub fn list_again(&mut self, source: &str) -> Result<(), StateError> {
        self.journal.set(&self.connection, Durability::Now)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute("DELETE FROM indexed_sources WHERE source = ?1", [source])?;
        Ok(transaction.commit()?)
    }

    /// A content has left the quarantine: for a file of its source, where there is one, or for good. The caller has made
    /// that durable.
    pub fn release(&mut self, row: &QuarantinedRow, landed: Option<&FileRow>) -> Result<(), StateError> {
        self.journal.set(&self.connection, Durability::Now)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(file) = landed.filter(|file| is_listed(&file.path)) {
            let sha256 = file.sha256.map(|digest| digest.0);
            let sql = "INSERT INTO landed_files (path, source, sha256, size, stored_size, url, run_id)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                       ON CONFLICT (path) DO UPDATE
                       SET sha256 = excluded.sha256, size = excluded.size, stored_size = excluded.stored_size,
                           fingerprint = NULL";
            let values = params![file.path, row.source, sha256, file.size, file.stored_size, row.url, row.run_id];
            transaction.execute(sql, values)?;
        }
        transaction.execute("DELETE FROM quarantined WHERE path = ?1", [&row.path])?;
        Ok(transaction.commit()?)
    }

    /// Have the database be one file again, where nobody else has it open.
    pub fn settle(self) -> Result<(), StateError> {
        self.journal.settle(&self.connection)
    }

    /// The size of the content that landed last in a source under an extension, before that run.
    pub fn last_size(&self, source: &str, extension: &str, before: i64) -> Result<Option<u64>, StateError> {
        // Of what a repair recorded nobody knows when it landed.
        let sql = "SELECT size FROM landed_files
                    WHERE source = ?1 AND substr(path, -length(?2)) = ?2 AND size >= 0 AND run_id < ?3
                    ORDER BY run_id DESC, path DESC LIMIT 1";
        let end = format!(".{extension}.gz");
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row(params![source, end, before], |row| row.get(0)).optional()?)
    }

    /// The number of the run that brought the newest content of a source, and when that started at the latest: it may be
    /// forgotten, and then the next one that is known counts.
    pub fn newest(&self, source: &str) -> Result<Option<(i64, String)>, StateError> {
        // What was erased has come all the same.
        let sql = "SELECT max(run_id) FROM (SELECT run_id FROM landed_files WHERE source = ?1
                                             UNION ALL SELECT run_id FROM erased WHERE source = ?1)
                    WHERE typeof(run_id) = 'integer'";
        let newest: Option<i64> = self.connection.query_row(sql, [source], |row| row.get(0))?;
        let Some(newest) = newest else { return Ok(None) };
        // Runs are forgotten, files are not.
        let sql = "SELECT started_at FROM extraction_runs WHERE run_id >= ?1 ORDER BY run_id LIMIT 1";
        let started = self.connection.query_row(sql, [newest], |row| text(row, 0)).optional()?.flatten();
        Ok(started.map(|started| (newest, started)))
    }
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<QuarantinedRow>> {
    let Some(path) = text(row, 0)? else { return Ok(None) };
    let Some(source) = Quarantined::parse(&path).map(|parsed| parsed.source.to_owned()) else { return Ok(None) };
    let rusqlite::types::ValueRef::Blob(digest) = row.get_ref(1)? else { return Ok(None) };
    let Ok(digest) = digest.try_into() else { return Ok(None) };
    let etag = match row.get_ref(5)? {
        rusqlite::types::ValueRef::Blob(etag) => Some(etag.to_owned()),
        _ => None,
    };
    Ok(Some(QuarantinedRow {
        source,
        path,
        sha256: Digest(digest),
        size: number(row, 2)?.unwrap_or_default(),
        stored_size: number(row, 3)?.unwrap_or_default(),
        day: text(row, 4)?.unwrap_or_default(),
        etag,
        url: text(row, 6)?,
        code: text(row, 7)?.unwrap_or_default(),
        reason: text(row, 8)?.unwrap_or_default(),
        extractor: text(row, 9)?.unwrap_or_default(),
        run_id: number(row, 10)?,
        met_at: text(row, 11)?,
        times: number(row, 12)?.unwrap_or_default(),
    }))
}
