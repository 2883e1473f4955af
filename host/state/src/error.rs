//! Why the state could not be read or written.

use rules::domain::{Fault, LandError};
use rules::text;

/// Why the state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file is no database, or a damaged one.
    #[error("the state database is damaged: {}", brief(.0))]
    Corrupt(rusqlite::Error),
    /// Another process holds it.
    #[error("the state database is locked by another process")]
    Busy,
    /// It may not be written.
    #[error("the state database may not be written")]
    ReadOnly,
    /// Something that is no regular file has the name of the database, or of one of its side files.
    #[error("{0} is no regular file")]
    NoFile(String),
    /// A value in it is none that the host writes.
    #[error("the state database holds what no host wrote: {0}")]
    Odd(String),
    /// A value is larger than any that is read or written.
    #[error("a value of the state database is larger than 1 MiB")]
    TooLarge,
    /// An extractor keeps more values than it may.
    #[error("the extractor keeps more than {} values", super::kept::MAX_VALUES)]
    TooManyValues,
    /// It did not come to an end before the run had to.
    #[error("the state database took too long")]
    TooLong,
    /// A later version of the host made it.
    #[error("the state database has schema version {0}, which a newer host made")]
    Newer(i64),
    /// Another program made it.
    #[error("the state database was made by something else: {0}")]
    Foreign(String),
    /// Anything else that SQLite reports.
    #[error("the state database: {}", brief(.0))]
    Sqlite(rusqlite::Error),
}

impl StateError {
    /// The database is damaged in a way that SQLite does not notice by itself.
    pub fn damaged(how: impl Into<String>) -> Self {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        Self::Corrupt(rusqlite::Error::SqliteFailure(code, Some(how.into())))
    }

    /// Rows do not come in the order in which they have to be.
    pub(super) fn disordered(table: &str) -> Self {
        Self::damaged(format!("`{table}` is out of order"))
    }

    /// Whether the database is one of the host's that something happened to, so that a repair may replace it.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Corrupt(_) | Self::Odd(_) | Self::TooLarge)
    }
}

impl From<rusqlite::Error> for StateError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
        use rusqlite::ErrorCode::{
            DatabaseBusy, DatabaseCorrupt, DatabaseLocked, NotADatabase, OperationInterrupted, ReadOnly, TooBig,
        };
        match error {
            FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | Utf8Error(..) => {
                return Self::Odd(brief(&error));
            }
            _ => {}
        }
        match error.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => Self::Corrupt(error),
            Some(DatabaseBusy | DatabaseLocked) => Self::Busy,
            Some(ReadOnly) => Self::ReadOnly,
            Some(OperationInterrupted) => Self::TooLong,
            Some(TooBig) => Self::TooLarge,
            _ => Self::Sqlite(error),
        }
    }
}

impl From<StateError> for LandError {
    fn from(error: StateError) -> Self {
        Fault::new(error).into()
    }
}

/// What SQLite says, without the statement that it says it of. It quotes what is in the database.
fn brief(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqlInputError { msg, .. } | rusqlite::Error::SqliteFailure(_, Some(msg)) => text::line(msg),
        error => text::line(&error.to_string()),
    }
}
