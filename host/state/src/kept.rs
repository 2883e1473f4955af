//! What extractors have kept for their later runs: cursors, values by key, and what was made of which resource.

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use super::journal::Durability;
use super::rows::{CursorKey, DerivationKey, Derived, Kept, file_row};
use super::{State, StateError};
use rules::domain::Digest;
use rules::validators::Validators;

/// Most values of one extractor and window.
pub(super) const MAX_VALUES: u64 = 100_000;

impl State {
    /// The last durable cursor.
    pub fn cursor(&self, key: &CursorKey) -> Result<Option<String>, StateError> {
        let sql = "SELECT value FROM cursors WHERE extractor = ?1 AND period = ?2";
        Ok(self.connection.query_row(sql, [&key.extractor, &key.period], |row| row.get(0)).optional()?)
    }

    /// Have the next run go on from another cursor, or begin anew, without the values beside it either. The caller holds the
    /// extractor's lock. Whether the extractor ever ran; nothing is changed where it did not.
    pub fn set_cursor(&mut self, key: &CursorKey, value: Option<&str>) -> Result<bool, StateError> {
        let CursorKey { extractor, period } = key;
        self.journal.set(&self.connection, Durability::Now)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "SELECT max(run_id) FROM extraction_runs WHERE extractor = ?1";
        let last: Option<i64> = transaction.query_row(sql, [extractor], |row| row.get(0))?;
        let known = match (last, value) {
            (None, _) => false,
            (Some(run_id), Some(value)) => {
                let sql = "INSERT OR REPLACE INTO cursors (extractor, period, value, run_id) VALUES (?1, ?2, ?3, ?4)";
                transaction.execute(sql, params![extractor, period, value, run_id])?;
                true
            }
            (Some(_), None) => {
                for table in ["cursors", "cursor_values"] {
                    let sql = format!("DELETE FROM {table} WHERE extractor = ?1 AND period = ?2");
                    transaction.execute(&sql, params![extractor, period])?;
                }
                true
            }
        };
        transaction.commit()?;
        self.journal.settle(&self.connection)?;
        Ok(known)
    }

    /// The value of a key.
    pub fn value(&self, of: &CursorKey, key: &str) -> Result<Option<String>, StateError> {
        let sql = "SELECT value FROM cursor_values WHERE extractor = ?1 AND period = ?2 AND key = ?3";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row([&of.extractor, &of.period, key], |row| row.get(0)).optional()?)
    }

    /// The first keys that start with `prefix`, behind `after`, in the order of their bytes.
    pub fn keys(&self, of: &CursorKey, prefix: &str, after: &str, most: usize) -> Result<Vec<String>, StateError> {
        let sql = "SELECT key FROM cursor_values
                    WHERE extractor = ?1 AND period = ?2 AND key > ?3 AND key >= ?4 ORDER BY key LIMIT ?5";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(params![of.extractor, of.period, after, prefix, most], |row| row.get(0))?;
        let mut keys: Vec<String> = rows.collect::<Result<_, _>>()?;
        // All that start with it are together, and none comes behind one that does not.
        keys.retain(|key| key.starts_with(prefix));
        Ok(keys)
    }

    /// What was made of a resource by the same maker; `None` as well where not all of its files are recorded.
    pub fn derived(&self, key: &DerivationKey, maker: &Digest) -> Result<Option<Derived>, StateError> {
        let DerivationKey { source, extractor, resource } = key;
        let sql = "SELECT url, etag, last_modified FROM derivations
                    WHERE source = ?1 AND extractor = ?2 AND resource = ?3 AND maker = ?4";
        let mut statement = self.connection.prepare_cached(sql)?;
        let validators = statement.query_row(params![source, extractor, resource.0, maker.0], |row| {
            Ok(Validators { url: row.get(0)?, etag: row.get(1)?, last_modified: row.get(2)? })
        });
        let Some(validators) = validators.optional()? else { return Ok(None) };
        let sql = "SELECT f.path, f.sha256, f.size, f.stored_size FROM derived_files d
                     LEFT JOIN landed_files f ON f.path = d.path AND f.sha256 IS NOT NULL
                    WHERE d.source = ?1 AND d.extractor = ?2 AND d.resource = ?3";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(params![source, extractor, resource.0], |row| match row.get_ref(0)? {
            rusqlite::types::ValueRef::Null => Ok(None),
            _ => file_row(row, 0).map(Some),
        })?;
        let files: Option<Vec<_>> = rows.collect::<Result<_, _>>()?;
        Ok(files.map(|files| Derived { validators, files }))
    }
}

/// What an extractor keeps for one window.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CursorRow {
    /// Whose it is.
    pub extractor: String,
    /// The window of a backfill; none for the newest data.
    pub window: Option<String>,
    /// The cursor, where there is one.
    pub cursor: Option<String>,
    /// The run that kept it.
    pub run_id: Option<i64>,
    /// How many values there are beside it.
    pub values: u64,
}

impl State {
    /// Show what is kept, of one extractor or of all, in the order of their names and windows.
    pub fn kept<E: From<StateError>>(
        &self,
        extractor: Option<&str>,
        mut see: impl FnMut(CursorRow) -> Result<(), E>,
    ) -> Result<(), E> {
        if !super::schema::has_table(&self.connection, "cursors")? {
            return Ok(());
        }
        // An older host has made no table of values.
        let (keys, count) = match super::schema::has_table(&self.connection, "cursor_values")? {
            true => (
                "SELECT extractor, period FROM cursors UNION SELECT extractor, period FROM cursor_values",
                "SELECT count(*) FROM cursor_values v WHERE v.extractor = k.extractor AND v.period = k.period",
            ),
            false => ("SELECT extractor, period FROM cursors", "0"),
        };
        let sql = format!(
            "SELECT k.extractor, k.period, c.value, c.run_id, ({count}) FROM ({keys}) k
               LEFT JOIN cursors c ON c.extractor = k.extractor AND c.period = k.period
              WHERE ?1 IS NULL OR k.extractor = ?1 ORDER BY k.extractor, k.period"
        );
        let mut statement = self.connection.prepare(&sql).map_err(StateError::from)?;
        let rows = statement.query_map([extractor], |row| {
            let period: String = row.get(1)?;
            let window = (!period.is_empty()).then_some(period);
            Ok(CursorRow {
                extractor: row.get(0)?,
                window,
                cursor: row.get(2)?,
                run_id: row.get(3)?,
                values: row.get(4)?,
            })
        });
        let rows = rows.map_err(StateError::from)?;
        rows.map(|row| row.map_err(StateError::from)).try_for_each(|row| see(row?))
    }

    /// Show the values that are kept for one window, in the order of their keys.
    pub fn values<E: From<StateError>>(
        &self,
        row: &CursorRow,
        mut see: impl FnMut(String, String) -> Result<(), E>,
    ) -> Result<(), E> {
        if row.values == 0 {
            return Ok(());
        }
        let sql = "SELECT key, value FROM cursor_values WHERE extractor = ?1 AND period = ?2 ORDER BY key";
        let mut statement = self.connection.prepare(sql).map_err(StateError::from)?;
        let key = [row.extractor.as_str(), row.window.as_deref().unwrap_or_default()];
        let rows = statement.query_map(key, |row| Ok((row.get(0)?, row.get(1)?))).map_err(StateError::from)?;
        rows.map(|row| row.map_err(StateError::from)).try_for_each(|row| {
            let (key, value) = row?;
            see(key, value)
        })
    }
}

/// Keep values and a cursor, inside the transaction that makes durable what they stand for.
pub(super) fn keep(connection: &Connection, run_id: i64, kept: &Kept<'_>) -> Result<(), StateError> {
    let Kept { key: CursorKey { extractor, period }, cursor, values } = kept;
    for (key, value) in *values {
        let sql = match value {
            Some(_) => {
                "INSERT OR REPLACE INTO cursor_values (extractor, period, key, value, run_id)
                 VALUES (?1, ?2, ?3, ?4, ?5)"
            }
            None => "DELETE FROM cursor_values WHERE extractor = ?1 AND period = ?2 AND key = ?3 AND ?4 IS NULL AND ?5",
        };
        connection.prepare_cached(sql)?.execute(params![extractor, period, key, value, run_id])?;
    }
    if values.values().any(Option::is_some) {
        let sql = "SELECT count(*) FROM cursor_values WHERE extractor = ?1 AND period = ?2";
        let count: u64 = connection.query_row(sql, [extractor, period], |row| row.get(0))?;
        if count > MAX_VALUES {
            return Err(StateError::TooManyValues);
        }
    }
    if let Some(cursor) = cursor {
        connection.execute(
            "INSERT OR REPLACE INTO cursors (extractor, period, value, run_id) VALUES (?1, ?2, ?3, ?4)",
            params![extractor, period, cursor, run_id],
        )?;
        let sql = "UPDATE extraction_runs SET cursor_value = ?2 WHERE run_id = ?1";
        connection.execute(sql, params![run_id, cursor])?;
    }
    Ok(())
}

/// Record what was made of a resource, in place of what was made of it before.
pub(super) fn derive(
    connection: &Connection,
    key: &DerivationKey,
    validators: &Validators,
    maker: &Digest,
    paths: &[String],
) -> Result<(), StateError> {
    let DerivationKey { source, extractor, resource } = key;
    let Validators { url, etag, last_modified } = validators;
    let sql = "INSERT OR REPLACE INTO derivations (source, extractor, resource, url, etag, last_modified, maker)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let row = params![source, extractor, resource.0, url, etag, last_modified, maker.0];
    connection.prepare_cached(sql)?.execute(row)?;
    let sql = "DELETE FROM derived_files WHERE source = ?1 AND extractor = ?2 AND resource = ?3";
    connection.prepare_cached(sql)?.execute(params![source, extractor, resource.0])?;
    let sql = "INSERT OR IGNORE INTO derived_files (source, extractor, resource, path) VALUES (?1, ?2, ?3, ?4)";
    let mut insert = connection.prepare_cached(sql)?;
    for path in paths {
        insert.execute(params![source, extractor, resource.0, path])?;
    }
    Ok(())
}
