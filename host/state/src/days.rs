//! What runs did, day by day, and how large everything has become.

use std::collections::BTreeMap;

use super::rows::{number, text};
use super::{State, StateError, schema};

/// Most extractors that are told apart: the rest of a hostile database is left out.
const MAX_EXTRACTORS: usize = 10_000;

/// What the runs of one extractor did that started on one day (UTC).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Day {
    /// Successes.
    pub succeeded: u64,
    /// Failures.
    pub failed: u64,
    /// New files.
    pub files: u64,
    /// Contents that were there already.
    pub unchanged: u64,
    /// Compressed bytes of the new files.
    pub bytes: u64,
    /// Of all that ended, in seconds.
    pub seconds: u64,
    /// Of the longest, in seconds.
    pub longest: u64,
}

impl Day {
    /// How many of the contents that were looked at were there already, in per cent; nothing where none was.
    pub fn share_unchanged(&self) -> Option<u64> {
        self.unchanged.saturating_mul(100).checked_div(self.files.saturating_add(self.unchanged))
    }
}

/// Files of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSize {
    /// Its name.
    pub source: String,
    /// How many.
    pub files: u64,
    /// Their bytes as they are stored.
    pub bytes: u64,
}

impl State {
    /// What runs did since a day, `2025-01-31`, by extractor and day.
    pub fn days(&self, since: &str) -> Result<BTreeMap<String, BTreeMap<String, Day>>, StateError> {
        let sql = "SELECT extractor, substr(started_at, 1, 10), sum(status = 'success'), sum(status = 'failed'),
                          sum(files_written), sum(files_skipped), sum(bytes_written),
                          sum(strftime('%s', finished_at) - strftime('%s', started_at)),
                          max(strftime('%s', finished_at) - strftime('%s', started_at))
                     FROM extraction_runs WHERE started_at >= ?1 GROUP BY 1, 2 ORDER BY 1, 2";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([since])?;
        let mut all: BTreeMap<String, BTreeMap<String, Day>> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let count =
                |at| number(row, at).map(|value| value.and_then(|value| u64::try_from(value).ok()).unwrap_or(0));
            let day = Day {
                succeeded: count(2)?,
                failed: count(3)?,
                files: count(4)?,
                unchanged: count(5)?,
                bytes: count(6)?,
                seconds: count(7)?,
                longest: count(8)?,
            };
            let (extractor, date) = (text(row, 0)?.unwrap_or_default(), text(row, 1)?.unwrap_or_default());
            if all.len() < MAX_EXTRACTORS || all.contains_key(&extractor) {
                all.entry(extractor).or_default().insert(date, day);
            }
        }
        Ok(all)
    }

    /// The largest sources, and all of them together.
    pub fn sizes(&self, most: usize) -> Result<(Vec<SourceSize>, SourceSize), StateError> {
        let nothing = SourceSize { source: String::new(), files: 0, bytes: 0 };
        if !schema::has_table(&self.connection, "landed_files")? {
            return Ok((Vec::new(), nothing));
        }
        let sql = "SELECT source, count(*), sum(stored_size) FROM landed_files GROUP BY source ORDER BY 3 DESC, 1";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        let (mut largest, mut all) = (Vec::new(), nothing);
        while let Some(row) = rows.next()? {
            let count =
                |at| number(row, at).map(|value| value.and_then(|value| u64::try_from(value).ok()).unwrap_or(0));
            let size = SourceSize { source: text(row, 0)?.unwrap_or_default(), files: count(1)?, bytes: count(2)? };
            all.files += size.files;
            all.bytes = all.bytes.saturating_add(size.bytes);
            if largest.len() < most {
                largest.push(size);
            }
        }
        Ok((largest, all))
    }
}
