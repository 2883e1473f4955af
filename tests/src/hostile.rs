//! Answers that bend HTTP or break it, each with what must come of it.
//!
//! The judge is RFC 9110 and RFC 9112; where they leave a choice, what can be read in two ways must not land.

mod bodies;
mod framing;
mod heads;
pub mod http2;
mod redirects;

pub use bodies::bodies;
pub use framing::framing;
pub use heads::{fields, status_lines};
pub use http2::http2;
pub use redirects::redirects;

use crate::Reply;

/// What most answers carry.
pub const CSV: &[u8] = b"a,b\n1,2\n";

/// One answer, and what must come of it.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it is.
    pub what: String,
    /// What the source says when it is asked.
    pub reply: Reply,
    /// What must come of it.
    pub comes: Comes,
}

/// What comes of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comes {
    /// Exactly this content lands.
    Whole(Vec<u8>),
    /// Nothing lands, and the extractor is told so in words that contain these.
    Nothing(&'static str),
}

/// These bytes, of which this content must land.
fn whole(what: impl Into<String>, answer: impl Into<Vec<u8>>, content: impl Into<Vec<u8>>) -> Case {
    Case { what: what.into(), reply: Reply::raw(answer), comes: Comes::Whole(content.into()) }
}

/// These bytes, of which nothing must land.
fn nothing(what: impl Into<String>, answer: impl Into<Vec<u8>>, says: &'static str) -> Case {
    Case { what: what.into(), reply: Reply::raw(answer), comes: Comes::Nothing(says) }
}

/// A 200 with these field lines, none of which is looked at, and this body.
pub fn answer(fields: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Vec<u8> {
    [b"HTTP/1.1 200 OK\r\n", fields.as_ref(), b"\r\n\r\n", body.as_ref()].concat()
}

/// A 200 with these field lines and a right length.
pub fn framed(fields: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Vec<u8> {
    let length = format!("\r\nContent-Length: {}", body.as_ref().len());
    answer([fields.as_ref(), length.as_bytes()].concat(), body)
}
