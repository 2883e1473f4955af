//! The append-only landing zone: the contract's `zone` interface, with builders.

use std::fmt;

use wit_bindgen::{StreamReader, StreamWriter};

pub use crate::bindings::landing::extractor::zone::{Outcome, Receipt, Slot, Source};
use crate::{Date, http, run};

/// Why nothing landed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The operator did not grant this source.
    Denied(String),
    /// A slot or source that names no valid file.
    Invalid(String),
    /// The request failed.
    Fetch(http::Error),
    /// The server answered, but with no content to land.
    Status(u16),
    /// The landing zone could not be written; the run will fail.
    Storage(String),
    /// Anything else; the text says what.
    Other(String),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(text) => write!(formatter, "the source is not granted: {text}"),
            Self::Invalid(text) => write!(formatter, "that names no file of the landing zone: {text}"),
            Self::Fetch(error) => error.fmt(formatter),
            Self::Status(status) => {
                write!(formatter, "the server answered with status {status} and no content to land")
            }
            Self::Storage(text) => write!(formatter, "the landing zone could not be written: {text}"),
            Self::Other(text) => formatter.write_str(text),
        }
    }
}

// `source` stays empty for `Fetch`: its text is already the whole of this error's text.
impl std::error::Error for Error {}

impl Slot {
    /// A slot for files of this extension, without a dot and without `.gz`, on the run's own day.
    pub fn new(extension: &str) -> Self {
        Self { extension: extension.to_owned(), date: None }
    }

    /// The same slot on another day.
    #[must_use]
    pub fn on(self, date: Date) -> Self {
        Self { date: Some(date), ..self }
    }
}

impl Source {
    /// The source that bears the extractor's own name, which is always granted.
    pub fn own() -> Result<Self, Error> {
        Self::open(&run::name())
    }
}

/// The two ends of a new stream of bytes, for [`Source::land_stream`].
///
/// Landing and writing have to go on together, for instance by [`join`](futures_util::future::join): each waits for
/// the other. Dropping the writer ends the content.
pub fn stream() -> (StreamWriter<u8>, StreamReader<u8>) {
    crate::bindings::wit_stream::new()
}
