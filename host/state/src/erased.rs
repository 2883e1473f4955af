//! What was erased: what it was and why, after its bytes are gone.

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension as _, Row, TransactionBehavior, params};

use super::journal::Durability;
use super::rows::{number, text};
use super::{FileRow, State, StateError, schema};
use rules::domain::Digest;
use rules::findings::is_listed;
use rules::name::Names;

/// The columns of a row, as [`read`] takes them.
const COLUMNS: &str = "path, sha256, size, stored_size, reason, erased_at, source, url, run_id";

/// A file that was erased. Anybody may have written the texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedRow {
    /// The file as it was.
    pub file: FileRow,
    /// Of its content.
    pub sha256: Digest,
    /// The source that it landed in.
    pub source: String,
    /// Where it came from.
    pub url: Option<String>,
    /// The run that brought it.
    pub run_id: Option<i64>,
    /// Why it was erased.
    pub reason: String,
    /// When, in ISO 8601.
    pub erased_at: String,
}

impl State {
    /// What is recorded of a file that landed.
    pub fn landed(&self, path: &str) -> Result<Option<FileRow>, StateError> {
        if !schema::has_table(&self.connection, "landed_files")? {
            return Ok(None);
        }
        let sql = "SELECT path, sha256, size, stored_size FROM landed_files WHERE path = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row([path], |row| super::rows::file_row(row, 0)).optional()?)
    }

    /// What is recorded of a file that was erased.
    pub fn erased(&self, path: &str) -> Result<Option<ErasedRow>, StateError> {
        if !schema::has_table(&self.connection, "erased")? {
            return Ok(None);
        }
        let sql = format!("SELECT {COLUMNS} FROM erased WHERE path = ?1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        Ok(statement.query_row([path], read).optional()?.flatten())
    }

    /// Show the paths of all files that were erased.
    pub fn each_erased(&self, mut see: impl FnMut(String)) -> Result<(), StateError> {
        if schema::has_table(&self.connection, "erased")? {
            let mut statement = self.connection.prepare("SELECT path FROM erased WHERE typeof(path) = 'text'")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                text(row, 0)?.into_iter().for_each(&mut see);
            }
        }
        Ok(())
    }

    /// A file of this source that held this content and was erased.
    pub fn erased_content(&self, source: &str, digest: &Digest) -> Result<Option<ErasedRow>, StateError> {
        let sql = format!("SELECT {COLUMNS} FROM erased WHERE source = ?1 AND sha256 = ?2 ORDER BY path LIMIT 1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        Ok(statement.query_row(params![source, digest.0], read).optional()?.flatten())
    }

    /// Whether anything is known of a source.
    pub fn has_met(&self, source: &str) -> Result<bool, StateError> {
        for table in ["source_users", "landed_files", "quarantined", "erased"] {
            let sql = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE source = ?1)");
            // A database that is only read may be of an older host, or of the Python package.
            if schema::has_table(&self.connection, table)?
                && self.connection.prepare_cached(&sql)?.query_row([source], |row| row.get(0))?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether anything of a source was erased.
    pub fn has_erased(&self, source: &str) -> Result<bool, StateError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM erased WHERE source = ?1)";
        Ok(self.connection.prepare_cached(sql)?.query_row([source], |row| row.get(0))?)
    }

    /// Leave out the names of files that were erased.
    pub fn leave_out_erased(&self, names: &mut Names) -> Result<(), StateError> {
        let mut statement =
            self.connection.prepare_cached("SELECT NOT EXISTS (SELECT 1 FROM erased WHERE path = ?1)")?;
        let mut left = Vec::new();
        for name in names.candidates.drain(..) {
            if statement.query_row([format!("{}/{name}", names.directory)], |row| row.get(0))? {
                left.push(name);
            }
        }
        names.candidates = left;
        Ok(())
    }

    /// Where else this content is recorded: at most `most` paths, and how many there are.
    pub fn elsewhere(&self, digest: &Digest, path: &str, most: usize) -> Result<(Vec<String>, u64), StateError> {
        let sql = "SELECT path FROM landed_files WHERE sha256 = ?1 AND path <> ?2
                   UNION ALL SELECT path FROM quarantined WHERE sha256 = ?1 ORDER BY path";
        let mut statement = self.connection.prepare_cached(sql)?;
        let (mut paths, mut count) = (Vec::new(), 0);
        let mut rows = statement.query(params![digest.0, path])?;
        while let Some(row) = rows.next()? {
            count += 1;
            if paths.len() < most {
                paths.push(text(row, 0)?.unwrap_or_default());
            }
        }
        Ok((paths, count))
    }

    /// What is to be recorded of a file that is about to be erased; `None` where it did not land.
    pub fn erasure(
        &self,
        file: &FileRow,
        sha256: Digest,
        reason: &str,
        now: &str,
    ) -> Result<Option<ErasedRow>, StateError> {
        let sql = "SELECT source, url, run_id FROM landed_files WHERE path = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let row = |row: &Row<'_>| {
            Ok(ErasedRow {
                file: file.clone(),
                sha256,
                source: text(row, 0)?.unwrap_or_default(),
                url: text(row, 1)?,
                run_id: number(row, 2)?,
                reason: reason.to_owned(),
                erased_at: now.to_owned(),
            })
        };
        Ok(statement.query_row([&file.path], row).optional()?)
    }

    /// Record that a file is erased, before it is: nothing counts on it any more, and nothing that asks for it again is
    /// known.
    pub fn erase(&mut self, erased: &ErasedRow) -> Result<(), StateError> {
        let ErasedRow { file, sha256, source, url, run_id, reason, erased_at } = erased;
        self.journal.set(&self.connection, Durability::Now)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "INSERT INTO erased (path, source, sha256, size, stored_size, url, run_id, reason, erased_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                   ON CONFLICT (path) DO UPDATE
                   SET source = excluded.source, sha256 = excluded.sha256, size = excluded.size,
                       stored_size = excluded.stored_size, url = excluded.url, run_id = excluded.run_id,
                       reason = excluded.reason, erased_at = excluded.erased_at
                   WHERE (sha256, reason, erased_at) <> (excluded.sha256, excluded.reason, excluded.erased_at)";
        let (path, size, stored_size) = (&file.path, file.size, file.stored_size);
        transaction.execute(sql, params![path, source, sha256.0, size, stored_size, url, run_id, reason, erased_at])?;
        for sql in [
            "DELETE FROM landed_files WHERE path = ?1",
            "DELETE FROM validators WHERE path = ?1",
            "DELETE FROM derivations WHERE (source, extractor, resource) IN
                    (SELECT source, extractor, resource FROM derived_files WHERE path = ?1)",
        ] {
            transaction.execute(sql, [path])?;
        }
        let sql = "DELETE FROM derived_files
                    WHERE (source, extractor, resource) NOT IN (SELECT source, extractor, resource FROM derivations)";
        transaction.execute(sql, [])?;
        Ok(transaction.commit()?)
    }

    /// Forget that a file was erased, so that its content may land again.
    pub fn lift(&mut self, path: &str) -> Result<(), StateError> {
        self.journal.set(&self.connection, Durability::Now)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute("DELETE FROM erased WHERE path = ?1", [path])?;
        Ok(transaction.commit()?)
    }
}

/// A row; `None` where it is none that a host wrote, which `host verify` names.
fn read(row: &Row<'_>) -> rusqlite::Result<Option<ErasedRow>> {
    let Some(path) = text(row, 0)?.filter(|path| is_listed(path)) else { return Ok(None) };
    let ValueRef::Blob(digest) = row.get_ref(1)? else { return Ok(None) };
    let Ok(digest) = digest.try_into() else { return Ok(None) };
    let sha256 = Digest(digest);
    let size = |at| number(row, at).map(|size| size.and_then(|size| u64::try_from(size).ok()));
    let file = FileRow { path, sha256: Some(sha256), size: size(2)?, stored_size: size(3)?.unwrap_or_default() };
    Ok(Some(ErasedRow {
        file,
        sha256,
        reason: text(row, 4)?.unwrap_or_default(),
        erased_at: text(row, 5)?.unwrap_or_default(),
        source: text(row, 6)?.unwrap_or_default(),
        url: text(row, 7)?,
        run_id: number(row, 8)?,
    }))
}
