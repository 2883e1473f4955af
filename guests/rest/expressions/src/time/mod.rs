//! Dates, times and lengths of time as the reference reads, writes and adds them. Nothing here asks what time it is.

mod civil;
mod format;
mod iso;
mod parse;
mod span;

use thiserror::Error;

pub use civil::{Clock, Date, DateTime, days_in_month, is_leap};
pub(crate) use format::zone_name;
pub use format::{format, strftime, strftime_date};
pub use iso::{isoparse, parse_span};
pub use parse::{parse, parse_number, strptime};
pub use span::Span;

/// Why a text is no time, or a time cannot be computed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct TimeError {
    kind: &'static str,
    message: String,
}

impl TimeError {
    fn new(message: impl Into<String>) -> Self {
        Self::kind("ValueError", message)
    }

    fn overflow(message: impl Into<String>) -> Self {
        Self::kind("OverflowError", message)
    }

    fn kind(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The name of Python's exception: it decides whether a template falls back to its own text.
    pub fn python(&self) -> &'static str {
        self.kind
    }
}
