//! The words that all parts share: what a request, a response, a slot, a window and a receipt are.
//!
//! Pure types.

mod errors;
mod place;
mod scope;
pub mod signature;
mod step;
mod window;

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{BoxStream, Stream};
use http::HeaderMap;
use jiff::civil::Date;
use sha2::{Digest as _, Sha256};

use crate::validators::{FinalUrl, Validators};

pub use errors::{Fault, FetchError, LandError, Lasting};
pub use place::{Parts, SecretPlace};
pub use scope::{Part, Scope};
pub use step::Step;
pub use window::{Window, parse_day};

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
    /// A file held it until somebody had that erased, and it does not land again. Extractors are told that it is unchanged.
    Erased,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_read_as_hexadecimal() {
        let digest = Digest([0xab; 32]);
        assert_eq!(digest.hex(8), "abababab");
        assert_eq!(digest.to_string().len(), 64);
    }
}
