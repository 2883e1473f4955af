//! How each extractor has fared, from the rows of its runs.

use std::collections::BTreeMap;

use rules::domain::Scope;
use rusqlite::Connection;

use super::rows::{number, text};
use super::{State, StateError, schema};

/// How an extractor has fared. Backfills count for what they landed, and for nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// The last run that ended, whatever became of it.
    pub last: Option<Past>,
    /// The last success.
    pub success: Option<Past>,
    /// The last failure, and its words.
    pub failure: Option<(Past, String)>,
    /// How many of the last runs ended as the last one did.
    pub streak: u64,
    /// The runs that say that they are running, the newest first: backfills, and the newest run that is none.
    pub running: Vec<Running>,
    /// The start of the last run that landed a new file.
    pub newest: Option<String>,
    /// Since the moment that was asked for.
    pub lately: Lately,
}

/// A run that ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    /// Its number.
    pub run_id: i64,
    /// When it started, in ISO 8601, as the row has it.
    pub started_at: String,
    /// When it ended.
    pub finished_at: Option<String>,
    /// Whether it succeeded.
    pub succeeded: bool,
}

/// Most runs of an extractor whose rows say that they are running that are looked at, the newest.
const MAX_RUNNING: usize = 1000;

/// What a row claims that its run is for; nothing where that is nothing that a host writes.
pub type Claimed = Option<Scope>;

/// A run whose row says that it is running.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Running {
    /// Its number.
    pub run_id: i64,
    /// When it started, in ISO 8601, as the row has it.
    pub started_at: String,
    /// What it is for, as the row has it, where that is not the newest data of everything.
    pub period: Option<String>,
    /// Whether it counts as lately.
    pub is_lately: bool,
}

/// What runs did since some moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Lately {
    /// Runs that ended.
    pub runs: u64,
    /// Of these, the failures.
    pub failures: u64,
    /// New files.
    pub files: u64,
    /// Compressed bytes of them.
    pub bytes: u64,
}

impl State {
    /// How all extractors have fared, by their names; what counts as lately began at `since`, in ISO 8601.
    pub fn histories(&self, since: &str) -> Result<BTreeMap<String, History>, StateError> {
        let period = period(&self.connection)?;
        let sql = format!(
            "SELECT run_id, extractor, started_at, finished_at, status, files_written, bytes_written, {period},
                    error_message
               FROM extraction_runs r ORDER BY run_id DESC"
        );
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let mut all: BTreeMap<String, History> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let name = text(row, 1)?.unwrap_or_default();
            let status = text(row, 4)?.unwrap_or_default();
            let past = Past {
                run_id: row.get(0)?,
                started_at: text(row, 2)?.unwrap_or_default(),
                finished_at: text(row, 3)?,
                succeeded: status == "success",
            };
            let count =
                |at| number(row, at).map(|count| count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0));
            let history = all.entry(name).or_default();
            let files = count(5)?;
            let period = text(row, 7)?;
            let is_backfill = period.is_some();
            let is_lately = past.started_at.as_str() >= since;
            if status == "running" && history.running.len() < MAX_RUNNING && (is_backfill || history.is_first()) {
                let Past { run_id, started_at, .. } = past.clone();
                history.running.push(Running { run_id, started_at, period, is_lately });
            }
            history.count(&past, &status, (files, count(6)?), is_lately);
            if !is_backfill && status != "running" {
                let words = if past.succeeded || history.failure.is_some() { None } else { text(row, 8)? };
                history.see(past, words);
            }
        }
        Ok(all)
    }

    /// Whether a run was a backfill.
    pub fn is_backfill(&self, run_id: i64) -> Result<bool, StateError> {
        let mut statement = self.connection.prepare("SELECT 1 FROM run_windows WHERE run_id = ?1")?;
        Ok(statement.exists([run_id])?)
    }

    /// Whether the last run before this one that was no backfill failed; nothing where there was none.
    pub fn failed_before(&self, extractor: &str, run_id: i64) -> Result<Option<bool>, StateError> {
        let sql = "SELECT status FROM extraction_runs WHERE extractor = ?1 AND run_id < ?2 AND status <> 'running'
                      AND run_id NOT IN (SELECT run_id FROM run_windows) ORDER BY run_id DESC LIMIT 1";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query((extractor, run_id))?;
        match rows.next()? {
            Some(row) => Ok(Some(text(row, 0)?.is_some_and(|status| status != "success"))),
            None => Ok(None),
        }
    }

    /// Whether an extractor has ever run.
    pub fn has_run(&self, extractor: &str) -> Result<bool, StateError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM extraction_runs WHERE extractor = ?1)";
        Ok(self.connection.prepare_cached(sql)?.query_row([extractor], |row| row.get(0))?)
    }
}

/// What says the window of the run `r` in SQL. A database of the original, or of an older host, has none.
pub(super) fn period(connection: &Connection) -> Result<&'static str, StateError> {
    Ok(match schema::has_table(connection, "run_windows")? {
        true => "(SELECT period FROM run_windows w WHERE w.run_id = r.run_id)",
        false => "NULL",
    })
}

/// The runs of an extractor that say that they are running, and what for.
pub(super) fn running(connection: &Connection, extractor: &str) -> Result<Vec<(i64, Claimed)>, StateError> {
    let sql = "SELECT run_id, (SELECT period FROM run_windows w WHERE w.run_id = r.run_id)
                 FROM extraction_runs r WHERE extractor = ?1 AND status = 'running'";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([extractor], |row| Ok((row.get(0)?, text(row, 1)?)))?;
    let known = |(run_id, period): (i64, Option<String>)| (run_id, claimed(period.as_deref()));
    Ok(rows.map(|row| row.map(known)).collect::<Result<_, _>>()?)
}

impl Running {
    /// What it claims to be for.
    pub fn scope(&self) -> Claimed {
        claimed(self.period.as_deref())
    }
}

/// What a row claims, by the period that it has.
pub(super) fn claimed(period: Option<&str>) -> Claimed {
    period.map_or_else(|| Some(Scope::default()), |period| period.parse().ok())
}

impl History {
    /// Whether no run that is no backfill was seen yet.
    fn is_first(&self) -> bool {
        self.last.is_none() && self.running.iter().all(|running| running.period.is_some())
    }

    /// What counts for every run, the newest first.
    fn count(&mut self, past: &Past, status: &str, (files, bytes): (u64, u64), is_lately: bool) {
        if files > 0 && self.newest.is_none() {
            self.newest = Some(past.started_at.clone());
        }
        if status != "running" && is_lately {
            self.lately.runs += 1;
            self.lately.failures += u64::from(!past.succeeded);
            self.lately.files += files;
            self.lately.bytes += bytes;
        }
    }

    /// What counts for those of the newest data that ended, the newest first.
    fn see(&mut self, past: Past, words: Option<String>) {
        let last = self.last.get_or_insert_with(|| past.clone());
        let unbroken = if last.succeeded { self.failure.is_none() } else { self.success.is_none() };
        if unbroken && last.succeeded == past.succeeded {
            self.streak += 1;
        }
        if past.succeeded {
            self.success.get_or_insert(past);
        } else if self.failure.is_none() {
            self.failure = Some((past, words.unwrap_or_default()));
        }
    }
}
