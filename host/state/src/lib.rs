//! The state database: runs, landed files, validators, cursors. The only SQLite code.

mod connection;
mod current;
mod days;
mod details;
mod erased;
mod error;
mod facts;
mod history;
mod journal;
mod kept;
mod lease;
mod merge;
mod moving;
mod notices;
mod prune;
mod quarantined;
mod rebuild;
mod rows;
mod salvage;
mod schema;
mod soundness;
#[cfg(test)]
mod tests;
mod upkeep;

use std::collections::HashSet;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior, params};

pub use connection::{has_to_hurry, hurry};
pub use current::{Listed, Wanted};
pub use days::{Day, SourceSize};
pub use details::Details;
pub use erased::ErasedRow;
pub use error::StateError;
pub use history::{Claimed, History, Lately, Past, Running};
pub use kept::CursorRow;
pub use lease::Lease;
pub use notices::Notice;
pub use prune::{Forgotten, Old};
pub use quarantined::{QuarantinedFact, QuarantinedRow};
pub use rebuild::Mend;
pub use rows::{
    Counters, CursorKey, DerivationKey, Derived, Doubled, End, Fact, FileRow, FoundRow, Kept, Known, New, RunRow,
};
pub use upkeep::{Files, Row, Table};

use connection::connect;
use facts::record;
use journal::{Durability, Journal};
use rows::{file_row, run_row};
use rules::domain::{Digest, Resource, Scope};
use rules::validators::Validators;

/// Of so many runs, the newest of all extractors together, it is kept what they used.
const KEPT_BUDGETS: i64 = 10_000;
/// An open state database.
pub struct State {
    connection: Connection,
    journal: Journal,
    /// How many of the migrations it has.
    version: usize,
    /// Whether it was made by opening it, or had nothing of a host's.
    new: bool,
    /// The number of the next run, where the database does not count them.
    next_run: Option<i64>,
}

impl State {
    /// Open or make the database at `path`, whose directory must hold no symbolic link.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_CREATE)?;
        let before = schema::check(&connection)?;
        let journal = Journal::begin(&connection)?;
        // Losing it to a power cut loses nothing: what comes later is durable only together with it.
        journal.set(&connection, Durability::Later)?;
        let version = schema::migrate(&mut connection)?;
        Ok(Self { connection, journal, version, new: before == 0, next_run: None })
    }

    /// Open or make a database that is a copy of one elsewhere: nothing of it is synced, and nobody else has it open.
    /// `next_run` numbers its next run, so that the runs of several such databases have numbers of their own.
    pub fn open_copy(path: &Path, next_run: Option<i64>) -> Result<Self, StateError> {
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_CREATE)?;
        let before = schema::check(&connection)?;
        let journal = Journal::of_a_copy(&connection)?;
        let version = schema::migrate(&mut connection)?;
        Ok(Self { connection, journal, version, new: before == 0, next_run })
    }

    /// Nobody else opens the copy before this is dropped: no look into it takes a lock, or asks whether somebody wrote it.
    pub fn alone(self) -> Result<Self, StateError> {
        self.connection.pragma_update(None, "locking_mode", "exclusive")?;
        Ok(self)
    }

    /// Whether no host has opened it before to write.
    pub fn is_new(&self) -> bool {
        self.new
    }

    /// Open the database at `path` for reading; `None` where there is none, or no run in it yet.
    pub fn open_to_read(path: &Path) -> Result<Option<Self>, StateError> {
        // A link that leads nowhere is there.
        if std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            return Ok(None);
        }
        // Read-write, since reading a database in WAL mode needs its side files.
        let connection = connect(path, OpenFlags::empty())?;
        let version = schema::check(&connection)?;
        let used = schema::has_table(&connection, "extraction_runs")?;
        Ok(used.then_some(Self { connection, journal: Journal::Rollback, version, new: false, next_run: None }))
    }

    /// Start a run of that extractor and scope, whose lock the caller holds. Rows of the extractor that say `running` become
    /// `failed` where their process is dead: that of a run that could not go on beside this one, and that of any other
    /// whose lock nobody holds, which `goes_on` tells by its scope. The new run's number, and how many were dead.
    pub fn begin(
        &mut self,
        key: &CursorKey,
        now: &str,
        goes_on: impl Fn(&Scope) -> bool,
    ) -> Result<(i64, usize), StateError> {
        let CursorKey { extractor, period } = key;
        let own = key.scope();
        // A run that nothing is known of any more after a power cut has landed nothing that counts.
        self.journal.set(&self.connection, Durability::Later)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut dead = 0;
        for (run_id, claimed) in history::running(&transaction, extractor)? {
            // In this order: the row was there while its process lived, so that a lock that is free now stays so.
            let lives = claimed.is_some_and(|scope| !own.excludes(&scope) && goes_on(&scope));
            if !lives {
                let sql = "UPDATE extraction_runs SET status = 'failed', finished_at = ?2,
                                  error_message = 'the run was killed, or the machine stopped, before it ended'
                            WHERE run_id = ?1";
                dead += transaction.execute(sql, params![run_id, now])?;
            }
        }
        if dead > 0 {
            // A dead run may have given files their names without recording them.
            forget_sources(&transaction, extractor)?;
        }
        transaction.execute(
            "INSERT INTO extraction_runs (run_id, extractor, started_at, status, files_written, files_skipped, bytes_written)
             VALUES (?3, ?1, ?2, 'running', 0, 0, 0)",
            params![extractor, now, self.next_run.take()],
        )?;
        let run_id = transaction.last_insert_rowid();
        if !period.is_empty() {
            let sql = "INSERT OR REPLACE INTO run_windows (run_id, period) VALUES (?1, ?2)";
            transaction.execute(sql, params![run_id, period])?;
        }
        transaction.commit()?;
        Ok((run_id, dead))
    }

    /// How many rows were changed through this since it was opened.
    pub fn changes(&self) -> u64 {
        self.connection.total_changes()
    }

    /// Whether the database knows all files of a source, and that this extractor appends to it.
    pub fn knows(&self, source: &str, extractor: &str) -> Result<bool, StateError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM indexed_sources WHERE source = ?1)
                      AND EXISTS (SELECT 1 FROM source_users WHERE source = ?1 AND extractor = ?2)";
        Ok(self.connection.prepare_cached(sql)?.query_row([source, extractor], |row| row.get(0))?)
    }

    /// Whether the database knows all files of a source.
    pub fn is_indexed(&self, source: &str) -> Result<bool, StateError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM indexed_sources WHERE source = ?1)";
        Ok(self.connection.query_row(sql, [source], |row| row.get(0))?)
    }

    /// Get to know that an extractor appends to a source, before its files are looked at.
    pub fn meet(&mut self, source: &str, extractor: &str) -> Result<(), StateError> {
        let sql = "INSERT OR IGNORE INTO source_users (source, extractor) VALUES (?1, ?2)";
        self.connection.execute(sql, [source, extractor])?;
        Ok(())
    }

    /// Get to know a source: that this extractor appends to it, and the files that were found in it.
    pub fn index(&mut self, source: &str, extractor: &str, run_id: i64, files: &[FoundRow]) -> Result<(), StateError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut insert = transaction.prepare(
                "INSERT OR IGNORE INTO landed_files (path, source, fingerprint, stored_size) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for file in files {
                insert.execute(params![file.path, source, file.fingerprint, file.stored_size])?;
            }
        }
        let sql = "INSERT OR IGNORE INTO indexed_sources (source, run_id) VALUES (?1, ?2)";
        transaction.execute(sql, params![source, run_id])?;
        let sql = "INSERT OR IGNORE INTO source_users (source, extractor) VALUES (?1, ?2)";
        transaction.execute(sql, [source, extractor])?;
        Ok(transaction.commit()?)
    }

    /// The files of a source that hold this content.
    pub fn with_digest(&self, source: &str, digest: &Digest) -> Result<Vec<FileRow>, StateError> {
        let sql = "SELECT path, sha256, size, stored_size FROM landed_files WHERE source = ?1 AND sha256 = ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(params![source, digest.0], |row| file_row(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The files of a source that were not read yet and whose names tell one of these fingerprints.
    pub fn unread(&self, source: &str, fingerprints: &[String]) -> Result<Vec<FileRow>, StateError> {
        let sql = "SELECT path, sha256, size, stored_size FROM landed_files
                    WHERE source = ?1 AND sha256 IS NULL AND fingerprint = ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut files = Vec::new();
        for fingerprint in fingerprints {
            let rows = statement.query_map([source, fingerprint], |row| file_row(row, 0))?;
            files.extend(rows.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(files)
    }

    /// Whether there are files of a source that were not read yet.
    pub fn has_unread(&self, source: &str) -> Result<bool, StateError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM landed_files WHERE source = ?1 AND sha256 IS NULL)";
        Ok(self.connection.query_row(sql, [source], |row| row.get(0))?)
    }

    /// The digest and the stored size of a file, where it was read or landed.
    pub fn recorded(&self, path: &str) -> Result<Option<(Digest, u64)>, StateError> {
        let sql = "SELECT sha256, stored_size FROM landed_files WHERE path = ?1 AND sha256 IS NOT NULL";
        let mut statement = self.connection.prepare_cached(sql)?;
        let found = statement.query_row([path], |row| Ok((Digest(row.get(0)?), row.get(1)?)));
        Ok(found.optional()?)
    }

    /// The paths of all known files of a source, those included that were erased.
    pub fn paths(&self, source: &str) -> Result<HashSet<String>, StateError> {
        let sql = "SELECT path FROM landed_files WHERE source = ?1 UNION ALL SELECT path FROM erased WHERE source = ?1";
        let mut statement = self.connection.prepare(sql)?;
        let paths = statement.query_map([source], |row| row.get(0))?;
        Ok(paths.collect::<Result<_, _>>()?)
    }

    /// The validators that a resource came with last.
    pub fn validators(&self, source: &str, resource: &Resource) -> Result<Option<Known>, StateError> {
        let sql = "SELECT v.url, v.etag, v.last_modified, f.path, f.sha256, f.size, f.stored_size
                     FROM validators v JOIN landed_files f ON f.path = v.path
                    WHERE v.source = ?1 AND v.resource = ?2";
        let found = self.connection.prepare_cached(sql)?.query_row([source, &resource.0], |row| {
            let (url, etag, last_modified) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Known { validators: Validators { url, etag, last_modified }, file: file_row(row, 3)? })
        });
        Ok(found.optional()?)
    }

    /// Whether a file of this directory is recorded with its content, so that a run counted on it.
    pub fn has_landed_in(&self, directory: &str) -> Result<bool, StateError> {
        // `0` is the character after `/`.
        let sql = "SELECT EXISTS (SELECT 1 FROM landed_files WHERE path > ?1 AND path < ?2 AND sha256 IS NOT NULL)";
        let bounds = [format!("{directory}/"), format!("{directory}0")];
        Ok(self.connection.prepare_cached(sql)?.query_row(bounds, |row| row.get(0))?)
    }

    /// Make durable what was committed so far.
    pub fn make_durable(&mut self) -> Result<(), StateError> {
        self.journal.sync(&self.connection)
    }

    /// Write down, in one transaction: facts whose files are durable, and the counters so far. The contents among them that
    /// another run has landed meanwhile.
    pub fn write_down(&mut self, run_id: i64, facts: &[Fact], counters: Counters) -> Result<Vec<Doubled>, StateError> {
        self.journal.set(&self.connection, Durability::Now)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let doubled = record(&transaction, run_id, facts, counters)?;
        transaction.commit()?;
        Ok(doubled)
    }

    /// The same, and what the extractor wants kept with them.
    pub fn checkpoint(
        &mut self,
        run_id: i64,
        facts: &[Fact],
        counters: Counters,
        kept: Kept<'_>,
    ) -> Result<Vec<Doubled>, StateError> {
        self.journal.set(&self.connection, Durability::Now)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let doubled = record(&transaction, run_id, facts, counters)?;
        kept::keep(&transaction, run_id, &kept)?;
        transaction.commit()?;
        Ok(doubled)
    }

    /// End a run, in the same transaction as its last facts. `log` gives what was said in it, once it knows which contents
    /// another run has landed meanwhile; it must not wait for anybody.
    pub fn finish(
        &mut self,
        run_id: i64,
        facts: &[Fact],
        counters: Counters,
        end: &End<'_>,
        log: impl FnOnce(Vec<Doubled>) -> Option<String>,
    ) -> Result<(), StateError> {
        // What makes it durable is the settling right after it.
        self.journal.set(&self.connection, Durability::Ordered)?;
        let status = if end.failure.is_some() { "failed" } else { "success" };
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let log = log(record(&transaction, run_id, facts, counters)?);
        if let Some(extractor) = end.forget {
            forget_sources(&transaction, extractor)?;
        }
        transaction.execute(
            "UPDATE extraction_runs SET status = ?2, finished_at = ?3, error_message = ?4 WHERE run_id = ?1",
            params![run_id, status, end.now, end.failure],
        )?;
        let sql = "INSERT OR REPLACE INTO run_budgets (run_id, budgets) VALUES (?1, ?2)";
        transaction.execute(sql, params![run_id, end.budgets])?;
        transaction.execute("DELETE FROM run_budgets WHERE run_id <= ?1", [run_id - KEPT_BUDGETS])?;
        details::keep(&transaction, run_id, end.details, log.as_deref())?;
        transaction.commit()?;
        self.journal.settle(&self.connection)
    }

    /// Show the newest of the runs that are wanted, the newest first.
    pub fn runs<E: From<StateError>>(
        &self,
        wanted: &WantedRuns,
        mut see: impl FnMut(RunRow) -> Result<(), E>,
    ) -> Result<(), E> {
        // A database of the original, or of an older host, has no budgets.
        let runs = if schema::has_table(&self.connection, "run_budgets")? { RUNS_AND_BUDGETS } else { RUNS };
        let sql = format!(
            "{runs} WHERE (?2 IS NULL OR extractor = ?2) AND (?3 IS NULL OR status = ?3)
                      AND (?4 IS NULL OR started_at >= ?4) AND (?5 IS NULL OR started_at < ?5)
                      AND (?6 IS NULL OR run_id = ?6) ORDER BY run_id DESC LIMIT ?1"
        );
        let mut statement = self.connection.prepare(&sql).map_err(StateError::from)?;
        let WantedRuns { limit, extractor, status, from, until, run } = wanted;
        let rows =
            statement.query_map(params![limit.map_or(-1, i64::from), extractor, status, from, until, run], run_row);
        let rows = rows.map_err(StateError::from)?;
        rows.map(|row| row.map_err(StateError::from)).try_for_each(|row| see(row?))
    }
}

/// Which runs are wanted. All that is said has to hold.
#[derive(Debug, Clone, Default)]
pub struct WantedRuns {
    /// At most so many; `None` is all of them.
    pub limit: Option<u32>,
    /// Of this extractor.
    pub extractor: Option<String>,
    /// That ended so.
    pub status: Option<String>,
    /// That started then or later, in ISO 8601.
    pub from: Option<String>,
    /// That started before.
    pub until: Option<String>,
    /// That has this number.
    pub run: Option<i64>,
}

/// All columns of all runs.
const RUNS: &str = "SELECT run_id, extractor, started_at, finished_at, status, files_written, files_skipped,
                           bytes_written, cursor_value, error_message, NULL FROM extraction_runs";
/// The same, and their budgets.
const RUNS_AND_BUDGETS: &str = "
    SELECT run_id, extractor, started_at, finished_at, status, files_written, files_skipped,
           bytes_written, cursor_value, error_message, budgets FROM extraction_runs LEFT JOIN run_budgets USING (run_id)";

fn forget_sources(connection: &Connection, extractor: &str) -> Result<(), StateError> {
    let sql = "DELETE FROM indexed_sources
                WHERE source IN (SELECT source FROM source_users WHERE extractor = ?1)";
    connection.execute(sql, [extractor])?;
    Ok(())
}
