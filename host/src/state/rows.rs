//! What goes into the database and comes out of it, as the rest of the host knows it.

use crate::domain::{Digest, Resource, Window};

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

/// The validators that came with a resource last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validators {
    /// The URL that sent them, after redirects.
    pub url: String,
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
    /// What a resource's validators stand for.
    Seen {
        /// The source that it landed in.
        source: String,
        /// Which one.
        resource: Resource,
        /// The URL that sent them, after redirects.
        url: String,
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
    pub(super) extractor: String,
    pub(super) period: String,
}

impl CursorKey {
    /// The cursor of that extractor and window.
    pub fn new(extractor: &str, backfill: Option<Window>) -> Self {
        Self { extractor: extractor.to_owned(), period: backfill.map(|window| window.to_string()).unwrap_or_default() }
    }
}
