//! What goes into the database and comes out of it, as the rest of the host knows it.

use std::collections::BTreeMap;

use super::QuarantinedFact;

use rusqlite::Row;
use rusqlite::types::ValueRef;

use rules::domain::{Digest, Resource, Scope};
use rules::name::Place;
use rules::validators::Validators;

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
    /// What was used of each budget and what was allowed; nothing where the run was not the host's, or did not end.
    pub budgets: Option<serde_json::Value>,
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

/// A file that was found by listing a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRow {
    /// Below the landing directory.
    pub path: String,
    /// What its name tells of its content.
    pub fingerprint: String,
    /// Bytes of the file.
    pub stored_size: u64,
}

/// The validators that came with a resource last, and the file that they stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// What the answer said.
    pub validators: Validators,
    /// The file that holds its content.
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
        /// Where this run wrote it: what it went by.
        new: Option<Box<New>>,
    },
    /// What a resource's validators stand for.
    Seen {
        /// The source that it landed in.
        source: String,
        /// Which one.
        resource: Resource,
        /// What the answer said.
        validators: Validators,
        /// The file's path.
        path: String,
    },
    /// What a resource stands for from now on, where that is something else than before.
    Changed {
        /// The source that it landed in.
        source: String,
        /// Which one.
        resource: Resource,
        /// The file's path.
        path: String,
    },
    /// What an extractor made of a resource.
    Derived {
        /// Of which one, and who.
        key: DerivationKey,
        /// What the answer said, where that can be trusted.
        validators: Option<Validators>,
        /// What made it: the component and its parameters.
        maker: Digest,
        /// The files that hold it.
        paths: Vec<String>,
    },
    /// A content that was not as expected.
    Quarantined(Box<QuarantinedFact>),
}

/// What a run went by when it wrote a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct New {
    /// Where it belongs.
    pub place: Place,
    /// Recorded files of the same content that could not stand for it then.
    pub known: Vec<String>,
}

/// A content that two runs landed at the same time, so that it is in two files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubled {
    /// Its source.
    pub source: String,
    /// The file that this run wrote.
    pub path: String,
    /// The one that was recorded before it.
    pub other: String,
}

/// A resource that an extractor makes something of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DerivationKey {
    /// Where what is made lands.
    pub source: String,
    /// Who makes it.
    pub extractor: String,
    /// Of what.
    pub resource: Resource,
}

/// What was made of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// What the answer said that it was made of.
    pub validators: Validators,
    /// The files that hold it.
    pub files: Vec<FileRow>,
}

/// What an extractor wants kept with a checkpoint.
#[derive(Debug)]
pub struct Kept<'a> {
    /// Whose it is.
    pub key: &'a CursorKey,
    /// The cursor, where it moves.
    pub cursor: Option<&'a str>,
    /// Values by their keys; `None` forgets one.
    pub values: &'a BTreeMap<String, Option<String>>,
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

/// How a run ended.
#[derive(Debug)]
pub struct End<'a> {
    /// When, in ISO 8601.
    pub now: &'a str,
    /// Why it failed, if it did.
    pub failure: Option<&'a str>,
    /// What was used of each budget and what was allowed, as JSON.
    pub budgets: &'a str,
    /// What ran, what it was granted, and how it ended, as JSON.
    pub details: &'a str,
    /// The extractor whose sources are to be listed again next time, since files may have got their names unrecorded.
    pub forget: Option<&'a str>,
}

/// Whose cursor it is: an extractor's, of the runs that are for the same.
#[derive(Debug, Clone)]
pub struct CursorKey {
    pub(super) extractor: String,
    pub(super) period: String,
}

impl CursorKey {
    /// The extractor's name.
    pub fn extractor(&self) -> &str {
        &self.extractor
    }

    /// The cursor of that extractor and scope.
    pub fn new(extractor: &str, scope: &Scope) -> Self {
        Self { extractor: extractor.to_owned(), period: scope.to_string() }
    }

    /// What its runs are for.
    pub fn scope(&self) -> Scope {
        // It was written by `new`.
        self.period.parse().unwrap_or_default()
    }
}

/// A run, as `extraction_runs` has it, its ten columns first.
pub(super) fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    Ok(RunRow {
        run_id: row.get(0)?,
        extractor: text(row, 1)?.unwrap_or_default(),
        started_at: text(row, 2)?.unwrap_or_default(),
        finished_at: text(row, 3)?,
        status: text(row, 4)?.unwrap_or_default(),
        files_written: number(row, 5)?,
        files_skipped: number(row, 6)?,
        bytes_written: number(row, 7)?,
        cursor_value: text(row, 8)?,
        error_message: text(row, 9)?,
        budgets: text(row, 10)?.and_then(|text| serde_json::from_str(&text).ok()),
    })
}

/// A file, from four columns on.
pub(super) fn file_row(row: &Row<'_>, at: usize) -> rusqlite::Result<FileRow> {
    let sha256: Option<[u8; 32]> = row.get(at + 1)?;
    Ok(FileRow {
        path: row.get(at)?,
        sha256: sha256.map(Digest),
        size: row.get(at + 2)?,
        stored_size: row.get(at + 3)?,
    })
}

/// A value as text, whatever its type: other programs write this table too, and SQLite's columns take anything.
pub(super) fn text(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<String>> {
    Ok(match row.get_ref(at)? {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    })
}

/// A value as a number, where it is one.
pub(super) fn number(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<i64>> {
    Ok(match row.get_ref(at)? {
        ValueRef::Integer(number) => Some(number),
        ValueRef::Real(number) => Some(number as i64),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()),
        ValueRef::Null | ValueRef::Blob(_) => None,
    })
}
