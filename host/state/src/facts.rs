//! Facts of a run, written into the tables.

use rusqlite::{Connection, params};

use super::rows::{Counters, Doubled, Fact};
use super::{StateError, current, kept, quarantined};
use rules::validators::Validators;

/// Write facts and counters into the tables; the contents among them that another run has landed meanwhile.
pub(super) fn record(
    connection: &Connection,
    run_id: i64,
    facts: &[Fact],
    counters: Counters,
) -> Result<Vec<Doubled>, StateError> {
    let mut doubled = Vec::new();
    for fact in facts {
        doubled.extend(self::doubled(connection, fact)?);
        record_fact(connection, run_id, fact)?;
    }
    connection.execute(
        "UPDATE extraction_runs SET files_written = ?2, files_skipped = ?3, bytes_written = ?4 WHERE run_id = ?1",
        params![run_id, counters.files_written, counters.files_skipped, counters.bytes_written],
    )?;
    Ok(doubled)
}

/// The other file of a content that this run wrote, where another run wrote it at the same time. Transactions come one
/// after the other, so that of two runs the second one finds it, and never both.
fn doubled(connection: &Connection, fact: &Fact) -> Result<Option<Doubled>, StateError> {
    let Fact::File { source, file, new: Some(new), .. } = fact else { return Ok(None) };
    let Some(sha256) = file.sha256 else { return Ok(None) };
    let sql = "SELECT path FROM landed_files WHERE source = ?1 AND sha256 = ?2 AND path <> ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let others = statement.query_map(params![source, sha256.0, file.path], |row| row.get::<_, String>(0))?;
    for other in others {
        let other = other?;
        if new.place.fits(&other) && !new.known.contains(&other) {
            return Ok(Some(Doubled { source: source.clone(), path: file.path.clone(), other }));
        }
    }
    Ok(None)
}

fn record_fact(connection: &Connection, run_id: i64, fact: &Fact) -> Result<(), StateError> {
    match fact {
        Fact::File { source, file, url, .. } => {
            let sha256 = file.sha256.map(|digest| digest.0);
            // A file that was found and only read keeps what is known of its origin.
            let sql = "INSERT INTO landed_files (path, source, sha256, size, stored_size, url, run_id)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                       ON CONFLICT (path) DO UPDATE
                       SET sha256 = excluded.sha256, size = excluded.size, stored_size = excluded.stored_size,
                           url = coalesce(excluded.url, url),
                           run_id = iif(excluded.url IS NULL, run_id, excluded.run_id)";
            let mut statement = connection.prepare_cached(sql)?;
            statement.execute(params![file.path, source, sha256, file.size, file.stored_size, url, run_id])?;
        }
        Fact::Seen { source, resource, validators: Validators { url, etag, last_modified }, path } => {
            // One that says nothing of itself tells only that it was there.
            let silent = etag.is_none() && last_modified.is_none();
            let or = if silent { "IGNORE" } else { "REPLACE" };
            let sql = format!(
                "INSERT OR {or} INTO validators (source, resource, url, etag, last_modified, path)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            statement.execute(params![source, resource.0, url, etag, last_modified, path])?;
        }
        Fact::Changed { source, resource, path } => {
            current::change(connection, run_id, (source, resource, ""), std::slice::from_ref(path))?;
        }
        Fact::Derived { key, validators, maker, paths } => {
            if let Some(validators) = validators {
                kept::derive(connection, key, validators, maker, paths)?;
            }
            current::change(connection, run_id, (&key.source, &key.resource, &key.extractor), paths)?;
        }
        Fact::Quarantined(fact) => quarantined::record(connection, run_id, fact)?,
    }
    Ok(())
}
