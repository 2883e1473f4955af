//! The words that all parts share: what a request, a response, a slot, a window and a receipt are.
//!
//! Pure types.

mod errors;

use std::fmt;
use std::pin::Pin;
use std::str::FromStr;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{BoxStream, Stream};
use http::HeaderMap;
use jiff::civil::Date;
use sha2::{Digest as _, Sha256};

use crate::validators::{FinalUrl, Validators};

pub use errors::{Fault, FetchError, LandError};

/// An HTTP request as an extractor asks for it; nothing in it has been checked yet.
#[derive(Debug, Clone)]
pub struct Request {
    /// The absolute URL, unparsed.
    pub url: String,
    /// The method's name, unparsed.
    pub method: String,
    /// Field names and values, in the order given, unparsed.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The content to send.
    pub body: Option<Bytes>,
    /// Names of secrets that the host is to add.
    pub secrets: Vec<String>,
    /// For which statuses it is repeated, whatever its method; `None` leaves that to the host.
    pub repeat_on: Option<Vec<u16>>,
    /// How many redirects are followed, where that is fewer than the host would; the next one is the response.
    pub follow: Option<u32>,
}

impl Request {
    /// A GET of `url`.
    pub fn get(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            method: "GET".into(),
            headers: Vec::new(),
            body: None,
            secrets: Vec::new(),
            repeat_on: None,
            follow: None,
        }
    }
}

/// An HTTP response whose body is still to be read.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Which URL answered, without secrets, as it is compared and recorded.
    pub url: FinalUrl,
    /// The same as the extractor is told it: with what it wrote itself as it wrote it.
    pub told: String,
    /// All fields.
    pub headers: HeaderMap,
    /// The decoded body.
    pub body: Body,
    /// Whether it has one, even if that is empty; the response to a HEAD has none.
    pub has_body: bool,
    /// What this response is a representation of.
    pub subject: Resource,
    /// Whether a later request can ask for the same again.
    pub repeatable: bool,
}

impl Response {
    /// What this response is a representation of; `None` where a later request cannot ask for the same again.
    pub fn resource(&self) -> Option<&Resource> {
        self.repeatable.then_some(&self.subject)
    }
}

/// The identity under which a response can be asked for again: the URL requested, and the fields that shaped the answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Resource(pub String);

/// A resource that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What asks for it again.
    pub resource: Resource,
    /// The URL that answered, as it may be kept.
    pub url: String,
    /// What it said, where that can be trusted.
    pub validators: Option<Validators>,
}

/// A body as it arrives: chunks, then the end, or an error and nothing after it.
pub struct Body(BoxStream<'static, Result<Bytes, FetchError>>);

impl Body {
    /// A body of the chunks that `stream` gives.
    pub fn new(stream: impl Stream<Item = Result<Bytes, FetchError>> + Send + 'static) -> Self {
        Self(stream.boxed())
    }

    /// A body of one chunk.
    pub fn from_bytes(content: impl Into<Bytes>) -> Self {
        let content = content.into();
        Self::new(futures::stream::iter((!content.is_empty()).then_some(Ok(content))))
    }
}

impl Stream for Body {
    type Item = Result<Bytes, FetchError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body")
    }
}

/// Something that the operator could grant and did not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grant {
    /// An HTTP origin, in its canonical text.
    Origin(String),
    /// A source, one directory of the landing zone.
    Source(String),
    /// A secret.
    Secret(String),
}

/// Where in a request a secret goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretPlace {
    /// `Authorization: Bearer SECRET` (RFC 6750, 2.1).
    #[default]
    Bearer,
    /// `Authorization: Basic …`, the secret being the password of this user (RFC 7617).
    Basic(String),
    /// A field of that name.
    Header(String),
    /// A parameter of that name in the URL's query.
    Query(String),
}

impl fmt::Display for SecretPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bearer => f.write_str("as a bearer token"),
            Self::Basic(user) => write!(f, "as the password of the user `{user}`"),
            Self::Header(name) => write!(f, "in the field `{name}`"),
            Self::Query(name) => write!(f, "in the query parameter `{name}`"),
        }
    }
}

/// What names a file, beside its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The extension, without a dot and without `.gz`; unchecked.
    pub extension: String,
    /// The day that the content belongs to, where it is not the run's own.
    pub date: Option<Date>,
}

/// What became of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// A new file holds it.
    Written,
    /// A file of this source held it already.
    Unchanged,
}

/// SHA-256 of content before compression; its text is lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Over several texts, each with its length, so that no two lists have the same.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// The first `digits` hexadecimal digits, at most 64.
    pub fn hex(&self, digits: usize) -> String {
        let mut text = self.to_string();
        text.truncate(digits);
        text
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where the content is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Receipt {
    /// The file's path below the landing directory.
    pub path: String,
    /// Of the content before compression.
    pub sha256: Digest,
    /// Bytes before compression.
    pub size: u64,
    /// Bytes of the file.
    pub stored_size: u64,
    /// Whether this run wrote it.
    pub outcome: Outcome,
    /// Where the content came from; `None` where the extractor made it.
    pub url: Option<String>,
}

/// How much a message of the log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the five levels that every logger has")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// Days to extract: `start` is in the window, `end` is not. Its text is `2025-01-01..2026-01-01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first day.
    pub start: Date,
    /// The day after the last.
    pub end: Date,
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (start, end) = text
            .split_once("..")
            .ok_or("a window is two days with `..` between them, such as 2025-01-01..2026-01-01")?;
        let (start, end) = (parse_day(start)?, parse_day(end)?);
        if start >= end {
            return Err(format!("the window is empty: {start} is not before {end}, and the end is not included"));
        }
        Ok(Self { start, end })
    }
}

/// Read a day written as `YYYY-MM-DD`.
pub fn parse_day(text: &str) -> Result<Date, String> {
    let shaped = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    if !shaped {
        return Err(format!("`{text}` is not a day written as YYYY-MM-DD"));
    }
    text.parse().map_err(|_| format!("`{text}` is not a day of the calendar"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_half_open_days() {
        let window: Window = "2024-02-28..2024-03-01".parse().expect("a window");
        assert_eq!(window.to_string(), "2024-02-28..2024-03-01");
        for (text, reason) in [
            ("2025-01-01", "two days"),
            ("2025-01-01..2025-01-01", "empty"),
            ("2025-02-01..2025-01-01", "empty"),
            ("2025-02-29..2025-03-01", "calendar"),
            ("2025-1-1..2025-03-01", "YYYY-MM-DD"),
            ("2025-01-01T00..2025-03-01", "YYYY-MM-DD"),
            ("..", "YYYY-MM-DD"),
        ] {
            let error = text.parse::<Window>().expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn digests_read_as_hexadecimal() {
        let digest = Digest([0xab; 32]);
        assert_eq!(digest.hex(8), "abababab");
        assert_eq!(digest.to_string().len(), 64);
    }
}
