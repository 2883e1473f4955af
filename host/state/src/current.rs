//! What each resource stands for now, since when, and what it stood for before.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};

use super::rows::text;
use super::{State, StateError, schema};
use rules::domain::Resource;

/// The last change of a resource.
const LAST: &str = "SELECT max(change) FROM resource_changes WHERE source = ?1 AND resource = ?2 AND extractor = ?3";

/// What the view `current_files` shows. The host asks no view: whoever may write the database may make another of it.
const CURRENT: &str = "
    SELECT c.path, c.source, f.url, c.resource, c.changed_at, c.run_id, f.sha256, f.size, f.stored_size, NULL, NULL
      FROM resource_changes c JOIN landed_files f ON f.path = c.path
     WHERE c.change = (SELECT max(l.change) FROM resource_changes l
                        WHERE l.source = c.source AND l.resource = c.resource AND l.extractor = c.extractor)
    UNION ALL
    SELECT f.path, f.source, f.url, NULL, r.started_at, f.run_id, f.sha256, f.size, f.stored_size, NULL, NULL
      FROM landed_files f LEFT JOIN extraction_runs r ON r.run_id = f.run_id
     WHERE f.run_id IS NOT NULL AND f.url IS NULL
       AND NOT EXISTS (SELECT 1 FROM resource_changes c WHERE c.path = f.path)";

/// All files that landed.
const ALL: &str = "
    SELECT f.path, f.source, f.url, NULL, r.started_at, f.run_id, f.sha256, f.size, f.stored_size, NULL, NULL
      FROM landed_files f LEFT JOIN extraction_runs r ON r.run_id = f.run_id";

/// Those that were erased.
const ERASED: &str = "
    SELECT e.path, e.source, e.url, NULL, r.started_at, e.run_id, e.sha256, e.size, e.stored_size, e.erased_at, e.reason
      FROM erased e LEFT JOIN extraction_runs r ON r.run_id = e.run_id";

/// Which files are wanted. All that is said has to hold.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Of this source.
    pub source: Option<String>,
    /// That hold what their resource stands for now.
    pub current: bool,
    /// That were erased, and no others.
    pub erased: bool,
    /// That this run landed.
    pub run: Option<i64>,
    /// That landed, or whose resource came to stand for them, after this run.
    pub since: Option<i64>,
    /// That came from this URL.
    pub url: Option<String>,
    /// Whose digest begins with this, in hexadecimal.
    pub digest: Option<String>,
    /// Whose run started on this day or later, in ISO 8601.
    pub from: Option<String>,
    /// Whose run started before this day.
    pub until: Option<String>,
}

/// A file of the landing zone, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Listed {
    /// Below the landing directory.
    pub path: String,
    /// The first part of its path.
    pub source: String,
    /// Where it came from.
    pub url: Option<String>,
    /// What stands for it now, where that was asked.
    pub resource: Option<String>,
    /// When it landed, or when that began: the start of the run.
    pub since: Option<String>,
    /// The run.
    pub run_id: Option<i64>,
    /// Of its content, in hexadecimal.
    pub sha256: Option<String>,
    /// Bytes before compression.
    pub size: Option<i64>,
    /// Bytes of the file.
    pub stored_size: Option<i64>,
    /// When it was erased, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<String>,
    /// Why it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Forget what resources stood for before `before`, in ISO 8601, but for what each stands for now; how many rows.
pub(super) fn forget_changes(connection: &Connection, before: &str) -> Result<usize, StateError> {
    Ok(connection.execute(
        "DELETE FROM resource_changes WHERE changed_at < ?1 AND change < (
             SELECT max(l.change) FROM resource_changes l
              WHERE l.source = resource_changes.source AND l.resource = resource_changes.resource
                AND l.extractor = resource_changes.extractor)
           -- Of what has no URL this alone says that something else took its place.
           AND NOT EXISTS (SELECT 1 FROM landed_files f WHERE f.path = resource_changes.path AND f.url IS NULL)",
        [before],
    )?)
}

impl State {
    /// The file that a resource stands for, as it was mirrored last.
    pub fn current(&self, source: &str, resource: &Resource) -> Result<Option<String>, StateError> {
        let sql = "SELECT path FROM resource_changes WHERE source = ?1 AND resource = ?2 AND extractor = ''
                    ORDER BY change DESC LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row([source, &resource.0], |row| row.get(0)).optional()?)
    }

    /// Show the files that are wanted, in the order of their paths.
    pub fn listed<E: From<StateError>>(
        &self,
        wanted: &Wanted,
        mut see: impl FnMut(Listed) -> Result<(), E>,
    ) -> Result<(), E> {
        let table = match (wanted.erased, wanted.current) {
            (true, _) => "erased",
            (false, true) => "resource_changes",
            (false, false) => "landed_files",
        };
        if !schema::has_table(&self.connection, table)? {
            return Ok(());
        }
        let (sql, values) = query(wanted);
        let mut statement = self.connection.prepare(&sql).map_err(StateError::from)?;
        let rows = statement.query_map(params_from_iter(values), listed).map_err(StateError::from)?;
        rows.map(|row| row.map_err(StateError::from)).try_for_each(|row| see(row?))
    }
}

/// The statement that gives what is wanted.
fn query(wanted: &Wanted) -> (String, Vec<Value>) {
    let (mut conditions, mut values) = (Vec::new(), Vec::new());
    let said = |value: &Option<String>| value.clone().map(Value::Text);
    for (value, condition) in [
        (said(&wanted.source), "source ="),
        (wanted.run.map(Value::Integer), "run_id ="),
        (wanted.since.map(Value::Integer), "run_id >"),
        (said(&wanted.url), "url ="),
        (said(&wanted.from), "substr(started_at, 1, 10) >="),
        (said(&wanted.until), "substr(started_at, 1, 10) <"),
    ] {
        if let Some(value) = value {
            values.push(value);
            conditions.push(format!("{condition} ?{}", values.len()));
        }
    }
    if let Some(digest) = &wanted.digest {
        values.push(Value::Text(digest.to_ascii_uppercase()));
        conditions.push(format!("substr(hex(sha256), 1, {}) = ?{}", digest.len(), values.len()));
    }
    let from = match (wanted.erased, wanted.current) {
        (true, _) => ERASED,
        (false, true) => CURRENT,
        (false, false) => ALL,
    };
    let columns = "path, source, url, resource, started_at, run_id, sha256, size, stored_size, erased_at, reason";
    let conditions = if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") };
    let sql = format!(
        "WITH files ({columns}) AS ({from}) SELECT {columns} FROM files WHERE {conditions} ORDER BY path, resource"
    );
    (sql, values)
}

fn listed(row: &Row<'_>) -> rusqlite::Result<Listed> {
    let sha256: Option<Vec<u8>> = row.get::<_, Value>(6).map(|value| match value {
        Value::Blob(bytes) => Some(bytes),
        _ => None,
    })?;
    let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Listed {
        path: text(row, 0)?.unwrap_or_default(),
        source: text(row, 1)?.unwrap_or_default(),
        url: text(row, 2)?,
        resource: text(row, 3)?,
        since: text(row, 4)?,
        run_id: super::rows::number(row, 5)?,
        sha256: sha256.map(hex),
        size: super::rows::number(row, 7)?,
        stored_size: super::rows::number(row, 8)?,
        erased_at: text(row, 9)?,
        reason: text(row, 10)?,
    })
}

/// Record that a resource stands for these files from now on, unless it does already.
pub(super) fn change(
    connection: &Connection,
    run_id: i64,
    (source, resource, extractor): (&str, &Resource, &str),
    paths: &[String],
) -> Result<(), StateError> {
    let key = params![source, resource.0, extractor];
    let last: i64 = connection.prepare_cached(LAST)?.query_row(key, |row| row.get::<_, Option<i64>>(0))?.unwrap_or(0);
    let sql = "SELECT path FROM resource_changes
                WHERE source = ?1 AND resource = ?2 AND extractor = ?3 AND change = ?4 ORDER BY path";
    let mut statement = connection.prepare_cached(sql)?;
    let before = statement.query_map(params![source, resource.0, extractor, last], |row| row.get(0))?;
    let before: Vec<String> = before.collect::<Result<_, _>>()?;
    let mut now: Vec<&String> = paths.iter().collect();
    let nothing = String::new();
    if now.is_empty() {
        // It stands for no file any more, and no file has this path.
        now.push(&nothing);
    }
    now.sort_unstable();
    now.dedup();
    if before.iter().eq(now.iter().copied()) {
        return Ok(());
    }
    let sql = "INSERT OR REPLACE INTO resource_changes (source, resource, extractor, change, path, run_id, changed_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6,
                       coalesce((SELECT started_at FROM extraction_runs WHERE run_id = ?6), ''))";
    let mut insert = connection.prepare_cached(sql)?;
    for path in now {
        insert.execute(params![source, resource.0, extractor, last + 1, path, run_id])?;
    }
    Ok(())
}
